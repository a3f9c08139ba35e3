"""Watches for caches that owe purges, and that no live controller has in its settings."""

import logging

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.purging.orders import Orders
from edgeward.types.absent_caches import what_to_do

logger = logging.getLogger(__name__)

WATCH_SECONDS = 5.0


class NodeWatch:
    """Looks every WATCH_SECONDS, in a controller. `caches`: names of those that are configured here."""

    def __init__(self, orders: Orders, caches: list[str]) -> None:
        self._orders, self._caches = orders, caches
        self._shown: set[str] = set()
        self._loop = WorkerLoop(
            "watch for caches that are not configured",
            self.look,
            metric_label="purger",
            retry_seconds=WATCH_SECONDS,
            pause_seconds=WATCH_SECONDS,
        )

    async def start(self) -> None:
        await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()

    async def look(self) -> None:
        """Count what they owe, and say in the log when one owes something for the first time."""
        absent = [
            node.name for node in await self._orders.nodes.all() if not node.is_driven and node.name not in self._caches
        ]
        owing = set[str]()
        for name in absent:
            pending, _ = await self._orders.pending(name)
            if owed := pending + await self._orders.refused(name):
                owing.add(name)
                metrics.unconfigured_purges_pending.labels(name).set(owed)
                if name not in self._shown:
                    logger.warning("cache %s owes or refuses purges, and %s", name, what_to_do(name))
        for name in self._shown - owing:
            # Not removed: the series would end at its last value.
            metrics.unconfigured_purges_pending.labels(name).set(0)
        self._shown = owing
