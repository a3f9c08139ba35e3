"""Synchronization: what a source ships is compared with what it has listed so far, before it is imported.

What it lists already is not listed again. If the file is its whole list, what the file lacks is withdrawn, unless
another act lists it too: a person, or another source.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from itertools import batched
from typing import Any

from edgeward.errors import Conflict
from edgeward.imports.reading import ReadFile, Reading
from edgeward.imports.source_acts import SourceActs
from edgeward.imports.spool import ListedHash, Spool
from edgeward.lists.known_entries import known_entries
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.services import Services
from edgeward.quantities import counted
from edgeward.types import Entry, entry_id

HASHES_PER_CALL = 1000
MAX_UNASKED_REMOVALS = 20
"""So many entries may be withdrawn whatever their share is."""


class LargeRemoval(Conflict):
    """The file would withdraw more than it may without a person's word. Nothing is changed."""


@dataclass(frozen=True, slots=True)
class Synchronization:
    """A file beside what its source has listed.

    Attributes:
        source: its name.
        listed: entries that the source has on the list; of a file that is not the whole list, those that it has too.
        unchanged: those of them that are in the file.
        missing: those that are not, and would be withdrawn; 0 if the file is not the whole list.
        kept: those that are not, and stay since other acts list them too.
        too_large: why so many are not withdrawn without `allow_large_removal`; "" if they may be.
    """

    source: str
    listed: int
    unchanged: int
    missing: int
    kept: int
    too_large: str = ""


async def synchronize(
    services: Services, request: ImportRequest, spool: Spool, file: ReadFile, reading: Reading
) -> tuple[ReadFile, Synchronization]:
    """Leave out of the spool what the source lists already, and add what is to be withdrawn. Returns the file with the
    new counts.

    Raises:
        LargeRemoval: it is no dry run, and too much would be withdrawn.
        StoreUnavailable: another server took over meanwhile.
    """
    acts = SourceActs(request.list, request.source)
    shipped = file.counts.total
    (on_list,) = (await services.list_store.counts([request.list]))[1]
    reading.begin("comparing", max(0, on_list) if request.sync else shipped)
    entries = services.list_store.scan(request.list) if request.sync else _known(services, request.list, spool)
    listed = unchanged = missing = kept = 0
    async for some in entries:
        reading.check()
        of_source = await _of_source(services, acts, some)
        listed += len(of_source)
        found = await asyncio.to_thread(spool.compare, of_source, request.sync)
        unchanged, missing, kept = unchanged + found.known, missing + found.missing, kept + found.kept
        reading.done += len(some)
    result = Synchronization(request.source, listed, unchanged, missing, kept)
    result = replace(result, too_large=_too_large(request, result, shipped))
    if result.too_large and not request.allow_large_removal and not request.dry_run:
        raise LargeRemoval(f"{result.too_large}; nothing was changed (allow_large_removal allows it)")
    return replace(file, counts=await asyncio.to_thread(spool.count)), result


async def _known(services: Services, list_name: str, spool: Spool) -> AsyncIterator[list[Entry]]:
    """The entries of the hashes of a file, in chunks."""
    hashes = batched(spool.hashes(), HASHES_PER_CALL)
    while some := await asyncio.to_thread(next, hashes, ()):
        ids = [entry_id(list_name, each.signal) for each in some]
        found = await known_entries(services.store, list_name, ids)
        yield [each for each in found.values() if each is not None]


async def _of_source(services: Services, acts: SourceActs, entries: Sequence[Entry]) -> list[ListedHash]:
    """Those entries that the source lists, with whether nobody else does."""
    if not entries:
        return []
    # Any: redis-py's types allow for decoded answers too; ours are bytes.
    redis: Any = services.store.redis
    key = services.store.key("{blocklist}", "demands", entries[0].list)
    later = await redis.hmget(key, [each.id for each in entries])
    found = []
    for entry, text in zip(entries, later, strict=True):
        all_acts = [entry.act, *(text or b"").decode().split()]
        if any(act in acts for act in all_acts):
            found.append(ListedHash(entry.signal, all(act in acts for act in all_acts), entry.source_id))
    return found


def _too_large(request: ImportRequest, result: Synchronization, shipped: int) -> str:
    """Why what is missing is too much to be withdrawn unasked; "" if it is not."""
    if not result.missing:
        return ""
    entries = counted(result.listed, "entry", "entries")
    if not shipped:
        return f"there is no hash in the file, and {request.source!r} has {entries} on the list {request.list!r}"
    if result.missing > max(MAX_UNASKED_REMOVALS, request.max_removal_share * result.listed):
        share = f"{100 * request.max_removal_share:g} %"
        return (
            f"the file lacks {result.missing} of the {entries} that {request.source!r} has on the list "
            f"{request.list!r}: more than {share}"
        )
    return ""
