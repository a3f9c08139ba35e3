"""Search for entries: by hash, by what is near a hash, or by what is known of them, on one list or all."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from edgeward.errors import InvalidValue, NotFound
from edgeward.hashing import signals
from edgeward.lists.listed_entries import check_cursor
from edgeward.operations import lists
from edgeward.operations.services import Services
from edgeward.operations.store import refuse_changes_after_loss
from edgeward.types import Entry, Fingerprint, Signal, entry_id

MAX_READ = 20_000
"""Entries that one call reads at most, whether they are asked for or not."""
READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are asked for. "" stands for all.

    Attributes:
        list: name of their list.
        reason: a part of their reason, in any case.
        since, until: when they were listed, Unix seconds.
    """

    list: str = ""
    type: str = ""
    reason: str = ""
    source_id: str = ""
    act: str = ""
    tag: str = ""
    since: float = 0.0
    until: float = inf

    def selects(self, entry: Entry) -> bool:
        """Whether an entry is asked for."""
        wanted = (
            (self.list, entry.list),
            (self.type, entry.signal.type),
            (self.source_id, entry.source_id),
            (self.act, entry.act),
        )
        return (
            all(value in ("", has) for value, has in wanted)
            and self.since <= entry.added_at <= self.until
            and self.tag in ("", *entry.tags)
            and self.reason.casefold() in entry.reason.casefold()
        )


@dataclass(frozen=True, slots=True)
class EntriesFound:
    """Some entries. `distances`: of what is near a hash, in bits, in the same order. `cursor`: where the next call
    begins; "" if there are no more."""

    entries: Sequence[Entry]
    cursor: str = ""
    distances: Sequence[int] = ()


async def by_hash(services: Services, text: str, wanted: EntryFilter) -> EntriesFound:
    """The entries of a hash, "TYPE:HEX": at most one on each list.

    Raises:
        BadSignal: the hash is malformed.
        NotFound: there is no such list.
    """
    signal = signals.parse(text)
    found = []
    for name in await _names(services, wanted):
        entry = services.replica.matcher.entries(name).get(entry_id(name, signal))
        if entry is not None and wanted.selects(entry):
            found.append(entry)
    return EntriesFound(found)


async def near(services: Services, text: str, wanted: EntryFilter, cursor: str, limit: int) -> EntriesFound:
    """The entries that an image with this hash matches, nearest first: within the radius of each list that is not off.

    Raises:
        BadSignal: the hash is malformed.
        InvalidValue: the cursor is not that of an earlier call.
        NotFound: there is no such list.
    """
    signal = signals.validate(signals.parse(text))
    start = _number(cursor or "0")
    await _names(services, wanted)
    image = Fingerprint(signal.value if signal.type == "sha256" else "", "", 0, (Signal(signal.type, signal.value),))
    matches = [match for match in await services.replica.matcher.matches_async(image) if wanted.selects(match.entry)]
    some, end = matches[start : start + limit], start + limit
    entries, distances = [match.entry for match in some], [match.distance for match in some]
    return EntriesFound(entries, str(end) if end < len(matches) else "", distances)


async def scan(services: Services, wanted: EntryFilter, cursor: str, limit: int) -> EntriesFound:
    """About `limit` entries that are asked for, in no order; perhaps none, and a cursor.

    An entry that is listed all the time is found, perhaps more than once.

    Raises:
        InvalidValue: the cursor is not that of an earlier call.
        NotFound: there is no such list.
        Unavailable: the store lost lists that are not restored yet.
    """
    refuse_changes_after_loss(services)
    names = await _names(services, wanted)
    name, _, at = cursor.partition(":") if cursor else (names[0] if names else "", "", "0")
    check_cursor(at)
    found: list[Entry] = []
    for _ in range(MAX_READ // READ_AT_ONCE):
        if name not in names:  # it was deleted meanwhile
            name, at = next((each for each in names if each > name), ""), "0"
        if not name:
            return EntriesFound(found)
        try:
            some, at = await services.listed_entries.page(name, at, READ_AT_ONCE)
        except NotFound:
            some, at = [], "0"
        found += filter(wanted.selects, some)
        if at == "0":
            name = next((each for each in names if each > name), "")
        if len(found) >= limit:
            break
    return EntriesFound(found, f"{name}:{at}" if name else "")


async def _names(services: Services, wanted: EntryFilter) -> list[str]:
    """The lists that are searched, by name. Raises NotFound."""
    if wanted.list:
        return [(await lists.get(services, wanted.list)).hash_list.name]
    return sorted(each.hash_list.name for each in await lists.all_lists(services))


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise InvalidValue("not a cursor of this route", "cursor")
    return int(text)
