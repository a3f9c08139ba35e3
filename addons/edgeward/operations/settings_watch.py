"""Watches whether all controllers have the settings that they must share."""

import contextlib
import logging
from collections import Counter

from edgeward import metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.purging.orders import Orders
from edgeward.settings.config import Config
from edgeward.settings.shared_settings import SettingDifference, shared_settings
from edgeward.store.connection import STORE_AWAY

logger = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
NAME_FIX = "give each machine its own host name, or admin.listen another port"
NAME_KIND = "controller.name"
"""The label of edgeward_settings_mismatch where two controllers have the same name."""


class SettingsWatch:
    """Looks every WATCH_SECONDS, in a controller, and says which settings this one has.

    Args:
        controller: its name among all, with "#" and an id of its place.
        network: in which its loopback addresses are meant. Default: that of this process.
    """

    def __init__(self, orders: Orders, config: Config, controller: str, network: str = "") -> None:
        self._orders, self._controller = orders, controller
        self._caches = {cache.name for cache in config.caches}
        self._settings = shared_settings(config, network)
        self._told: list[SettingDifference] = []
        self._told_of_name = False
        self._kinds: set[str] = set()
        self._began = False
        self._loop = WorkerLoop(
            "watch for settings that differ",
            self.look,
            metric_label="purger",
            retry_seconds=WATCH_SECONDS,
            pause_seconds=WATCH_SECONDS,
        )

    async def start(self) -> None:
        """Look once before purges begin, if the store answers."""
        with contextlib.suppress(*STORE_AWAY):
            await self.look()
        await self._loop.start()

    async def close(self) -> None:
        """Say that this controller ends, after its purgers have: nobody goes on trying at the caches that it alone
        had."""
        await self._loop.close()
        with contextlib.suppress(*STORE_AWAY):
            await self._orders.controllers.leave(self._controller)
            if self._began:
                for cache in sorted(self._caches - self._orders.controllers.caches_elsewhere):
                    await self._orders.nodes.let_go(cache)

    async def look(self) -> None:
        """Say what this controller has, and tell once what differs."""
        controllers = self._orders.controllers
        before = set() if self._began else await controllers.caches_before(self._controller)
        await controllers.say(self._controller, self._settings)
        self._began = True
        for cache in before - self._caches - controllers.caches_elsewhere:
            # It was this controller that had it, until it was restarted with other settings.
            await self._orders.nodes.let_go(cache)
        self._tell(list(controllers.differing))

    def _tell(self, differing: list[SettingDifference]) -> None:
        for each in differing:
            if each not in self._told:
                logger.warning("setting %s", each)
        if self._told and not differing:
            logger.info("all live controllers have the same shared settings")
        self._told = differing
        shares_name = self._orders.controllers.shares_name
        if shares_name and not self._told_of_name:
            name = self._controller.partition("#")[0]
            logger.warning("more than one live controller is named %s: %s", name, NAME_FIX)
        self._told_of_name = shares_name
        counts = Counter(each.kind for each in differing)
        if shares_name:
            counts[NAME_KIND] += 1
        self._kinds |= counts.keys()
        for kind in self._kinds:
            metrics.settings_mismatch.labels(kind).set(counts[kind])
