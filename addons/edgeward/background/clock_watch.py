"""Keeps what a process knows of the store's clock up to date, and says when this machine's clock is wrong."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.store.shared_time import MAX_SKEW_SECONDS

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class ClockWatch:
    """Looks at the store's clock every second.

    Args:
        look: asks for the time; None asks only that.
    """

    def __init__(self, store: Store, look: Callable[[], Awaitable[object]] | None = None) -> None:
        self._clock, self._ask = store.clock, look or store.clock.learn
        self._differs = False
        self._loop = WorkerLoop(
            "clock", self.look, metric_label="clock", retry_seconds=LOOK_SECONDS, pause_seconds=LOOK_SECONDS
        )

    async def start(self) -> None:
        """Look once, if the store answers, and go on looking."""
        with suppress(*STORE_AWAY):
            await self.look()
        await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()

    async def look(self) -> None:
        """Look once. Raises STORE_AWAY."""
        await self._ask()
        skew = self._clock.skew
        metrics.clock_skew_seconds.set(abs(skew))
        if (differs := abs(skew) > MAX_SKEW_SECONDS) != self._differs:
            self._differs = differs
            if differs:
                logger.error(
                    "this machine's clock is %.0f s %s the store's: run an NTP client on both",
                    abs(skew), "ahead of" if skew > 0 else "behind",
                )  # fmt: skip
            else:
                logger.info("the clocks of this machine and the store agree again")
