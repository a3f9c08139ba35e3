"""How often a target is checked: each in use within half of sweep.within_seconds, and what is served most more often.

Beyond that half, the time between two checks is inversely proportional to the square root of the rate at which a target
is served: for a given number of requests this makes the number of responses that show a removed image smallest. One
factor for each host stretches its intervals when requests are refused, and shrinks them while all are granted.
"""

import math

from edgeward.settings.config import SweepSettings

CHECKS_PER_CHECK_TIME = 3
"""Checks of a target within sweep.within_seconds, where its rate is not known."""
MOST_CHECKS_PER_CHECK_TIME = 6
"""Checks of a target within sweep.within_seconds, at most."""
LEAST_CHECKS_PER_CHECK_TIME = 2.3
"""Checks of a target that is still served, within sweep.within_seconds, unless the limits forbid it."""
LONGEST_IDLE_SECONDS = 3600.0
STRETCH_RANGE = (0.05, 1_000_000.0)
OVERLOAD_STRETCH = 50.0
"""Beyond this, targets that are served most are checked no more often than others, and still there are too many."""
ON_REFUSAL, ON_GRANT = 1.08, 0.985
"""By what the stretch is multiplied after a period in which a request was refused, and after one in which none was. It
shrinks slowly: each time that it shrinks too far, the targets that are served least wait until it has grown again."""
ON_REFUSAL_IN_OVERLOAD, ON_GRANT_IN_OVERLOAD = 1.01, 0.93
"""The same beyond OVERLOAD_STRETCH: what waits after a short overload is refused for a while, and must not be put off
for minutes."""
PERIODS_PER_CHECK_TIME = 60
"""Such periods within sweep.within_seconds: a second, by default."""


class Pacer:
    """The times between checks of one host's targets.

    Args:
        sees_hits: whether reports include responses from a cache. If not, all targets are checked equally often.
    """

    def __init__(self, settings: SweepSettings, sees_hits: bool) -> None:
        self._within, self._sees_hits = settings.within_seconds, sees_hits
        self._stretch = 1.0
        self._period, self._period_ends, self._refused = settings.within_seconds / PERIODS_PER_CHECK_TIME, 0.0, False

    @property
    def shortest(self) -> float:
        """Minimum seconds between two checks of a target."""
        return self._within / (MOST_CHECKS_PER_CHECK_TIME if self._sees_hits else CHECKS_PER_CHECK_TIME)

    def note(self, granted: bool, now: float) -> None:
        """At `now` (Unix seconds) a request for a target that was checked before was granted, or refused by a limit.

        However many are refused within one period: they are all asked for again, and again refused.
        """
        self._refused |= not granted
        # Far beyond a period, the clock was set back. (`now` may be that of a moment ago.)
        if not now < self._period_ends <= now + 10 * self._period:
            low, high = STRETCH_RANGE
            is_overload = self._stretch > OVERLOAD_STRETCH
            grow = ON_REFUSAL_IN_OVERLOAD if is_overload else ON_REFUSAL
            shrink = ON_GRANT_IN_OVERLOAD if is_overload else ON_GRANT
            self._stretch = min(high, max(low, self._stretch * (grow if self._refused else shrink)))
            self._period_ends, self._refused = now + self._period, False

    def interval(self, views: int, seconds: float, idle: int) -> float:
        """Seconds until the next check.

        Args:
            views: responses since the check before this one, which was `seconds` ago.
            idle: checks in a row, this one included, before which there was no response.
        """
        usual = self._within / CHECKS_PER_CHECK_TIME
        if not self._sees_hits:
            return usual * max(1.0, self._stretch)
        if not views:
            return max(usual, min(LONGEST_IDLE_SECONDS, usual * 2.0 ** min(idle, 32)))
        # In responses within a 60th of the check time, a second by default: the result depends on no unit.
        rate = views / max(seconds, 1e-3) * self._period
        longest = self._within / LEAST_CHECKS_PER_CHECK_TIME
        if (overload := self._stretch / OVERLOAD_STRETCH) > 1:
            return max(longest, longest * overload / (1 + math.sqrt(rate)))
        return min(longest, max(self.shortest, self.shortest / math.sqrt(rate) * self._stretch))
