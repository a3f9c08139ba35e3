"""How long a copy lingered."""

import pytest

from edgeward.types.linger import CLOCK_ERROR_SECONDS, linger_between


@pytest.mark.parametrize(
    ("purged_at", "seconds"),
    [(1002.5, 2.5), (1000.0, 0.0), (1000.0 - CLOCK_ERROR_SECONDS / 2, 0.0), (999.0, None), (400.0, None)],
)
def test_a_purge_from_before_its_cause_has_no_linger_time(purged_at: float, seconds: float | None) -> None:
    """Two clocks that differ: how long the copy lingered is not known, and not 0."""
    assert linger_between(1000.0, purged_at) == seconds
