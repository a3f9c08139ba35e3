"""Receipts: the proof of a takedown, or of a listing. Who asked for what, and what each cache did."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import batched

from edgeward.operations import entries, purges
from edgeward.operations.purges import OrderStatus
from edgeward.operations.services import Services
from edgeward.operations.takedowns import TakedownState, TakedownStatus
from edgeward.operations.waiting import ChangeStatus
from edgeward.types import Delivery, Entry, Incident, Outcome, PurgeOrder

BATCH_SIZE = 100
"""Orders that are read at a time. Between batches the event loop runs other tasks."""
PURGING_SECONDS = 10.0
"""After this time without an outcome a purge counts as owed, by a cache that is unreachable."""


class ReceiptState(StrEnum):
    PLACING = "placing"
    """More orders will follow."""
    PURGING = "purging"
    """All orders are placed, and some are not carried out yet."""
    OWED = "owed"
    """A cache has not carried out its orders for more than PURGING_SECONDS: it is unreachable."""
    REFUSED = "refused"
    """A cache refuses orders: its configuration must be fixed."""
    GONE = "gone"
    """Every cache has carried out every order."""


@dataclass(slots=True)
class CacheTotal:
    """What one cache did with all orders of a receipt: counts by outcome, and times in Unix seconds.

    `linger_seconds`: the longest time from an order's start to its purge.
    """

    verified: int = 0
    delivered: int = 0
    refused: int = 0
    owed: int = 0
    first_at: float | None = None
    last_at: float | None = None
    linger_seconds: float | None = None

    def add(self, order: PurgeOrder, outcome: Outcome | None) -> None:
        if outcome is None or not outcome.is_final:
            self.owed += 1
        elif not outcome.is_gone:
            self.refused += 1
        else:
            self.verified += outcome.delivery is Delivery.VERIFIED
            self.delivered += outcome.delivery is Delivery.DELIVERED
            self.first_at = min(self.first_at or outcome.at, outcome.at)
            self.last_at = max(self.last_at or outcome.at, outcome.at)
            self.linger_seconds = max(self.linger_seconds or 0.0, outcome.at - order.started_at)


@dataclass(frozen=True, slots=True)
class ReceiptSummary:
    """What became of all orders of a receipt. `caches`: by name, the configured ones first."""

    state: ReceiptState
    orders: int
    caches: Mapping[str, CacheTotal]

    @property
    def first_at(self) -> float | None:
        """When the first purge was verified or accepted, Unix seconds."""
        return min((total.first_at for total in self.caches.values() if total.first_at), default=None)

    @property
    def last_at(self) -> float | None:
        return max((total.last_at for total in self.caches.values() if total.last_at), default=None)

    @property
    def linger_seconds(self) -> float | None:
        """The longest of all caches."""
        known = (total.linger_seconds for total in self.caches.values() if total.linger_seconds is not None)
        return max(known, default=None)

    @property
    def verified(self) -> int:
        return sum(total.verified for total in self.caches.values())

    @property
    def delivered(self) -> int:
        return sum(total.delivered for total in self.caches.values())

    @property
    def refused(self) -> dict[str, int]:
        """By cache, without those that refuse nothing."""
        return {name: total.refused for name, total in self.caches.items() if total.refused}

    @property
    def owed(self) -> dict[str, int]:
        """By cache, without those that owe nothing."""
        return {name: total.owed for name, total in self.caches.items() if total.owed}


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """The summary of all orders, and one page of them. `cursor`: where the next page begins; 0 if this is the last."""

    summary: ReceiptSummary
    purges: Sequence[OrderStatus]
    cursor: int


@dataclass(frozen=True, slots=True)
class TakedownReceipt:
    status: TakedownStatus
    page: OrdersPage


@dataclass(frozen=True, slots=True)
class EntryReceipt:
    """The receipt of a listing.

    Attributes:
        change: whether every process has applied the current lists.
        matched: the current lists are retromatched, so no more orders will follow.
        first_blocked: the first incident of the entry; None if there is none.
    """

    entry: Entry
    change: ChangeStatus
    matched: bool
    first_blocked: Incident | None
    page: OrdersPage


class ReceiptTotal:
    """Adds up the outcomes of orders. `caches`: names of the configured ones."""

    def __init__(self, caches: Sequence[str]) -> None:
        self._configured = caches
        self._totals = {name: CacheTotal() for name in caches}
        self._orders = 0
        self._newest = 0.0

    def add(self, order: PurgeOrder, outcomes: Mapping[str, Outcome]) -> None:
        self._orders += 1
        # Takedowns and retromatching add orders over time: a cache gets PURGING_SECONDS from the last one.
        self._newest = max(self._newest, order.placed_at)
        for name in self._configured:
            self._totals[name].add(order, outcomes.get(name))
        # A cache that is no longer configured owes nothing: only what it did counts.
        for name in outcomes.keys() - set(self._configured):
            if outcomes[name].is_final:
                self._totals.setdefault(name, CacheTotal()).add(order, outcomes[name])

    def summary(self, complete: bool) -> ReceiptSummary:
        """`complete`: no more orders will follow."""
        return ReceiptSummary(self._state(complete), self._orders, self._totals)

    def _state(self, complete: bool) -> ReceiptState:
        if not complete:
            return ReceiptState.PLACING
        if any(total.owed for total in self._totals.values()):
            recent = time.time() - self._newest < PURGING_SECONDS
            return ReceiptState.PURGING if recent else ReceiptState.OWED
        if any(total.refused for total in self._totals.values()):
            return ReceiptState.REFUSED
        return ReceiptState.GONE


async def of_takedown(services: Services, takedown_id: str, cursor: int, limit: int) -> TakedownReceipt:
    """The receipt of a takedown, with up to `limit` of its orders from number `cursor` on.

    Raises:
        NotFound: there is no such takedown.
    """
    status = TakedownStatus(*await services.takedowns.get(takedown_id))
    ids = [order_id async for order_id in services.takedowns.all_orders(takedown_id)]
    page = await _page(services, ids, status.state is TakedownState.PLACED, cursor, limit)
    return TakedownReceipt(status, page)


async def of_entry(services: Services, entry_id: str, cursor: int, limit: int) -> EntryReceipt:
    """The receipt of an entry: since when it is listed, first blocked, and gone from each cache.

    Raises:
        NotFound: there is no such entry.
    """
    entry = entries.find(services, entry_id)
    # The version of the entry's own change is not stored. The current version is at least as high.
    version = await services.list_store.version()
    change = ChangeStatus(version, await services.list_store.laggards(version))
    matched = await services.retromatch.version() >= version
    first_blocked = await services.incidents.first(entry_id, entry.added_at)
    ids = await services.orders.ids_of_entries([entry_id])
    page = await _page(services, ids, matched, cursor, limit)
    return EntryReceipt(entry, change, matched, first_blocked, page)


async def _page(services: Services, ids: Sequence[str], complete: bool, cursor: int, limit: int) -> OrdersPage:
    total = ReceiptTotal(services.caches)
    for batch in batched(ids, BATCH_SIZE):
        for order, outcomes in await services.orders.get_many(batch):
            total.add(order, outcomes)
    end = cursor + limit
    shown = await purges.get_many(services, ids[cursor:end])
    return OrdersPage(total.summary(complete), shown, end if end < len(ids) else 0)
