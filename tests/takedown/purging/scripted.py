"""A cache whose answers a test writes out: for troubles that no real cache has to order."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from edgeward.cache_settings import CacheSettings
from edgeward.takedown.caches.base import Abilities, CacheDriver, Purged
from edgeward.types import Delivery, PurgeOrder

GONE = Purged(Delivery.VERIFIED, 404, count=0)
AWAY = Purged(Delivery.WAITING, 0, "nobody there")


class Clock:
    """Stands in for the module `time` where it is the test that lets time pass."""

    def __init__(self) -> None:
        self.now = time.time()

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class Scripted(CacheDriver):
    """`answer(path)` says what a purge of that path leads to. Every call is kept, as the paths that it was for."""

    name = "scripted"
    abilities = Abilities(counts=True, verifies=True, batch=512)

    def __init__(self, answer: Callable[[str], Purged] = lambda path: GONE, **abilities: object) -> None:
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
