"""The base of all cache drivers: a driver carries out purge orders at one cache, and says how certain the result is."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import batched
from typing import ClassVar, Self

from aiolimiter import AsyncLimiter

from edgeward.errors import CacheUnavailable
from edgeward.settings.cache_settings import CacheSettings
from edgeward.types import Delivery, PurgeOrder, Scope


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `per_second` calls in the long run, up to `burst` at once."""

    per_second: float
    burst: float


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a kind of cache can do, according to its documentation and our tests on it."""

    all_variants: bool = False
    """One exact purge removes every variant (Vary) of the target."""
    sends_headers: bool = True
    """A purge carries the request headers of its target, by which the cache may choose another copy."""
    prefix: bool = False
    tag: bool = False
    regex: bool = False
    counts: bool = False
    """It tells how many objects it removed."""
    waits: bool = False
    """A purge waits for a fetch of the target that is under way."""
    verifies: bool = False
    """It can tell whether anything is left, without fetching it from the origin again."""
    repeat_seconds: float = 0.0
    """Shortest useful pause before a repeat: objects that were being written during the purge are complete then."""
    batch: int = 1
    """Maximum orders in one call of `_targets`, `_prefixes` or `_tags`."""
    rate: Rate | None = None
    """Calls that its documentation allows."""
    origin_seconds: float = 600.0
    """Longest that it waits for the headers of an origin's response, by the shipped configuration; where that is not
    known, as long as anything waits here."""
    head_bytes: int | None = None
    """Longest head of a request that it accepts by default; None: the same target fits a purge as fits a GET."""


@dataclass(frozen=True, slots=True)
class Purged:
    """The outcome of one order at one cache.

    WAITING: the cache is unreachable, too slow or overloaded, or still holds a copy; `retry_after` is the pause in
    seconds that it asked for.
    `count`: copies that were removed, also by a purge that then failed. 0: the cache said that it had none. None: the
    cache does not tell, or what it tells may come from a server that does not purge.
    `timed_out`: it gave no answer in time.
    `unanswered`: a request was sent, and no answer came: it may have removed copies that nobody has counted.
    """

    delivery: Delivery
    status: int = 0
    detail: str = ""
    count: int | None = None
    retry_after: float | None = None
    timed_out: bool = False
    unanswered: bool = False

    @classmethod
    def waiting(cls, error: CacheUnavailable) -> Self:
        """The outcome while the cache is unavailable."""
        return cls(Delivery.WAITING, error.status, str(error), None, error.retry_after, error.timed_out)


# Other orders remove the copies that were seen. Those that were never seen stay, so nothing is gone by these outcomes.
NO_PREFIXES = Purged(
    Delivery.UNSUPPORTED, 0, "this cache can't purge by prefix: only targets seen below it are purged, one by one"
)
NO_TAGS = Purged(
    Delivery.UNSUPPORTED, 0, "this cache can't purge by tag: only targets seen with the image are purged, one by one"
)
STILL_CACHED = "still cached after many purges, or the server at `url` does not purge"

NO_HOST = Purged(
    Delivery.UNSUPPORTED,
    0,
    "no cache can purge every host: targets of too many hosts were forgotten, or lost with the store's data",
)


class CacheDriver(ABC):
    """Purges one cache node: always a hard purge, never a soft one, because a stale copy may be served again.

    To add a kind of cache: a class of settings in cache_settings.py, a subclass here in a file of its own, a line in
    DRIVERS. `_targets`, `_prefixes` and `_tags` get one batch of orders and return one `Purged` per order, in their
    order. They may raise CacheUnavailable, which makes the whole batch wait.
    """

    name: ClassVar[str]
    abilities: ClassVar[Abilities]

    def __init__(self, settings: CacheSettings) -> None:
        self.settings = settings
        rate = self.abilities.rate
        self._limiter = AsyncLimiter(rate.burst, rate.burst / rate.per_second) if rate else None

    async def purge(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        """Carry out orders: one outcome for each, in their order. Errors of the cache are outcomes: it never raises."""
        outcomes: dict[int, Purged] = {}
        for scope in Scope:
            numbered = [(number, order) for number, order in enumerate(orders) if order.scope is scope]
            for batch in batched(numbered, self.abilities.batch):
                purged = await self._carry_out(scope, [order for _, order in batch])
                outcomes.update(zip((number for number, _ in batch), purged, strict=True))
        return [outcomes[number] for number in range(len(orders))]

    async def _carry_out(self, scope: Scope, orders: Sequence[PurgeOrder]) -> list[Purged]:
        try:
            if self._limiter:
                await self._limiter.acquire()
            match scope:
                case Scope.TARGET:
                    return await self._each_once(orders, self._targets)
                case Scope.PREFIX:
                    return await self._each_prefix_once(orders)
                case Scope.TAG if getattr(self.settings, "tags", False):
                    return await self._each_once(orders, self._tags)
            # Without `tags` in its settings, what this cache stores carries no tag that Edgeward knows.
            return [NO_TAGS] * len(orders)
        except CacheUnavailable as error:
            return [Purged.waiting(error)] * len(orders)

    async def _each_once(
        self, orders: Sequence[PurgeOrder], purge: Callable[[Sequence[PurgeOrder]], Awaitable[list[Purged]]]
    ) -> list[Purged]:
        """Carry out orders for the same object once. Of two purges at the same time, one finds nothing where the other
        removes a copy. The first of such orders has the count. What the others met is not known."""
        numbers: dict[Hashable, list[int]] = {}
        for number, order in enumerate(orders):
            numbers.setdefault(self._object_of(order), []).append(number)
        if len(numbers) == len(orders):
            return await purge(orders)
        outcomes = await purge([orders[same[0]] for same in numbers.values()])
        results: dict[int, Purged] = {}
        for (first, *others), outcome in zip(numbers.values(), outcomes, strict=True):
            results[first] = outcome
            results |= dict.fromkeys(others, replace(outcome, count=None if outcome.count else outcome.count))
        return [results[number] for number in range(len(orders))]

    def _object_of(self, order: PurgeOrder) -> Hashable:
        """What an order by target or tag concerns in this cache."""
        return order.target, order.tag

    async def _each_prefix_once(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        """Purge equal prefixes once: several images may have forgotten targets there."""
        by_target = {order.target: order for order in orders if order.target.host}
        purged = await self._prefixes(list(by_target.values())) if by_target else []
        outcomes = dict(zip(by_target, purged, strict=True))
        return [outcomes.get(order.target, NO_HOST) for order in orders]

    @abstractmethod
    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        """Remove the target of each order, in every variant."""

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        """Remove everything below `target.path` at `target.host`, where this cache can."""
        return [NO_PREFIXES] * len(orders)

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        """Remove everything stored under the tag of each order. Only called with `tags = true` in the settings."""
        return [NO_TAGS] * len(orders)

    async def close(self) -> None:  # noqa: B027 - a cache without connections has nothing to close
        """Close the connections to the node."""
