"""How often targets are checked."""

import math

import pytest

from edgeward.origin_check.pacing import LONGEST_IDLE_SECONDS, Pacer
from edgeward.settings.config import SweepSettings

SETTINGS = SweepSettings(within_seconds=60.0)


def refused(periods: int, sees_hits: bool = True) -> Pacer:
    """After so many seconds in which requests were refused."""
    pacer = Pacer(SETTINGS, sees_hits)
    for second in range(periods):
        pacer.note(granted=False, now=second)
    return pacer


def test_what_is_served_more_is_checked_more_often() -> None:
    """By the square root of the rate: four times as many responses, twice as many checks."""
    pacer = refused(26)
    often, rarely = pacer.interval(400, 10.0, 0), pacer.interval(100, 10.0, 0)
    assert math.isclose(rarely, 2 * often)
    assert pacer.shortest < often


def test_with_too_many_targets_those_served_most_keep_their_pace() -> None:
    """A flood of URLs that are hardly requested stretches the intervals of these, not of what many clients request."""
    pacer = refused(600)
    assert pacer.interval(3_000_000, 60.0, 0) < SETTINGS.within_seconds / 2 < pacer.interval(2, 60.0, 0) / 10


@pytest.mark.parametrize("views", [1, 10, 1000, 10**6])
def test_within_the_limits_a_removal_is_noticed_in_time(views: int) -> None:
    """A target that is served all the time is checked well within the time that is set, and never all the time."""
    pacer = Pacer(SETTINGS, sees_hits=True)
    assert pacer.shortest <= pacer.interval(views, 60.0, 0) <= SETTINGS.within_seconds / 2
    assert pacer.shortest == SETTINGS.within_seconds / 6


def test_with_requests_to_spare_everything_is_checked_as_often_as_possible() -> None:
    """Down to the minimum."""
    pacer = Pacer(SETTINGS, sees_hits=True)
    for second in range(1000):
        pacer.note(granted=True, now=second)
    assert pacer.interval(1, 30.0, 0) == pacer.shortest


def test_a_short_overload_puts_nothing_off() -> None:
    """Two minutes of refusals: all that is served is still checked within the time that is set."""
    assert refused(120).interval(2, 60.0, 0) <= SETTINGS.within_seconds


def test_what_was_refused_is_not_asked_for_again_soon() -> None:
    """A factor that swings lets what is served least wait: after half a minute of refusals, a minute of grants leaves
    all intervals longer than those of the first refusals."""
    pacer = refused(30)
    for second in range(60):
        pacer.note(granted=True, now=30 + second)
    assert pacer.interval(40, 10.0, 0) > refused(15).interval(40, 10.0, 0)


def test_refused_requests_stretch_all_intervals_until_they_are_granted() -> None:
    """More requests than a limit allows would only wait; the intervals shrink again afterwards."""
    for sees_hits in (True, False):
        pacer = refused(600, sees_hits)
        stretched = pacer.interval(60, 60.0, 0)
        assert stretched > SETTINGS.within_seconds
        for second in range(1000):
            pacer.note(granted=True, now=1000 + second)
        assert pacer.interval(60, 60.0, 0) < SETTINGS.within_seconds


def test_a_target_that_is_not_served_is_checked_more_and_more_rarely() -> None:
    """It costs requests that targets in use need. In fill, where hits are not seen, all are checked equally often."""
    pacer = Pacer(SETTINGS, sees_hits=True)
    intervals = [pacer.interval(0, 60.0, idle) for idle in (1, 2, 3, 10_000)]
    assert intervals == [40.0, 80.0, 160.0, LONGEST_IDLE_SECONDS]
    assert [Pacer(SETTINGS, sees_hits=False).interval(0, 60.0, idle) for idle in (0, 9)] == [20.0, 20.0]


def test_a_burst_of_refusals_counts_once() -> None:
    """Targets that are refused are asked for again at once: that must not stretch the intervals a thousand times."""
    pacer = Pacer(SETTINGS, sees_hits=False)
    for number in range(1000):
        pacer.note(granted=False, now=5.0 + number / 1000)
    assert pacer.interval(0, 60.0, 0) < 25.0


def test_the_clock_is_set_back() -> None:
    """The next period begins at once: refusals stretch the intervals, as they did before."""
    pacer = Pacer(SETTINGS, sees_hits=False)
    pacer.note(granted=True, now=100_000.0)
    before = pacer.interval(0, 60.0, 0)
    for now in range(1000, 1060):
        pacer.note(granted=False, now=float(now))
    assert pacer.interval(0, 60.0, 0) > 2 * before
