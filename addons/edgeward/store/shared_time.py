"""The time of the store, as each process knows it without asking each time.

Machines' clocks differ and step. Whatever is stored, or compared with what is stored, has the time of the store: the
clock of the server with the purge orders, which also gives their ids. A process learns how far that clock is ahead of
its own monotonic one, which never steps. Each answer to TIME gives bounds: the server read its clock after the
question was sent, and before the answer came.
"""

import time
from collections.abc import Awaitable, Callable

MAX_SKEW_SECONDS = 60.0
"""A wall clock that differs by more from the store's is wrong, or the store's is: nothing is removed for its age."""
STEP_SECONDS = 1.0
"""A smaller change of the store's clock is no step: it may drift, or be adjusted."""
CORRECTED_SECONDS = 1.0
"""Times of this process are corrected if its clock differs by more from the store's."""
STEPS_REMEMBERED = 10
"""The latest steps of this machine's wall clock that are remembered."""
LOOK_SECONDS = 5.0
"""A step of this machine's wall clock is seen within this time, as `learn` is called more often."""
_DRIFT = 0.001
"""Most that two clocks drift apart, in seconds a second."""


def boot_seconds() -> float:
    """Seconds since the machine started, also those in which it was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SharedTime:
    """What this process knows of the store's clock. Until it has learned it, its own clock counts.

    Args:
        ask: sends TIME to the store. Returns Unix seconds.
        wall_clock: Unix seconds of this machine.
        steady_clock: seconds of a clock that never steps.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[float]],
        wall_clock: Callable[[], float] = time.time,
        steady_clock: Callable[[], float] = boot_seconds,
    ) -> None:
        self._ask, self._wall_clock, self._steady_clock = ask, wall_clock, steady_clock
        # The store's clock less the steady one is between these, if the answer at `_learned_at` still holds.
        self._bounds: tuple[float, float] | None = None
        self._learned_at = 0.0
        # The wall clock less the steady one, each since when it was seen to be so.
        self._walls: list[tuple[float, float]] = []

    @property
    def is_known(self) -> bool:
        """Whether the store has answered once."""
        return self._bounds is not None

    @property
    def offset(self) -> float:
        """The store's clock less the steady one, in seconds."""
        if self._bounds is None:
            return self._wall_clock() - self._steady_clock()
        return sum(self._bounds) / 2

    @property
    def skew(self) -> float:
        """How far this machine's wall clock is ahead of the store's, in seconds; negative: behind."""
        return self._wall_clock() - self.now()

    def now(self) -> float:
        """The store's time, Unix seconds. It does not follow a step of the store's clock before `learn` has seen it."""
        return self._steady_clock() + self.offset

    def of_local(self, at: float) -> float:
        """The store's time at the moment in the past when this machine's wall clock showed `at`. It may have stepped
        since."""
        self._look_at_wall_clock()
        store_time = self._steady_time_of(at) + self.offset
        return at if abs(store_time - at) <= CORRECTED_SECONDS else store_time

    def _steady_time_of(self, at: float) -> float:
        """What the steady clock showed when the wall clock showed `at`, by the last of its settings that can be meant.

        If none can be it is a moment of now.
        """
        until = self._steady_clock()
        for since, difference in reversed(self._walls):
            is_first = since == self._walls[0][0]
            if (is_first or since - LOOK_SECONDS <= at - difference) and at - difference <= until + LOOK_SECONDS:
                return at - difference
            until = since
        return self._steady_clock()

    def _look_at_wall_clock(self) -> None:
        """Note whether it has stepped."""
        steady, difference = self._steady_clock(), self._wall_clock() - self._steady_clock()
        if not self._walls or abs(difference - self._walls[-1][1]) > CORRECTED_SECONDS:
            self._walls = [*self._walls[-STEPS_REMEMBERED:], (steady, difference)]

    async def learn(self) -> float:
        """Ask the store. Returns by how many seconds its clock has stepped since the answer before; 0.0: it has not."""
        self._look_at_wall_clock()
        before = self._steady_clock()
        answer = await self._ask()
        after = self._steady_clock()
        low, high = answer - after, answer - before
        if self._bounds is None:
            self._bounds, self._learned_at = (low, high), after
            return 0.0
        drift = _DRIFT * (after - self._learned_at)
        known_low, known_high = self._bounds[0] - drift, self._bounds[1] + drift
        step = low - known_high if low > known_high else min(0.0, high - known_low)
        if step:
            # At least by `step`; the middles are the best guess of how much.
            distance = (low + high - known_low - known_high) / 2
            self._bounds = low, high
        else:
            distance = 0.0
            self._bounds = max(low, known_low), min(high, known_high)
        self._learned_at = after
        return distance if abs(step) >= STEP_SECONDS else 0.0
