"""Removals: entries taken off a list, one by one or all of an image, an act or a programme's record."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import batched

from edgeward.errors import NotFound
from edgeward.hashing.signal_registry import hashable_types
from edgeward.lists.list_store import CHUNK_SIZE
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
    change = await services.list_store.remove_entry(name, id_, who, why)
    return await _removed(services, [change])


async def of_ids(services: Services, asked: RemovalRequest, ids: Sequence[str]) -> EntriesRemoved:
    """Remove those of at most CHUNK_SIZE entries that are on the list, in one step. There may be none.

    Raises:
        NotFound: there is no such list.
    """
    await _require_list(services, asked)
    distinct = list(dict.fromkeys(ids))
    if asked.dry_run:
        on_list = services.replica.matcher.entries(asked.list)
        return await _would_remove(services, [on_list[each] for each in distinct if each in on_list])
    return await _removed(
        services, await services.list_store.remove_entries(asked.list, distinct, asked.who, asked.why)
    )


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

    CHUNK_SIZE at a time, each chunk whole or not at all. There may be none.

    Raises:
        NotFound: there is no such list.
    """
    return await _of_many(services, asked, "act", act, lambda entry: entry.act == act)


async def of_source(services: Services, asked: RemovalRequest, source_id: str) -> EntriesRemoved:
    """The same for all entries that have this id of a programme's record."""
    return await _of_many(services, asked, "source_id", source_id, lambda entry: entry.source_id == source_id)


async def _of_many(
    services: Services, asked: RemovalRequest, named: str, value: str, wanted: Callable[[Entry], bool]
) -> EntriesRemoved:
    await _require_list(services, asked)
    found = [] if not value else await _on_list(services, asked.list, wanted)
    if asked.dry_run:
        return await _would_remove(services, found)
    if found:
        about = {named: value, "list": asked.list, "entries": len(found)}
        await services.audit_trail.note("entries.remove", asked.who, asked.why, **about)
    shown, last, count = list[Change](), list[Change](), 0
    for some in batched(found, CHUNK_SIZE):
        ids = [entry.id for entry in some]
        made = await services.list_store.remove_entries(asked.list, ids, asked.who, asked.why)
        shown += made[: MAX_REPORTED - len(shown)]
        last, count = made[-1:] or last, count + len(made)
    return await _removed(services, shown, count, last)


async def _require_list(services: Services, asked: RemovalRequest) -> None:
    if not asked.dry_run:
        refuse_changes_after_loss(services)
    await services.list_store.get_list(asked.list)


async def _on_list(services: Services, list_name: str, wanted: Callable[[Entry], bool]) -> list[Entry]:
    """The entries of a list that are wanted, in this process's live copy."""
    found: list[Entry] = []
    for some in batched(list(services.replica.matcher.entries(list_name).values()), ENTRIES_PER_SLICE):
        found += filter(wanted, some)
        await asyncio.sleep(0)
    return found


async def _would_remove(services: Services, found: Sequence[Entry]) -> EntriesRemoved:
    version = await services.list_store.version()
    change = ChangeStatus.of(version, await services.list_store.laggards(version))
    shown = found[:MAX_REPORTED]
    gone = {entry.id for entry in found}
    still = await still_blocked.by_signals(services, [entry.signal for entry in shown], len(found), gone)
    return EntriesRemoved(shown, len(found), change, still, None, dry_run=True)


async def _removed(
    services: Services, changes: Sequence[Change], count: int = 0, last: Sequence[Change] = ()
) -> EntriesRemoved:
    """`changes`: the first ones, if there are `count` of them; the last one is the end of `last`."""
    gone = [change.entry for change in changes if change.entry]
    total, ending = max(count, len(changes)), last or changes
    version = ending[-1].version if ending else await services.list_store.version()
    change = await wait_applied(services.list_store, version)
    remaining = await _remaining(services, {entry.act for entry in gone})
    still = await still_blocked.by_signals(services, [entry.signal for entry in gone], total)
    return EntriesRemoved(gone, total, change, still, remaining)


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
