"""Which bits of a value form which band, and how many bands there are.

Multi-index hashing (bands.py has the source) finds values by bands of their bits. Band b takes every m-th bit, from bit
b on: neighbouring bits of real hashes depend on each other, so that bands of neighbours have crowded buckets. PDQs of
crops of photographs share a band's value 9 times as often as even values do with neighbouring bits, and 1.8 times with
every 11th. Up to m - 1 bits at the end of a value belong to no band; the distance counts them all the same.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeward.matching.segments.segment_rows import Numbers, Values

MIN_INDEXED_ROWS = 1 << 15
"""Fewer rows are compared one by one: that is as fast."""
MAX_WIDTH = 27
"""Bits of a band: each has a table of 2 ** width numbers of four bytes."""
PROBE_COST, CANDIDATE_COST, SCAN_COST = 32, 50, 4
"""Nanoseconds for looking up one bucket, comparing one row that was found, and comparing one row in order."""
WORD_BITS = 64


class BandLayout(NamedTuple):
    """`bands` bands of `width` bits each, of values of `bits` bits."""

    bits: int
    bands: int
    width: int

    def probes(self, radius: int) -> int:
        """Number of buckets that a query looks into, if it flips the same number of bits in all bands or one more."""
        flips, bands = top_level(self.bands, radius)
        below = sum(math.comb(self.width, count) for count in range(flips))
        return self.bands * below + bands * math.comb(self.width, flips)

    def cost(self, radius: int, rows: int) -> float:
        """Nanoseconds that a query takes, if the values of `rows` rows are even."""
        return self.probes(radius) * (PROBE_COST + CANDIDATE_COST * rows / (1 << self.width))

    def keys(self, values: Values) -> Numbers:
        """Each value's bits in each band, as an array of (number of values, bands)."""
        in_bands = np.unpackbits(values, axis=1)[:, : self.bands * self.width]
        # Bit b + m j of a value is bit j of band b.
        per_band = in_bands.reshape(len(values), self.width, self.bands)
        keys: Numbers = _powers(self.width) @ per_band
        return keys

    def keys_of(self, band: int, columns: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The bits in one band of values given as columns of words (words of a value, number of values)."""
        keys = np.zeros(columns.shape[1], np.uint64)
        for place in range(self.width):
            word, bit = divmod(band + self.bands * place, WORD_BITS)
            byte, below = divmod(bit, 8)
            # A word is little-endian, and a byte's first bit is its highest.
            shift = np.uint64(8 * byte + 7 - below)
            keys |= ((columns[word] >> shift) & np.uint64(1)) << np.uint64(place)
        return keys


def best_layout(rows: int, bits: int) -> BandLayout | None:
    """The layout with the cheapest lookup within an eighth of all bits; None: to compare all is as fast.

    Tables are at most twice as long as there are rows.
    """
    if rows < MIN_INDEXED_ROWS:
        return None
    widest = min(MAX_WIDTH, (2 * rows).bit_length() - 1, bits)
    layouts = {BandLayout(bits, bits // width, width) for width in range(1, widest + 1)}
    return min(layouts, key=lambda layout: (layout.cost(bits // 8 - 1, rows), layout))


def top_level(bands: int, radius: int) -> tuple[int, int]:
    """(flips, number): with `flips` flipped bits in `number` bands, and one fewer in the others, nothing is missed.

    If two values differ in more than t_b bits in each band b, they differ in at least the sum of all t_b + 1 bits. So
    nothing within the radius is missed if that sum is radius + 1.
    """
    flips = radius // bands
    return flips, radius + 1 - bands * flips


@lru_cache(maxsize=256)
def flip_masks(width: int, flips: int) -> Numbers:
    """All masks of `width` bits with exactly `flips` bits set, in ascending order."""
    if flips == 0:
        return np.zeros(1, np.int64)
    # By their highest bit.
    return np.concatenate([np.zeros(0, np.int64), *(flip_masks(bit, flips - 1) | 1 << bit for bit in range(width))])


@lru_cache(maxsize=32)
def flip_masks_below(width: int, flips: int) -> Numbers:
    """All masks with fewer than `flips` bits set, the one with none first."""
    return np.concatenate([np.zeros(0, np.int64), *(flip_masks(width, count) for count in range(flips))])


@lru_cache(maxsize=32)
def _powers(width: int) -> Numbers:
    return np.int64(1) << np.arange(width, dtype=np.int64)
