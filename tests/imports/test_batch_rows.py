"""The rows of an import that is listed as a batch, as they are staged."""

import random

from edgeward.imports.batch_rows import PIECE_ROWS, pieces_of, read_piece, staged_pieces
from edgeward.imports.spool import Spool
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.types import Signal, entry_id


def test_pieces_hold_all_rows_in_order() -> None:
    """Of each type and length by the ids of the entries, without what is withdrawn, with all that a file says."""
    chance = random.Random(1)
    rows = [ParsedHash(Signal("md5", chance.randbytes(16).hex()), "why", f"s{n}", ("x",)) for n in range(1500)]
    rows += [ParsedHash(Signal("pdq", chance.randbytes(32).hex(), 70)) for _ in range(3)]
    off = ParsedHash(Signal("sha1", chance.randbytes(20).hex()), withdrawn=True)
    spool = Spool(None, "ncii")
    for row in [*rows, off]:
        spool.add(row)
    counts = spool.finish()
    staged = list(staged_pieces(spool, counts.parts))
    parts = list(pieces_of(counts.parts))
    assert [len(pieces) for pieces in parts] == [2, 1]
    assert [piece.number for pieces in parts for piece in pieces] == list(range(len(staged)))
    found = []
    for pieces in parts:
        ids = []
        for piece in pieces:
            packed = read_piece(staged[piece.number], piece)
            assert piece.before == len(ids)
            assert len(packed) <= PIECE_ROWS
            signals = [packed.signal(number) for number in range(len(packed))]
            ids += [entry_id("ncii", signal) for signal in signals]
            details = [packed.row(number) for number in range(len(packed))]
            found += [
                ParsedHash(signal, row.reason, row.source_id, row.tags)
                for signal, row in zip(signals, details, strict=True)
            ]
        assert ids == sorted(ids)
    assert sorted(found, key=str) == sorted(rows, key=str)


def test_nothing_has_no_pieces() -> None:
    """A file that only withdraws."""
    spool = Spool(None, "ncii")
    spool.add(ParsedHash(Signal("md5", "0" * 32), withdrawn=True))
    counts = spool.finish()
    assert list(staged_pieces(spool, counts.parts)) == []
    assert list(pieces_of(counts.parts)) == []
