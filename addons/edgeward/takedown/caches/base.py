"""What every cache driver does: carry out purge orders at one cache node, and say how sure it is of each."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import ClassVar

from aiolimiter import AsyncLimiter

from edgeward.cache_settings import CacheSettings
from edgeward.errors import CacheUnavailable
from edgeward.types import Delivery, PurgeOrder, Scope

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `per_second` calls on the long run, `burst` at once."""

    per_second: float
    burst: float


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a kind of cache can do, as its documentation says and our tests of it have shown."""

    all_variants: bool = False
    """One exact purge takes every variant (Vary) of the target."""
    prefix: bool = False
    tag: bool = False
    regex: bool = False
    counts: bool = False
    """It tells how many objects went."""
    waits: bool = False
    """A purge waits for a fetch of the target that is under way."""
    verifies: bool = False
    """It can be asked whether anything is left, without filling it again."""
    repeat_seconds: float = 0.0
    """Least pause before a purge is worth repeating: what was being written then is complete."""
    batch: int = 1
    """Orders that one call of the driver's `_targets` takes."""
    rate: Rate | None = None
    """Calls that it allows, as documented."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What a cache made of one order.

    WAITING: it is away, too slow or overloaded; `retry_after` seconds is what it asked for, where it did.
    `count`: objects that were removed; None where the cache doesn't tell.
    """

    delivery: Delivery
    status: int = 0
    detail: str = ""
    count: int | None = None
    retry_after: float | None = None


class CacheDriver(ABC):
    """Purges one cache node: always hard, never softly, since a stale copy would be served again.

    To add a kind of cache: a class of settings in cache_settings.py, a subclass here in a file of its own, a line in
    DRIVERS. A subclass answers for one batch at a time: one `Purged` per order, in their order. It may raise
    CacheUnavailable, which makes the whole batch wait.
    """

    name: ClassVar[str]
    abilities: ClassVar[Abilities]

    def __init__(self, settings: CacheSettings) -> None:
        self.settings = settings
        rate = self._rate()
        self._limiter = AsyncLimiter(rate.burst, rate.burst / rate.per_second) if rate else None

    def _rate(self) -> Rate | None:
        return self.abilities.rate

    async def purge(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        """Carry out orders: one answer for each, in their order. Nothing that the cache does makes it raise."""
        answers: dict[int, Purged] = {}
        for scope, carry_out in self._ways.items():
            numbered = [(number, order) for number, order in enumerate(orders) if order.scope is scope]
            for batch in batched(numbered, self.abilities.batch):
                purged = await self._call(carry_out, [order for _, order in batch])
                answers.update(zip((number for number, _ in batch), purged, strict=True))
        return [answers[number] for number in range(len(orders))]

    @property
    def _ways(self) -> dict[Scope, Callable[[Sequence[PurgeOrder]], Awaitable[list[Purged]]]]:
        return {Scope.TARGET: self._targets, Scope.PREFIX: self._prefixes, Scope.TAG: self._tags}

    async def _call(
        self, carry_out: Callable[[Sequence[PurgeOrder]], Awaitable[list[Purged]]], orders: Sequence[PurgeOrder]
    ) -> list[Purged]:
        try:
            if self._limiter:
                await self._limiter.acquire()
            return await carry_out(orders)
        except CacheUnavailable as error:
            waiting = Purged(Delivery.WAITING, error.status, str(error), retry_after=error.retry_after)
            return [waiting] * len(orders)

    @abstractmethod
    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        """Remove the target of each order, in every variant."""

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        """Remove all below `target.path` at `target.host`, where this cache can."""
        return [needless("no purge by prefix here: the targets seen below it have orders of their own")] * len(orders)

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        """Remove all that is stored under the tag of each order, where this cache can."""
        return [needless("no purge by tag here: the image's targets have orders of their own")] * len(orders)

    async def close(self) -> None:  # noqa: B027 - a cache without connections has nothing to close
        """Close the connections to the node."""


def needless(detail: str) -> Purged:
    """The outcome of an order that this cache can't carry out, and need not: other orders do the same."""
    return Purged(Delivery.DELIVERED, 0, detail)
