"""Purges a batch of orders in few calls, although the API refuses a whole call for one item in it.

A call that is refused for its content is made again in parts, until each bad item is refused alone. What was refused
alone is remembered for a while: when it is retried, it goes last and alone, so that it spoils no other call.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from edgeward.caches.base import Purged
from edgeward.caches.batches import BatchLimits, EncodedItems, group_orders
from edgeward.types import Delivery

MAX_EXTRA_CALLS = 64
"""Calls of one batch beside those that it takes if nothing is refused. What is left after them waits."""
MAX_NAMED = 4
"""Items that a refusal may name. If its words fit more, they say nothing."""
MAX_REMEMBERED = 10_000
REMEMBERED_SECONDS = 3600.0
TOO_MANY_REFUSED = Purged(Delivery.WAITING, 0, "the API refused too many items of the batch: the rest is retried later")

type CallOrders = Callable[[Sequence[int]], Awaitable[Purged]]
"""One call for the orders of these numbers. Does not raise."""


class RefusedItems:
    """What one API refused alone, for REMEMBERED_SECONDS: the latest MAX_REMEMBERED."""

    def __init__(self) -> None:
        self._refused_at: dict[int, float] = {}

    def __contains__(self, items: EncodedItems) -> bool:
        at = self._refused_at.get(hash(items))
        return at is not None and time.monotonic() - at < REMEMBERED_SECONDS

    def add(self, items: EncodedItems) -> None:
        self.discard(items)
        self._refused_at[hash(items)] = time.monotonic()
        if len(self._refused_at) > MAX_REMEMBERED:
            del self._refused_at[next(iter(self._refused_at))]

    def discard(self, items: EncodedItems) -> None:
        self._refused_at.pop(hash(items), None)


class BatchSearch:
    """One batch.

    Args:
        encoded: the items of its orders, by number.
        refused: what was refused alone earlier. It is updated.
        concerns_one_item: whether a refusal may be caused by one item of the call.

    Attributes:
        outcomes: those of the orders that are done, by number.
    """

    def __init__(
        self,
        encoded: Mapping[int, EncodedItems],
        refused: RefusedItems,
        call: CallOrders,
        concerns_one_item: Callable[[Purged], bool],
    ) -> None:
        self._encoded, self._refused, self._call = encoded, refused, call
        self._concerns_one_item = concerns_one_item
        self._calls_left = 0
        self._end: Purged | None = None
        self.outcomes: dict[int, Purged] = {}

    async def run(self, limits: BatchLimits) -> dict[int, Purged]:
        """The outcomes of all orders."""
        earlier: dict[EncodedItems, list[int]] = {}
        others: dict[int, EncodedItems] = {}
        for number, items in self._encoded.items():
            if items in self._refused:
                earlier.setdefault(items, []).append(number)
            else:
                others[number] = items
        groups = [*group_orders(others, limits), *earlier.values()]
        self._calls_left = len(groups) + MAX_EXTRA_CALLS
        for group in groups:
            await self._purge(group)
        return self.outcomes

    async def _purge(self, numbers: Sequence[int], *, known_bad: bool = False) -> bool:
        """Purge these orders. Whether one was refused for its content.

        Args:
            known_bad: one of them will be, so that a call of all of them is useless.
        """
        one = len({self._encoded[number] for number in numbers}) == 1
        detail = ""
        if one or not known_bad:
            purged = await self._called(numbers)
            if one or not self._concerns_one_item(purged):
                return self._finish(numbers, purged)
            detail = purged.detail
        if named := self._named(numbers, detail):
            for number in named:
                await self._purge([number])
            await self._purge([number for number in numbers if number not in named])
            return True
        middle = len(numbers) // 2
        # The call of both was refused: if the first half is all good, the second is not.
        first_is_bad = await self._purge(numbers[:middle])
        await self._purge(numbers[middle:], known_bad=not first_is_bad)
        return True

    async def _called(self, numbers: Sequence[int]) -> Purged:
        if self._end is None and not self._calls_left:
            self._end = TOO_MANY_REFUSED
        if self._end is not None:
            return self._end
        self._calls_left -= 1
        purged = await self._call(numbers)
        if purged.delivery is Delivery.WAITING:
            # The API is overloaded or unreachable: further calls would only add to that.
            self._end = purged
        return purged

    def _finish(self, numbers: Sequence[int], purged: Purged) -> bool:
        self.outcomes.update(dict.fromkeys(numbers, purged))
        is_bad = self._concerns_one_item(purged)
        for items in {self._encoded[number] for number in numbers}:
            if is_bad:
                self._refused.add(items)
            elif purged.delivery is not Delivery.WAITING:
                self._refused.discard(items)
        return is_bad

    def _named(self, numbers: Sequence[int], detail: str) -> list[int]:
        """The orders that a refusal names, where it names some of them."""
        if not detail:
            return []
        named = [number for number in numbers if any(_text(item) in detail for item in self._encoded[number])]
        return named if len(named) <= MAX_NAMED and len(named) < len(numbers) else []


def _text(encoded: str) -> str:
    """The URL, path or tag of an item."""
    item = json.loads(encoded)
    return str(item.get("url", encoded)) if isinstance(item, dict) else str(item)
