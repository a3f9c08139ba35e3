"""The choice of bands and flips; that nothing is missed is tested in test_hamming_segment.py."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgeward.matching.segments.band_layout import CANDIDATE_COST, BandLayout
from edgeward.matching.segments.band_search import CROWDED, Bands, Runs, cheapest_units

LAYOUT = BandLayout(64, 4, 16)


def bands_of(keys: np.ndarray) -> Bands:  # type: ignore[type-arg]
    """`keys`: (rows, bands)."""
    order = np.argsort(keys, axis=0, kind="stable").T.astype(np.uint32)
    table = np.array([np.searchsorted(np.sort(column), np.arange((1 << 16) + 1)) for column in keys.T], np.uint32)
    return Bands(LAYOUT, table, np.ascontiguousarray(order))


@given(
    st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=1, max_size=4),
    st.integers(1, 9),
)
def test_units_are_chosen_at_the_least_cost(steps: list[list[int]], needed: int) -> None:
    """As by trying all choices; if there are too few units, the cost is infinite."""
    costs = np.cumsum([[0, *row] for row in steps], axis=1).astype(float)
    chosen, cost = cheapest_units(costs, needed)
    choices = itertools.product(range(4), repeat=len(steps))
    possible = [sum(costs[row, units] for row, units in enumerate(c)) for c in choices if sum(c) >= needed]
    assert cost == min(possible, default=float("inf"))
    if possible:
        assert sum(chosen) >= needed
        assert sum(costs[row, units] for row, units in enumerate(chosen)) == cost


def test_pieces_hold_every_place_once() -> None:
    """However runs and pieces overlap, also where runs are empty."""
    order = np.arange(1000, dtype=np.uint32)[::-1].copy()
    runs = Runs(np.array([5, 0, 700, 40, 9, 9]), np.array([0, 300, 0, 100, 0, 3]), 3)
    pieces = list(runs.pieces(order, np.array([70, 80])))
    rows = np.concatenate([rows for _, rows in pieces]).tolist()
    numbers = np.concatenate([numbers for numbers, _ in pieces]).tolist()
    assert rows == [*range(999, 699, -1), *range(959, 859, -1), *range(990, 987, -1)]
    assert numbers == [70] * 300 + [80] * 103
    assert list(Runs(np.zeros(0, np.int64), np.zeros(0, np.int64), 1).pieces(order, np.array([1]))) == []


def test_a_band_that_all_rows_share_is_left_out() -> None:
    """Its bucket holds everything. The others are looked up with more flips instead."""
    keys = np.random.default_rng(0).integers(0, 1 << 16, (CROWDED * 2, 4))
    keys[:, 2] = 77
    costly: list[int] = []
    found = sum(len(rows) for _, rows in bands_of(keys).candidates(np.array([[1, 2, 77, 4]]), 3, float("inf"), costly))
    assert not costly
    assert found < CROWDED / 8


def test_rows_that_share_all_bands_are_given_up() -> None:
    """No choice is cheaper than to compare all rows, so the query is handed back, and only that one."""
    keys = np.random.default_rng(0).integers(0, 1 << 16, (CROWDED * 2, 4))
    keys[::2] = 5
    costly: list[int] = []
    queries = np.array([[1, 2, 3, 4], [5, 5, 5, 5], [6, 7, 8, 9]])
    pieces = list(bands_of(keys).candidates(queries, 3, CROWDED * 4, costly))
    assert costly == [1]
    assert {number for numbers, _ in pieces for number in numbers.tolist()} <= {0, 2}


def test_equal_rows_are_in_the_smallest_bucket() -> None:
    """Only the rows of one bucket are candidates; a value whose buckets are all crowded is handed back."""
    keys = np.random.default_rng(0).integers(0, 1 << 16, (1000, 4))
    keys[:200, 1:] = 5
    keys[300:] = 5
    costly: list[int] = []
    queries = np.concatenate((keys[[0, 250]], [[5, 5, 5, 5]]))
    pieces = list(bands_of(keys).equal_candidates(queries, 100, costly))
    assert costly == [2]
    pairs = {pair for numbers, rows in pieces for pair in zip(numbers.tolist(), rows.tolist(), strict=True)}
    assert {(0, 0), (1, 250)} <= pairs
    assert len(pairs) < 10


def test_few_rows_are_given_up_sooner() -> None:
    """A query is handed back if its candidates alone cost more than to compare all rows."""
    keys = np.random.default_rng(0).integers(0, 1 << 16, (1000, 4))
    keys[:200] = 5
    for max_cost, given_up in ((1000 * CANDIDATE_COST, []), (100 * CANDIDATE_COST, [0])):
        costly: list[int] = []
        list(bands_of(keys).candidates(np.array([[5, 5, 5, 5]]), 3, max_cost, costly))
        assert costly == given_up
