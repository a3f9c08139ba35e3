"""Which rows of the batches of one list are listed: a bit for each, in memory."""

import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgeward.errors import DamagedSegment
from edgeward.matching.segments.segment_rows import Numbers

type Bits = NDArray[np.uint8]
"""Eight rows a byte; the first row is the highest bit of the first byte."""

_BIT = np.array([0x80 >> bit for bit in range(8)], np.uint8)


class ListedRows:
    """A bit for each row of each batch: whether it is listed. At first none is.

    Attributes:
        bases: by the id of a batch, the place of its first row among the bits of all. A multiple of 8.
        bits: those of all batches.
    """

    def __init__(self, rows: Mapping[str, int]) -> None:
        """`rows`: by the id of a batch, how many rows it has."""
        self.bases: dict[str, int] = {}
        end = 0
        for batch_id, count in rows.items():
            self.bases[batch_id] = end
            end += -(-count // 8) * 8
        self._rows = dict(rows)
        self.bits: Bits = np.zeros(end // 8, np.uint8)

    def of(self, batch_id: str) -> Bits:
        """The bits of a batch, to be changed in place. Those after its last row are 0, and must stay so."""
        first = self.bases[batch_id] // 8
        return self.bits[first : first + -(-self._rows[batch_id] // 8)]

    def set_all(self, batch_id: str) -> None:
        """Switch on all rows of a batch."""
        bits, count = self.of(batch_id), self._rows[batch_id]
        bits[:] = 0xFF
        if count % 8:
            bits[-1] = 0xFF << (8 - count % 8) & 0xFF

    def switch_off(self, batch_id: str, row: int) -> bool:
        """Switch off a row; returns whether it was on. A row that there is not is ignored."""
        if not 0 <= row < self._rows.get(batch_id, 0):
            return False
        place = self.bases[batch_id] + row
        was_on = bool(self.bits[place >> 3] & _BIT[place & 7])
        self.bits[place >> 3] &= ~_BIT[place & 7]
        return was_on

    def is_on(self, batch_id: str, row: int) -> bool:
        """Whether a row is listed; False if there is no such row."""
        if not 0 <= row < self._rows.get(batch_id, 0):
            return False
        place = self.bases[batch_id] + row
        return bool(self.bits[place >> 3] & _BIT[place & 7])

    def at(self, places: Numbers) -> NDArray[np.bool_]:
        """Whether the rows at these places among the bits of all batches are listed."""
        on: NDArray[np.bool_] = (self.bits[places >> 3] & _BIT[places & 7]) != 0
        return on

    def count(self, batch_id: str, first: int, stop: int) -> int:
        """How many rows of a batch are on, from the first number to before the second."""
        return _count(self.of(batch_id), first, stop)

    def numbers(self, batch_id: str, first: int, stop: int) -> Numbers:
        """The rows of a batch that are on, from the first number to before the second, in order."""
        bits = self.of(batch_id)[first // 8 : -(-stop // 8)]
        start = first // 8 * 8
        return np.flatnonzero(np.unpackbits(bits)[first - start : stop - start]) + first

    def copy_from(self, other: "ListedRows") -> None:
        """Take over the bits of all batches that both have."""
        for batch_id in self.bases.keys() & other.bases.keys():
            self.of(batch_id)[:] = other.of(batch_id)


def has_bit(bits: Bits, row: int) -> bool:
    """Whether the bit of a row is set."""
    return bool(bits[row >> 3] & _BIT[row & 7])


def compressed_bits(rows: NDArray[np.bool_]) -> bytes:
    """A mask of rows, as batches hold it (`adds_field`)."""
    return zlib.compress(np.packbits(rows).tobytes(), 6)


def read_bits(compressed: bytes, rows: int) -> Bits:
    """The bits of a mask of `rows` rows. Raises DamagedSegment."""
    size = -(-rows // 8)
    try:
        text = zlib.decompressobj().decompress(compressed, size + 1)
    except zlib.error:
        raise DamagedSegment("a mask of rows can't be read") from None
    bits = np.frombuffer(text, np.uint8)
    if len(bits) != size or _count(bits, rows, 8 * size):
        raise DamagedSegment(f"a mask is not of {rows} rows")
    return bits


def _count(bits: Bits, first: int, stop: int) -> int:
    if stop <= first:
        return 0
    some = bits[first // 8 : -(-stop // 8)]
    total = int(np.bitwise_count(some).sum(dtype=np.int64))
    before, after = int(some[0]) >> (8 - first % 8), int(some[-1]) & (0xFF >> stop % 8 if stop % 8 else 0)
    return total - before.bit_count() - after.bit_count()
