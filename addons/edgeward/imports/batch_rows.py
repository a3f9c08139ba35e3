"""The rows of an import that is listed as a batch, as they are staged: pieces of at most PIECE_ROWS rows of one signal
type and length, in the order of the ids of their entries."""

from collections.abc import Iterator, Sequence
from itertools import batched
from typing import Any, NamedTuple

from edgeward.imports.spool import Spool
from edgeward.matching.batches.packed_rows import PackedRows, pack
from edgeward.types import Part

PIECE_ROWS = 1000


class Piece(NamedTuple):
    """A piece: its number, its part as `ImportJob.parts` says it, and how many rows of that part came before."""

    number: int
    signal_type: str
    size: int
    before: int


def staged_pieces(spool: Spool, parts: Sequence[Sequence[Any]]) -> Iterator[bytes]:
    """The rows of a file as pieces. `parts`: of its counts."""
    for signal_type, size, _ in parts:
        for rows in batched(spool.rows(signal_type, size), PIECE_ROWS):
            yield pack(rows, size)


def pieces_of(parts: Sequence[Sequence[Any]]) -> Iterator[Sequence[Piece]]:
    """The pieces of each part, in the order in which they are staged."""
    number = 0
    for signal_type, size, rows in parts:
        starts = range(0, rows, PIECE_ROWS)
        yield [Piece(number + place, signal_type, size, start) for place, start in enumerate(starts)]
        number += len(starts)


def read_piece(staged: bytes, piece: Piece) -> PackedRows:
    """The rows of a piece. Raises DamagedSegment."""
    return PackedRows(staged, Part(piece.signal_type, piece.size, 0, 0, 0))
