"""What a file would change of its list, for a dry run: nothing is written."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched

from edgeward.imports.reading import Reading
from edgeward.imports.spool import Spool, SpoolCounts
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.lists.known_entries import known_entries
from edgeward.operations.guard import Judgement, with_reasons
from edgeward.operations.import_effect import EffectSearch, SeenEffect
from edgeward.operations.protection import Protection
from edgeward.operations.services import Services
from edgeward.types import Entry, HashList, Signal, entry_id

HASHES_PER_CALL = 1000
SOURCES_PER_SCAN = 100_000
"""Withdrawn source ids that one scan of the list looks for."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A file beside its list.

    Attributes:
        new: hashes that are not on the list.
        known: hashes that are on it. They stay as they are.
        changed: those of `known` of which the file says another source id, other tags or another quality.
        withdrawn: entries that would be taken off the list.
        not_listed: hashes that the file withdraws and that are not on the list.
        effect: what the new ones would do to what was seen; None if they can do nothing (list off, monitor, allow), or
            the images seen are not read yet.
        held: why the import would be held until a second person approves it, as sentences.
    """

    new: int
    known: int
    changed: int
    withdrawn: int
    not_listed: int
    effect: SeenEffect | None
    held: Sequence[str] = ()


async def compare(
    services: Services, hash_list: HashList, spool: Spool, counts: SpoolCounts, reading: Reading
) -> Comparison:
    """Compare a file with its list as the store has it, and its new hashes with what was seen."""
    reading.begin("comparing", counts.total + counts.withdrawn)
    search = EffectSearch(services, hash_list)
    protection, protected = Protection(services, hash_list), 0
    effect = search.is_possible
    known = changed = 0
    for_listing = batched(spool.hashes(), HASHES_PER_CALL)
    while some := await asyncio.to_thread(_next, for_listing):
        reading.check()
        on_list = await known_entries(services.store, hash_list.name, [_id(hash_list, each.signal) for each in some])
        known += len(on_list)
        changed += sum(_differs(on_list.get(_id(hash_list, each.signal)), each) for each in some)
        if effect:
            new = [each.signal for each in some if _id(hash_list, each.signal) not in on_list]
            protected += await protection.count_hashes(new)
            await search.add(new)
        reading.done += len(some)
    withdrawn = 0
    for_removal = batched(spool.withdrawn(), HASHES_PER_CALL)
    while signals := await asyncio.to_thread(_next, for_removal):
        reading.check()
        ids = [_id(hash_list, each) for each in signals]
        withdrawn += len(await known_entries(services.store, hash_list.name, ids))
        reading.done += len(signals)
    judgement = await with_reasons(services, Judgement(search.effect, protected_hashes=protected))
    return Comparison(
        new=counts.total - known,
        known=known,
        changed=changed,
        withdrawn=withdrawn + await _of_sources(services, hash_list, spool, reading),
        not_listed=counts.withdrawn - withdrawn,
        effect=search.effect if effect else None,
        held=judgement.reasons,
    )


async def _of_sources(services: Services, hash_list: HashList, spool: Spool, reading: Reading) -> int:
    """How many entries have a withdrawn source id, besides those of which the file has the hash."""
    count = 0
    chunks = batched(spool.sources(), SOURCES_PER_SCAN)
    while sources := await asyncio.to_thread(_next, chunks):
        async for found in services.list_store.withdrawals.of_sources(hash_list.name, set(sources), act=""):
            reading.check()
            count += sum(not spool.has(each.signal) for each in found)
    return count


def _next[T](chunks: Iterator[Sequence[T]]) -> Sequence[T]:
    return next(chunks, ())


def _id(hash_list: HashList, signal: Signal) -> str:
    return entry_id(hash_list.name, signal)


def _differs(entry: Entry | None, parsed: ParsedHash) -> bool:
    """Whether the file says something else of a hash than its entry on the list does."""
    if entry is None:
        return False
    in_file = parsed.source_id, parsed.tags, parsed.signal.quality
    return (entry.source_id, entry.tags, entry.signal.quality) != in_file
