"""Removals: entries taken off a list, one by one or all of an image, an act or a programme's record."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import batched

from edgeward.errors import NotFound
from edgeward.hashing.signal_registry import hashable_types
from edgeward.lists.list_store import CHUNK_SIZE
from edgeward.lists.row_removals import Choice
from edgeward.matching.batches.row_sets import rows_of_act, rows_of_sources
from edgeward.operations import entries, image_hashing, still_blocked, undo
from edgeward.operations.services import Services
from edgeward.operations.still_blocked import StillBlocked
from edgeward.operations.store import refuse_changes_after_loss
from edgeward.operations.undo import ENTRIES_PER_SLICE, ActStatus
from edgeward.operations.waiting import ChangeStatus, wait_applied
from edgeward.types import Change, Entry, Signal, View, entry_id

MAX_REPORTED = 1000
"""Removed entries that a result names. All are counted."""


@dataclass(frozen=True, slots=True)
class RemovalRequest:
    """From which list, who asks for it and why. `dry_run`: nothing is removed, and the result is what it would be."""

    list: str
    who: str
    why: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class EntriesRemoved:
    """The result of a removal.

    Attributes:
        entries: the first MAX_REPORTED of them.
        count: number of all.
        change: whether every process has applied it; of a dry run, the current lists.
        still: what still blocks the images of these entries.
        remaining: the act that listed them, if all are of one act, with the number of its entries that are left.
    """

    entries: Sequence[Entry]
    count: int
    change: ChangeStatus
    still: StillBlocked
    remaining: ActStatus | None
    dry_run: bool = False


async def of_entry(services: Services, id_: str, list_name: str | None, who: str, why: str) -> EntriesRemoved:
    """Remove an entry from its list (None: whichever it is on), and wait until no live process blocks by it.

    Raises:
        NotFound: there is no such list or entry.
    """
    refuse_changes_after_loss(services)
    if list_name:
        await services.list_store.get_list(list_name)
    name = list_name or entries.find(services, id_).list
    changes = await _remove(services, RemovalRequest(name, who, why), [id_])
    if not changes:
        raise NotFound(f"no entry of the list {name!r} has the ID {id_!r}")
    return await _removed(services, changes)


async def _remove(services: Services, asked: RemovalRequest, ids: Sequence[str]) -> list[Change]:
    """Remove the single entries and the rows of batches with these ids."""
    changes = await services.list_store.remove_entries(asked.list, ids, asked.who, asked.why)
    return [*changes, *await services.row_removals.remove(asked.list, ids, asked.who, asked.why)]


async def of_ids(services: Services, asked: RemovalRequest, ids: Sequence[str]) -> EntriesRemoved:
    """Remove those of at most CHUNK_SIZE entries that are on the list, in one step. There may be none.

    Raises:
        NotFound: there is no such list.
    """
    await _require_list(services, asked)
    distinct = list(dict.fromkeys(ids))
    if asked.dry_run:
        on_list = services.replica.matcher.entries(asked.list)
        found = await asyncio.to_thread(lambda: [entry for each in distinct if (entry := on_list.get(each))])
        return await _would_remove(services, found, len(found))
    return await _removed(services, await _remove(services, asked, distinct))


async def of_signals(services: Services, asked: RemovalRequest, signals: Sequence[Signal]) -> EntriesRemoved:
    """The same for the entries of these signals."""
    return await of_ids(services, asked, [entry_id(asked.list, signal) for signal in signals])


async def of_image(services: Services, asked: RemovalRequest, body: bytes) -> EntriesRemoved:
    """Remove all entries that listing this image can have made: of every signal type, and of its smaller copies.

    Raises:
        NotFound: there is no such list.
        BadImage: the bytes are neither an image nor an SVG.
        Unavailable: every hasher is busy.
    """
    views = services.replica.matcher.views
    hashed = await image_hashing.fingerprint(services, body, views | {View.SMALLER})
    listed = [each for name in hashable_types() for each in entries.candidates(hashed, name)]
    removed = await of_signals(services, asked, listed)
    gone = {entry.id for entry in removed.entries} if asked.dry_run else set[str]()
    return replace(removed, still=await still_blocked.by_image(services, hashed, gone))


async def of_act(services: Services, asked: RemovalRequest, act: str) -> EntriesRemoved:
    """Remove all entries that an act (a request, a takedown, an import) has listed, whoever else lists them too.

    Single entries are removed CHUNK_SIZE at a time, each chunk whole or not at all, and then those of batches in one
    step. There may be none.

    Raises:
        NotFound: there is no such list.
    """
    about = {"act": act}
    return await _of_many(services, asked, about, lambda entry: entry.act == act, lambda state: rows_of_act(state, act))


async def of_source(services: Services, asked: RemovalRequest, source_id: str) -> EntriesRemoved:
    """The same for all entries that have this id of a programme's record."""

    def wanted(entry: Entry) -> bool:
        return entry.source_id == source_id

    about = {"source_id": source_id}
    return await _of_many(services, asked, about, wanted, lambda state: rows_of_sources(state, {source_id}))


async def _of_many(
    services: Services,
    asked: RemovalRequest,
    about: Mapping[str, str],
    wanted: Callable[[Entry], bool],
    choice: Choice,
) -> EntriesRemoved:
    """`choice`: the rows of batches whose entries are wanted."""
    await _require_list(services, asked)
    if not all(about.values()):
        return await (_would_remove(services, [], 0) if asked.dry_run else _removed(services, []))
    singles = list(services.replica.matcher.single_entries(asked.list).values())
    found = await _wanted_of(singles, wanted)
    both = list(services.replica.matcher.in_both(asked.list).values())
    rows = await services.row_removals.choose(asked.list, choice, both, MAX_REPORTED)
    if asked.dry_run:
        return await _would_remove(services, [*found, *rows.entries], len(found) + rows.total)
    if found or rows.entries:
        noted = {**about, "list": asked.list, "entries": len(found) + rows.total}
        await services.audit_trail.note("entries.remove", asked.who, asked.why, **noted)
    who = asked.who, asked.why
    rows = await services.row_removals.remove_chosen(asked.list, choice, both, MAX_REPORTED, *who)
    gone, version, count = list[Entry](), rows.version, rows.total
    for some in batched(found, CHUNK_SIZE):
        ids = [entry.id for entry in some]
        made = await services.list_store.remove_entries(asked.list, ids, asked.who, asked.why)
        gone += [change.entry for change in made[: MAX_REPORTED - len(gone)] if change.entry]
        version, count = max([version, *(change.version for change in made)]), count + len(made)
    shown = [*gone, *rows.entries][:MAX_REPORTED]
    return await _gone(services, shown, count, version)


async def _require_list(services: Services, asked: RemovalRequest) -> None:
    if not asked.dry_run:
        refuse_changes_after_loss(services)
    await services.list_store.get_list(asked.list)


async def _wanted_of(listed: Sequence[Entry], wanted: Callable[[Entry], bool]) -> list[Entry]:
    """Those of these entries that are wanted."""
    found: list[Entry] = []
    for some in batched(listed, ENTRIES_PER_SLICE):
        found += filter(wanted, some)
        await asyncio.sleep(0)
    return found


async def _would_remove(services: Services, found: Sequence[Entry], count: int) -> EntriesRemoved:
    """`found`: all entries, or the first of them if there are `count`."""
    version = await services.list_store.version()
    change = ChangeStatus.of(version, await services.list_store.laggards(version))
    shown = found[:MAX_REPORTED]
    gone = {entry.id for entry in found}
    still = await still_blocked.by_signals(services, [entry.signal for entry in shown], count, gone)
    return EntriesRemoved(shown, count, change, still, None, dry_run=True)


async def _removed(services: Services, changes: Sequence[Change]) -> EntriesRemoved:
    """Of changes, of which two may be of one entry: a single one, and a row of a batch."""
    gone = {change.entry.id: change.entry for change in reversed(changes) if change.entry}
    count = len(gone) + sum(change.entry is None for change in changes)
    version = max((change.version for change in changes), default=0)
    return await _gone(services, list(reversed(gone.values())), count, version)


async def _gone(services: Services, gone: Sequence[Entry], count: int, version: int) -> EntriesRemoved:
    """`gone`: the first of `count` entries, which are removed by a version of the lists; 0: there were none."""
    change = await wait_applied(services.list_store, version or await services.list_store.version())
    remaining = await _remaining(services, {entry.act for entry in gone})
    still = await still_blocked.by_signals(services, [entry.signal for entry in gone], count)
    return EntriesRemoved(gone, count, change, still, remaining)


async def _remaining(services: Services, acts: Collection[str]) -> ActStatus | None:
    """The act that listed all of the removed entries, if others of it are left."""
    if len(acts) != 1 or "" in acts:
        return None
    try:
        (act,) = acts
        status = await undo.get(services, act)
    except NotFound:  # the store has lost its record, and no entry of it is left
        return None
    return status if status.listed else None
