"""Experiments that may be upset for once, and not more often."""

import pytest
from tests.scenarios.tries import TRIES, seen


@pytest.mark.parametrize(("right", "made"), [(1, 1), (TRIES, TRIES), (TRIES + 1, TRIES)])
def test_the_first_that_ends_well_is_the_last(right: int, made: int) -> None:
    """There are no more than it takes, and never more than three."""
    numbers = iter(range(1, 10))
    assert seen(lambda: next(numbers) == right) == (right <= TRIES)
    assert next(numbers) == made + 1
