"""Rows that may lie within a radius, found by their bands, at the least cost for each query.

A query may look up bands with different numbers of flipped bits, as long as nothing can be missed (`top_level` of
band_layout.py). Where buckets are crowded, as with many variants of one picture or with values made to share a band,
the cheapest numbers are chosen for that query alone: a crowded band may then be left out. Source: Qin et al., "GPH:
Similarity Search in Hamming Space", ICDE 2018.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeward.matching.segments.band_layout import (
    CANDIDATE_COST,
    PROBE_COST,
    BandLayout,
    flip_masks,
    flip_masks_below,
    top_level,
)
from edgeward.matching.segments.segment_rows import Numbers

PROBES_TOGETHER = 1 << 14
"""Buckets that are looked up together: about half a millisecond."""
CANDIDATES_PER_PIECE = 1 << 15
"""Candidates that are compared together: about two milliseconds."""
CROWDED = 1 << 15
"""Candidates of a query above which the cheapest numbers of flips are worth choosing."""
MAX_PLANNED_PROBES = 1 << 18
"""Buckets that are looked up to choose them."""

type Candidates = Iterator[tuple[Numbers, Numbers]]
"""Pieces of (position of the query, row), of equal length."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Buckets to look into: `starts` in the order of rows, and `counts`; `each` of them for each query."""

    starts: Numbers
    counts: Numbers
    each: int

    def pieces(self, order: NDArray[np.uint32], queries: Numbers) -> Candidates:
        """The rows in these buckets, with the position of the query: CANDIDATES_PER_PIECE at a time."""
        ends = np.cumsum(self.counts)
        total = int(ends[-1]) if len(ends) else 0
        for start in range(0, total, CANDIDATES_PER_PIECE):
            stop = min(start + CANDIDATES_PER_PIECE, total)
            # The runs that overlap this piece; the first and the last may do so in part.
            low, high = (0, len(ends)) if total == stop - start else np.searchsorted(ends, (start, stop - 1), "right")
            last = min(int(high) + 1, len(ends))
            until, begins = ends[low:last], self.starts[low:last]
            sizes = self.counts[low:last]
            offsets = begins - (until - sizes)
            if total != stop - start:
                sizes = np.minimum(until, stop) - np.maximum(until - sizes, start)
            places = np.repeat(offsets, sizes) + np.arange(start, stop)
            rows = order[places].astype(np.int64)
            if len(queries) == 1:
                yield np.broadcast_to(queries, rows.shape), rows
            else:
                yield np.repeat(queries[np.arange(low, last) // self.each], sizes), rows


class Bands:
    """The rows of a segment in the order of each of their bands.

    `table[b, v]` to `table[b, v + 1]` are the places in `order[b]` of the rows whose band b has the value v.
    """

    def __init__(self, layout: BandLayout, table: NDArray[np.uint32], order: NDArray[np.uint32]) -> None:
        self.layout = layout
        self.rows = order.shape[1]
        self._table, self._order = table.reshape(-1), order.reshape(-1)
        bands = np.arange(layout.bands, dtype=np.int64)
        self._tables, self._orders = bands * table.shape[1], bands * self.rows

    def candidates(self, keys: Numbers, radius: int, max_cost: float, costly: list[int]) -> Candidates:
        """Pieces of candidates; a row may come more than once. `keys` has the value of each query in each band.

        A query for which bands cost more than `max_cost` nanoseconds gets none: its position is added to `costly`.
        """
        flips, bands = top_level(self.layout.bands, radius)
        below, top = flip_masks_below(self.layout.width, flips), flip_masks(self.layout.width, flips)
        each = self.layout.bands * max(len(below), 1) + bands * len(top)
        together = max(1, PROBES_TOGETHER // each)
        for start in range(0, len(keys), together):
            some = keys[start : start + together]
            runs = self._lookup(some, below, top, bands)
            queries = np.arange(start, start + len(some))
            totals = runs.counts.reshape(len(some), -1).sum(axis=1)
            crowded = totals > min(CROWDED, max_cost / CANDIDATE_COST)
            if not crowded.any():
                yield from runs.pieces(self._order, queries)
                continue
            for number, query in enumerate(queries.tolist()):
                own = slice(number * runs.each, (number + 1) * runs.each)
                chosen: Runs | None = Runs(runs.starts[own], runs.counts[own], runs.each)
                if crowded[number]:
                    chosen = self._cheapest(some[number], radius, max_cost)
                if chosen is None:
                    costly.append(query)
                else:
                    yield from chosen.pieces(self._order, np.array([query]))

    def equal_candidates(self, keys: Numbers, most: int, costly: list[int]) -> Candidates:
        """Pieces of candidates for equality: the rows of the smallest bucket of each query.

        A query whose buckets all have more than `most` rows gets none: its position is added to `costly`.
        """
        nothing, top = flip_masks_below(self.layout.width, 0), flip_masks(self.layout.width, 0)
        together = max(1, PROBES_TOGETHER // self.layout.bands)
        for start in range(0, len(keys), together):
            runs = self._lookup(keys[start : start + together], nothing, top, 1)
            few = np.flatnonzero(runs.counts <= most)
            costly += (np.flatnonzero(runs.counts > most) + start).tolist()
            yield from Runs(runs.starts[few], runs.counts[few], 1).pieces(self._order, few + start)

    def _lookup(self, keys: Numbers, below: Numbers, top: Numbers, bands: int) -> Runs:
        """The buckets for each query: with the masks `below` in all bands, and `top` in those with the fewest rows."""
        every = np.broadcast_to(np.arange(self.layout.bands), keys.shape)
        if len(below):
            starts, counts = self._buckets(keys, every, below)
            if bands == self.layout.bands:
                chosen = every
            else:
                chosen = np.argsort(counts.reshape(*keys.shape, -1).sum(axis=2), axis=1)[:, :bands]
            more_starts, more_counts = self._buckets(np.take_along_axis(keys, chosen, axis=1), chosen, top)
            starts = np.concatenate((starts, more_starts), axis=1)
            counts = np.concatenate((counts, more_counts), axis=1)
        else:
            starts, counts = self._buckets(keys, every, top)  # one mask: no bit is flipped
            chosen = np.argsort(counts, axis=1)[:, :bands]
            starts, counts = np.take_along_axis(starts, chosen, axis=1), np.take_along_axis(counts, chosen, axis=1)
        return Runs(starts.reshape(-1), counts.reshape(-1), starts.shape[1])

    def _buckets(self, keys: Numbers, bands: Numbers, masks: Numbers) -> tuple[Numbers, Numbers]:
        """Where the buckets begin in `_order`, and their sizes; each as (queries, bands of each times masks)."""
        probes = (keys[:, :, None] ^ masks) + self._tables[bands][:, :, None]
        begins = np.take(self._table, probes).astype(np.int64)
        counts = np.take(self._table, probes + 1) - begins
        begins += self._orders[bands][:, :, None]
        return begins.reshape(len(keys), -1), counts.reshape(len(keys), -1)

    def _cheapest(self, keys: Numbers, radius: int, max_cost: float) -> Runs | None:
        """The cheapest buckets for one query; None if all cost more than `max_cost`."""
        width, bands = self.layout.width, self.layout.bands
        levels: list[tuple[Numbers, Numbers]] = []
        every, probes = np.arange(bands)[None, :], 0
        while len(levels) <= min(width, radius):
            masks = flip_masks(width, len(levels))
            probes += bands * len(masks)
            if probes > MAX_PLANNED_PROBES:
                break
            starts, counts = self._buckets(keys[None, :], every, masks)
            levels.append((starts.reshape(bands, -1), counts.reshape(bands, -1)))
            if len(levels) > top_level(bands, radius)[0] + 1:
                break
        costs = np.zeros((bands, len(levels) + 1))
        for level, (_, counts) in enumerate(levels):
            costs[:, level + 1] = counts.sum(axis=1) * CANDIDATE_COST + counts.shape[1] * PROBE_COST
        units, cost = cheapest_units(np.cumsum(costs, axis=1), radius + 1)
        if cost > max_cost:
            return None
        picked = [(level[0][band], level[1][band]) for band, number in enumerate(units) for level in levels[:number]]
        starts = np.concatenate([each for each, _ in picked])
        return Runs(starts, np.concatenate([each for _, each in picked]), len(starts))


def cheapest_units(costs: NDArray[np.float64], needed: int) -> tuple[list[int], float]:
    """How many units to take of each row, so that at least `needed` are taken at the least cost; and that cost.

    `costs[b, u]` is the cost of u units of row b. If there are too few units, the cost is infinite.
    """
    best = np.full(needed + 1, np.inf)
    best[0] = 0.0
    taken = np.zeros((len(costs), needed + 1), np.int64)
    units = np.arange(costs.shape[1])
    for row, of_row in enumerate(costs):
        # For each number that is to be reached: what was reached before each number of units of this row.
        before = np.maximum(np.arange(needed + 1)[:, None] - units, 0)
        totals = best[before] + of_row
        taken[row] = totals.argmin(axis=1)
        best = totals.min(axis=1)
    chosen, left = [0] * len(costs), needed
    for row in reversed(range(len(costs))):
        chosen[row] = int(taken[row, left])
        left = max(0, left - chosen[row])
    return chosen, float(best[needed])
