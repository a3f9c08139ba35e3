"""What a file would change of its list, for a dry run: nothing is written."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched

from edgeward.imports.reading import Reading
from edgeward.imports.row_masks import NO_MASKS, RowMasks
from edgeward.imports.spool import Spool, SpoolCounts
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.lists.known_entries import known_entries
from edgeward.matching.batches.row_sets import row_pieces, rows_of_signals, rows_of_sources
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
        known: hashes that are on it.
        changed: those of `known` of which the file says another source id, other tags or another quality.
        withdrawn: entries that would be taken off the list.
        not_listed: hashes that the file withdraws and that are not on the list.
        effect: what the new ones would do to what was seen; None if they can do nothing (list off, monitor, allow), or
            the images seen are not read yet.
        held: why the import would be held until a second person approves it, as sentences.
        replaces: whether those of `changed` get what the file says; else they stay as they are.
    """

    new: int
    known: int
    changed: int
    withdrawn: int
    not_listed: int
    effect: SeenEffect | None
    held: Sequence[str] = ()
    replaces: bool = False


async def compare(
    services: Services,
    hash_list: HashList,
    spool: Spool,
    counts: SpoolCounts,
    reading: Reading,
    masks: RowMasks = NO_MASKS,
) -> Comparison:
    """Compare a file with its list, as the store has single entries and this process those of batches; and what is new
    of it with what was seen. `masks`: what it lists and takes off besides."""
    reading.begin("comparing", counts.total + counts.withdrawn)
    search = EffectSearch(services, hash_list)
    protection, protected = Protection(services, hash_list), 0
    listed = _Listed(services, hash_list.name)
    effect = search.is_possible
    known = changed = 0
    hashes = batched(spool.hashes(), HASHES_PER_CALL)
    while some := await asyncio.to_thread(next, hashes, ()):
        reading.check()
        signals = [each.signal for each in some]
        on_list = await listed.entries_of(signals)
        known += len(on_list)
        changed += sum(_differs(on_list.get(each.signal), each) for each in some)
        if effect:
            new = [each for each in signals if each not in on_list]
            protected += await protection.count_hashes(new)
            await search.add(new)
        reading.done += len(some)
    again = masks.signals()
    while effect and (signals := [*await asyncio.to_thread(next, again, ())]):
        reading.check()
        protected += await protection.count_hashes(signals)
        await search.add(signals)
        reading.done += len(signals)
    withdrawn = 0
    for_removal = batched(spool.withdrawn(), HASHES_PER_CALL)
    while withdrawn_signals := await asyncio.to_thread(_next, for_removal):
        reading.check()
        withdrawn += len(await listed.entries_of(withdrawn_signals))
        reading.done += len(withdrawn_signals)
    judgement = await with_reasons(services, Judgement(search.effect, protected_hashes=protected))
    return Comparison(
        new=counts.total - known,
        known=known,
        changed=changed,
        withdrawn=withdrawn + masks.taken_off + await _of_sources(services, hash_list, spool, reading),
        not_listed=counts.withdrawn - withdrawn,
        effect=search.effect if effect else None,
        held=judgement.reasons,
    )


class _Listed:
    """What a list has."""

    def __init__(self, services: Services, name: str) -> None:
        self._store, self._name = services.store, name
        self._state = services.replica.matcher.batches(name).state

    async def entries_of(self, signals: Sequence[Signal]) -> dict[Signal, Entry | None]:
        """By signal, those entries that are on the list. None: one that this release can't read."""
        ids = [entry_id(self._name, signal) for signal in signals]
        single = await known_entries(self._store, self._name, ids)
        of_batches = await asyncio.to_thread(self._of_batches, signals)
        found: dict[Signal, Entry | None] = dict(of_batches)
        return found | {each: single[id_] for each, id_ in zip(signals, ids, strict=True) if id_ in single}

    def _of_batches(self, signals: Sequence[Signal]) -> dict[Signal, Entry]:
        refs = rows_of_signals(self._state, signals)
        return {each: self._state.provenance.entry(ref.batch, ref.row) for each, ref in refs.items()}


async def _of_sources(services: Services, hash_list: HashList, spool: Spool, reading: Reading) -> int:
    """How many entries have a withdrawn source id, besides those of which the file has the hash."""
    count = 0
    state = services.replica.matcher.batches(hash_list.name).state
    single = services.replica.matcher.single_entries(hash_list.name)
    chunks = batched(spool.sources(), SOURCES_PER_SCAN)
    while sources := set(await asyncio.to_thread(_next, chunks)):
        async for found in services.list_store.withdrawals.of_sources(hash_list.name, sources, act=""):
            reading.check()
            count += sum(not spool.has(each.signal) for each in found)
        pieces = row_pieces(state, await asyncio.to_thread(rows_of_sources, state, sources))
        while piece := await asyncio.to_thread(next, pieces, None):
            reading.check()
            count += sum(entry.id not in single and not spool.has(entry.signal) for _, entry in piece)
    return count


def _next[T](chunks: Iterator[Sequence[T]]) -> Sequence[T]:
    return next(chunks, ())


def _differs(entry: Entry | None, row: ParsedHash) -> bool:
    """Whether the file says something else of a hash than its entry on the list does."""
    if entry is None:
        return False
    return (entry.source_id, entry.tags, entry.signal.quality) != (row.source_id, row.tags, row.signal.quality)
