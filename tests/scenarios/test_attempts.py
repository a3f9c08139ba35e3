"""Experiments with several attempts."""

import pytest
from tests.scenarios.attempts import MAX_ATTEMPTS, succeeds_once


@pytest.mark.parametrize(("right", "made"), [(1, 1), (MAX_ATTEMPTS, MAX_ATTEMPTS), (MAX_ATTEMPTS + 1, MAX_ATTEMPTS)])
def test_the_first_success_is_the_last_attempt(right: int, made: int) -> None:
    """Attempts end with the first that succeeds, and after three."""
    numbers = iter(range(1, 10))
    assert succeeds_once(lambda: next(numbers) == right) == (right <= MAX_ATTEMPTS)
    assert next(numbers) == made + 1
