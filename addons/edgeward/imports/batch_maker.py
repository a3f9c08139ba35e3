"""Makes the batch of an import: compares its rows with the list, and writes what is new of them into the store.

A row that is listed already, with the same source id, tags and quality, is only marked in a mask of the batch that has
it. Any other is a row of the new batch. All other rows with these values are taken off in the same step, also those
that are off already: they stay so if what took them off is undone. So each value is listed once, and undoing the import
leaves what was before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeward.errors import Conflict
from edgeward.imports.batch_rows import PIECE_ROWS, Piece, pieces_of, read_piece
from edgeward.imports.import_jobs import ImportJob, ImportJobs
from edgeward.lists.batches.batch_data import BatchData
from edgeward.lists.batches.batch_store import Numbers
from edgeward.matching.batches.batch_index import BatchIndex
from edgeward.matching.batches.batch_writer import BatchWriter, PartPlan, mask_data
from edgeward.matching.batches.listed_rows import Bits, read_bits
from edgeward.matching.batches.packed_rows import PackedRows, Row
from edgeward.matching.matcher import Matcher
from edgeward.matching.segments.segment_rows import Values
from edgeward.types import Batch, RowRef, Signal, entry_id

type Masks = dict[str, NDArray[np.bool_]]
"""By the id of a batch, a value for each of its rows."""

SOURCES_AT_ONCE = 100_000
"""Withdrawn source ids that are looked for together."""


class MadeBatch(NamedTuple):
    """A batch whose data are written, and what it does."""

    batch: Batch
    numbers: Numbers


@dataclass(slots=True)
class _Split:
    """The rows of a piece: those that the batch gets, and how many of all are on the list already."""

    own: list[Row]
    known: int


class BatchMaker:
    """Makes a batch of one import, for the list as the matcher has it now.

    Args:
        check: awaited again and again. What it raises is raised.
    """

    def __init__(
        self,
        job: ImportJob,
        batch_id: str,
        jobs: ImportJobs,
        data: BatchData,
        matcher: Matcher,
        check: Callable[[], Awaitable[object]],
    ) -> None:
        self._job, self._id, self._jobs, self._data, self._check = job, batch_id, jobs, data, check
        self._index: BatchIndex = matcher.batches(job.list)
        self._single = matcher.single_entries(job.list)
        self._rows_of = {batch.id: batch.rows for batch in self._index.batches}
        self._adds: Masks = {}
        self._removes: Masks = {}
        self._writer = BatchWriter(job.list)

    async def make(self) -> MadeBatch:
        """Write the data, and return the batch."""
        done = 0
        # What it withdraws first: if a later row lists it after all, the spool has left it out there.
        withdrawn = await self._withdraw()
        known, off = await self._mark_rows()
        withdrawn += off
        for pieces in pieces_of(self._job.parts):
            if pieces:
                most = PIECE_ROWS * len(pieces)
                self._writer.open_part(PartPlan(pieces[0].signal_type, pieces[0].size, most))
            for piece in pieces:
                split = await self._split(piece)
                known, done = known + split.known, done + PIECE_ROWS
                await self._data.write(self._id, await asyncio.to_thread(self._writer.add, split.own))
                await self._jobs.note_prepared(self._job.id, min(done, self._job.total))
                await self._check()
            if pieces:
                await self._data.write(self._id, self._writer.close_part())
        await self._data.write(self._id, self._writer.counts())
        await self._data.write(self._id, mask_data(self._adds, self._removes))
        job = self._job
        batch = Batch(
            id=self._id,
            list=job.list,
            by=job.by,
            at=job.at,
            why=job.reason,
            act=job.id,
            parts=self._writer.parts,
            adds=_numbers(self._adds),
            removes=_numbers(self._removes),
        )
        return MadeBatch(batch, Numbers(job.total - known, known, withdrawn))

    async def _mark_rows(self) -> tuple[int, int]:
        """Take over the masks of the import. Returns how many of the rows that they add are on the list already, and
        how many of those that they remove are.

        Raises:
            Conflict: a batch of which it adds rows is not on the list any more.
        """
        known = off = 0
        listed = self._index.state.listed
        for number in range(self._job.masks):
            mask = await self._jobs.mask(self._job.id, number)
            if (rows := self._rows_of.get(mask.batch)) is None:
                if mask.adds:
                    raise Conflict(f"the list {self._job.list!r} has changed meanwhile: roll it back again")
                continue
            bits, on = _as_rows(read_bits(mask.bits, rows), rows), _as_rows(listed.of(mask.batch), rows)
            masks = self._adds if mask.adds else self._removes
            masks[mask.batch] = masks[mask.batch] | bits if mask.batch in masks else bits
            count = int(np.count_nonzero(bits & on))
            known, off = (known + count, off) if mask.adds else (known, off + count)
        # Rows that only say something else than others with their values are counted nowhere.
        return known, min(off, self._job.masked)

    async def _split(self, piece: Piece) -> _Split:
        staged = await self._jobs.piece(self._job.id, piece.number)
        # In a thread: a few milliseconds each.
        return await asyncio.to_thread(self._compare, read_piece(staged, piece), piece)

    def _compare(self, rows: PackedRows, piece: Piece) -> _Split:
        located = self._index.locate(piece.signal_type, piece.size, rows.values)
        added = dict[int, tuple[str, int]]()
        split = _Split([], 0)
        for number, (owner, place, is_on) in enumerate(
            zip(located.batch.tolist(), located.row.tolist(), located.on.tolist(), strict=True)
        ):
            row = rows.row(number)
            batch_id = located.batches[owner] if owner >= 0 else ""
            split.known += is_on or self._is_single(piece.signal_type, row)
            if is_on and not self._job.purge_again and self._says_the_same(batch_id, place, row):
                self._mark(self._adds, batch_id, place)
                added[number] = batch_id, place
            else:
                split.own.append(row)
        self._replace(piece.signal_type, rows.values, added)
        return split

    def _replace(self, signal_type: str, values: Values, added: Mapping[int, tuple[str, int]]) -> None:
        """Mark all other rows with these values, listed or not: if what took one off the list is undone, it must not be
        listed besides that of this batch. `added`: by position of the value, the row that the batch adds."""
        copies = self._index.state.copies(signal_type, values.shape[1], values)
        for number, owner, row in zip(copies.number.tolist(), copies.batch.tolist(), copies.row.tolist(), strict=True):
            if added.get(number) != (batch_id := copies.batches[owner], row):
                self._mark(self._removes, batch_id, row)

    def _is_single(self, signal_type: str, row: Row) -> bool:
        if not self._single:
            return False
        return entry_id(self._job.list, Signal(signal_type, row.value.hex())) in self._single

    def _says_the_same(self, batch_id: str, place: int, new: Row) -> bool:
        _, entry = self._index.row(RowRef(batch_id, place))
        return (entry.source_id, entry.tags, entry.signal.quality) == (new.source_id, new.tags, new.quality)

    def _mark(self, masks: Masks, batch_id: str, row: int) -> bool:
        """Mark a row; returns whether it was not marked."""
        mask = masks.get(batch_id)
        if mask is None:
            mask = masks[batch_id] = np.zeros(self._rows_of[batch_id], np.bool_)
        was = bool(mask[row])
        mask[row] = True
        return not was

    async def _withdraw(self) -> int:
        """Mark the listed rows that the file withdraws, by hash or by the id of their source. Returns how many."""
        count = 0
        for number in range(self._job.withdrawal_chunks):
            signals = await self._jobs.withdrawn_signals(self._job, number)
            count += await asyncio.to_thread(self._withdraw_signals, signals)
            await self._check()
        sources: set[str] = set()
        for number in range(self._job.source_chunks):
            sources.update(await self._jobs.sources(self._job, number))
            if len(sources) >= SOURCES_AT_ONCE or number == self._job.source_chunks - 1:
                count += await asyncio.to_thread(self._withdraw_sources, sources)
                sources = set()
            await self._check()
        return count

    def _withdraw_signals(self, signals: Sequence[Signal]) -> int:
        count = 0
        for (signal_type, size), some in _by_part(signals):
            values = np.frombuffer(b"".join(bytes.fromhex(each.value) for each in some), np.uint8).reshape(-1, size)
            located = self._index.locate(signal_type, size, values)
            for place in np.flatnonzero(located.on).tolist():
                batch_id = located.batches[int(located.batch[place])]
                count += self._mark(self._removes, batch_id, int(located.row[place]))
            self._replace(signal_type, values, {})
        return count

    def _withdraw_sources(self, sources: Collection[str]) -> int:
        found = [self._index.row(ref)[1].signal for ref in self._index.rows_of_sources(sources)]
        return self._withdraw_signals(found)


def _as_rows(bits: Bits, rows: int) -> NDArray[np.bool_]:
    """A value for each row, of its bit."""
    return np.unpackbits(bits)[:rows].astype(np.bool_)


def _by_part(signals: Iterable[Signal]) -> Iterator[tuple[tuple[str, int], list[Signal]]]:
    groups: dict[tuple[str, int], list[Signal]] = {}
    for signal in signals:
        groups.setdefault((signal.type, len(signal.value) // 2), []).append(signal)
    yield from groups.items()


def _numbers(masks: Masks) -> dict[str, int]:
    return {batch_id: int(np.count_nonzero(mask)) for batch_id, mask in masks.items()}
