"""A cache whose answers the test defines: for failures that no real cache produces on demand."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from edgeward.caches.base import Abilities, CacheDriver, Purged
from edgeward.settings.cache_settings import CacheSettings
from edgeward.types import Delivery, PurgeOrder

REMOVED = Purged(Delivery.VERIFIED, 404, count=0)
DOWN = Purged(Delivery.WAITING, 0, "nobody there")


class Clock:
    """Stands in for the module `time`: it stands still until the test sets `now`."""

    def __init__(self) -> None:
        self.now = time.time()

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class ScriptedCache(CacheDriver):
    """`answer(path)` is the result of a purge of that path. `calls` records every call, as the paths that it purges."""

    name = "scripted"
    abilities = Abilities(counts=True, verifies=True, batch=512)

    def __init__(self, answer: Callable[[str], Purged] = lambda path: REMOVED, **abilities: object) -> None:
        super().__init__(cache())
        self.abilities = replace(type(self).abilities, **abilities)  # type: ignore[misc,arg-type]
        self.answer = answer
        self.calls: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()

    @property
    def tries(self) -> list[str]:
        """The paths of all calls, in their order."""
        return [path for call in self.calls for path in call]

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        self.calls.append([order.target.path for order in orders])
        await self.open.wait()
        return [self.answer(order.target.path) for order in orders]


def cache(name: str = "edge", tier: int = 0) -> CacheSettings:
    return CacheSettings(name=name, driver="scripted", url="http://none.test", tier=tier)
