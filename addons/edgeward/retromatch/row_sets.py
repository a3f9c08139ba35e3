"""The rows of batches that images seen are matched against: those that a change has switched on, or all of a list.

A row that is off by now is left out: no image is listed for it.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from edgeward.matching.batches.batch_index import BatchIndex, BatchState
from edgeward.matching.batches.listed_rows import Bits, ListedRows, read_bits
from edgeward.matching.batches.open_batch import OpenBatch
from edgeward.types import Batch


class RowSet(NamedTuple):
    """Some rows of a batch: its files, and a bit for each of its rows, the first row the highest bit."""

    batch: Batch
    opened: OpenBatch
    bits: Bits

    def has(self, row: int) -> bool:
        """Whether a row is among them."""
        return bool(self.bits[row >> 3] & 0x80 >> (row & 7))


type Masks = Mapping[str, bytes | None]
"""By the id of an earlier batch the rows of it that a batch adds or removes, as they are stored; None: that is lost."""


def added_rows(batch: Batch, adds: Masks, index: BatchIndex) -> list[RowSet]:
    """The rows that a batch has switched on: its own, and those that it adds and that were off before.

    Batches that are undone by now are passed over. If one of them had taken off a row that this one adds, the undo has
    put it back: `restored_rows` has it.

    Raises:
        DamagedSegment: a mask can't be read.
    """
    state = index.state
    wanted = {other: bits & ~_on_before(state, batch.version, other) for other, bits in _read(state, adds).items()}
    if batch.id in state.opened:
        wanted[batch.id] = _all(batch.rows)
    return _listed(state, wanted)


def restored_rows(removes: Masks, index: BatchIndex) -> list[RowSet]:
    """The rows that the undo of a batch has put back, and those that others have put back before.

    Raises:
        DamagedSegment: a mask can't be read.
    """
    return _listed(index.state, _read(index.state, removes))


def all_rows(index: BatchIndex) -> list[RowSet]:
    """The rows that are listed."""
    state = index.state
    return _listed(state, {batch_id: _all(opened.rows) for batch_id, opened in state.opened.items()})


def _listed(state: BatchState, wanted: Mapping[str, Bits]) -> list[RowSet]:
    """Those of the wanted rows that are listed, by the version of their batch. Batches that have none are left out."""
    batches = sorted((each for each in state.folded.batches if each.id in wanted), key=lambda each: each.version)
    sets = [RowSet(batch, state.opened[batch.id], wanted[batch.id] & state.listed.of(batch.id)) for batch in batches]
    return [each for each in sets if each.bits.any()]


def _read(state: BatchState, masks: Masks) -> dict[str, Bits]:
    rows = {other: state.opened[other].rows for other in masks if other in state.opened}
    return {
        other: _all(rows[other]) if mask is None else read_bits(mask, rows[other])
        for other, mask in masks.items()
        if other in rows
    }


def _on_before(state: BatchState, version: int, other: str) -> Bits:
    """The rows of a batch that were on before this version."""
    rows = state.opened[other].rows
    one = ListedRows({other: rows})
    bits = one.of(other)
    single = [(when, ref.row) for ref, when in state.folded.removed.items() if ref.batch == other and when < version]
    single.sort(reverse=True)
    for batch in sorted(state.folded.batches, key=lambda each: each.version):
        if batch.undone or batch.version >= version:
            continue
        while single and single[-1][0] < batch.version:
            one.switch_off(other, single.pop()[1])
        opened = state.opened[batch.id]
        if batch.id == other:
            one.set_all(other)
        if other in batch.removes:
            bits &= ~opened.removes(other, rows)
        if other in batch.adds:
            bits |= opened.adds(other, rows)
    for _, row in single:
        one.switch_off(other, row)
    return bits


def _all(rows: int) -> Bits:
    return np.full(-(-rows // 8), 0xFF, np.uint8)
