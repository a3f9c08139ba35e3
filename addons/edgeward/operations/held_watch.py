"""Counts the held updates and the entries set to monitor, for the metrics."""

from edgeward import guard_metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.operations import held_updates
from edgeward.operations.services import Services

LOOK_SECONDS = 5.0
RETRY_SECONDS = (5.0, 60.0)
"""Pause after a look that failed: the first, and the longest."""


class HeldWatch:
    """Looks every LOOK_SECONDS, in a controller."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._loop = WorkerLoop(
            "held updates",
            self.look,
            metric_label="store_watch",
            retry_seconds=RETRY_SECONDS,
            pause_seconds=LOOK_SECONDS,
        )

    async def start(self) -> None:
        await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()

    async def look(self) -> None:
        """Look once. Raises STORE_AWAY."""
        guard_metrics.held_updates.set(await held_updates.count(self._services))
        guard_metrics.monitored_entries.set(len(await self._services.entry_modes.suspended()))
