"""What became of many purge orders: counts by cache, and the state that follows. One answer for receipts and --wait."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import batched
from typing import Any, Self

from edgeward.operations.entry_effect import Effect
from edgeward.operations.order_name import name_of
from edgeward.operations.services import Services
from edgeward.operations.unjudged_responses import UnjudgedResponses
from edgeward.purging.orders import in_placing_order
from edgeward.purging.unjudged_orders import Unjudged
from edgeward.quantities import HOSTS_NAMED
from edgeward.sightings.forgotten import STORE_LOSS
from edgeward.types import Cause, Delivery, Met, Outcome, PurgeOrder, Scope
from edgeward.types.linger import linger_between
from edgeward.types.outcome_words import DONE_STATES, ReceiptState

BATCH_SIZE = 250
"""Orders that are read at a time. Between batches the event loop runs other tasks."""
PURGING_SECONDS = 10.0
"""After this time without an outcome a purge counts as owed, by a cache that is unreachable."""
NAMED_TARGETS = 3
"""Targets that a cache can't purge, of which a sentence has the names."""


@dataclass(slots=True)
class CacheTotal:
    """What one cache did with all orders: counts by outcome, and times in Unix seconds.

    Attributes:
        unsupported: orders that this kind of cache can't carry out.
        not_known: those of them that leave copies which may not be gone: by prefix, or for a target. An order by tag is
            not among them: each known target of its image has its own order.
        forgotten: targets that were forgotten and that no order carried out here stands for.
        forgotten_lost: those of them whose responses could not be judged or recorded.
        forgotten_beyond_limits: those of one image, of which more were requested than are recorded.
        forgotten_hosts: the hosts with the most of them, at most HOSTS_NAMED.
        forgotten_host_count: how many hosts they have.
        refused_detail: what the cache said to the last one that it refused; "" if it refused none.
        unsupported_detail: why it can't carry out those in `not_known`.
        unsupported_targets: the first of those, by name, at most NAMED_TARGETS.
        unsupported_seen: one of those is for a target that was seen or asked for: its very copy may be left.
        store_lost: 1 if sightings were lost with the store's data: nobody knows of which copies.
        copies: copies that were removed.
        met: orders carried out, by what they met.
        linger_seconds: the longest time from an order's start to its purge; None if it is not known.
        found_nothing: those verified that met no copy.
    """

    verified: int = 0
    delivered: int = 0
    unsupported: int = 0
    refused: int = 0
    owed: int = 0
    not_known: int = 0
    forgotten: int = 0
    forgotten_lost: int = 0
    forgotten_beyond_limits: int = 0
    forgotten_hosts: Sequence[str] = field(default_factory=list)
    forgotten_host_count: int = 0
    refused_detail: str = ""
    unsupported_detail: str = ""
    unsupported_targets: list[str] = field(default_factory=list)
    unsupported_seen: bool = False
    store_lost: int = 0
    copies: int = 0
    met: dict[Met, int] = field(default_factory=lambda: dict.fromkeys(Met, 0))
    first_at: float | None = None
    last_at: float | None = None
    linger_seconds: float | None = None
    found_nothing: int = 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From what `asdict` made of it."""
        met = {each: int(data["met"].get(each, 0)) for each in Met}
        return cls(**{**data, "met": met})

    def add(self, order: PurgeOrder, outcome: Outcome | None, emptied: bool = False) -> None:
        """`emptied`: what the order stands for is gone from every cache, even if this one can't carry it out."""
        if outcome is None or not outcome.is_final:
            self.owed += 1
        elif outcome.delivery is Delivery.REFUSED:
            self.refused += 1
            self.refused_detail = outcome.detail
        elif outcome.delivery is Delivery.UNSUPPORTED:
            self.unsupported += 1
            if order.scope is not Scope.TAG and not order.forgotten and not emptied:
                self._add_not_known(order, outcome)
        else:
            self._add_carried_out(order, outcome)

    def _add_not_known(self, order: PurgeOrder, outcome: Outcome) -> None:
        self.not_known += 1
        self.unsupported_detail = outcome.detail
        self.unsupported_seen |= order.scope is Scope.TARGET
        name = name_of(order)
        if len(self.unsupported_targets) < NAMED_TARGETS and name not in self.unsupported_targets:
            self.unsupported_targets.append(name)

    def _add_carried_out(self, order: PurgeOrder, outcome: Outcome) -> None:
        self.verified += outcome.delivery is Delivery.VERIFIED
        self.delivered += outcome.delivery is Delivery.DELIVERED
        self.copies += outcome.removed or 0
        self.met[outcome.met] += 1
        self.first_at = min(self.first_at or outcome.at, outcome.at)
        self.last_at = max(self.last_at or outcome.at, outcome.at)
        self.found_nothing += outcome.delivery is Delivery.VERIFIED and outcome.met is Met.NONE
        if (linger := linger_between(order.started_at, outcome.at)) is not None:
            self.linger_seconds = max(self.linger_seconds or 0.0, linger)


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """What became of all orders at the time `at` (Unix seconds).

    Attributes:
        caches: by name, the configured ones first.
        unjudged: responses that broke off and are neither judged nor purged yet: a cache may have stored what they
            held.
        unjudged_refused: by cache, how many purges of such responses it refuses.
        unjudged_hosts: the hosts of both, as far as they are known; `unjudged_elsewhere`: there may be more.
        known_state: the state without them: of the copies that Edgeward knew of.
        silent_processes: processes that do not report: whether they have such responses is not known.
        pending: requests that broke off and that nobody has answered yet: what comes is judged or purged. They do not
            make the others unknown.
        effect: what keeps the listed signals from blocking, where the state is INACTIVE.
        partly: only a part of what was listed is kept from it.
        emptied_at: when a person said that every cache was emptied, Unix seconds, if an order that a cache can't carry
            out counts as done by that; else 0.
        accepted_is_enough: the caches whose accepted purges count as done, by their settings.
    """

    state: ReceiptState
    orders: int
    caches: Mapping[str, CacheTotal]
    at: float
    unjudged: int = 0
    unjudged_refused: Mapping[str, int] = field(default_factory=dict)
    unjudged_hosts: Sequence[str] = field(default_factory=list)
    pending: int = 0
    effect: Effect = Effect.BLOCKS
    partly: bool = False
    emptied_at: float = 0.0
    silent_processes: int = 0
    unjudged_elsewhere: bool = False
    known_state: ReceiptState | None = None
    accepted_is_enough: Sequence[str] = ()

    def inactive(self, effect: Effect, partly: bool = False) -> Self:
        """The same of listed signals that block nothing: copies may be cached, and those purged before may be again."""
        if effect is Effect.BLOCKS or self.state is ReceiptState.PLACING:
            return self
        return replace(self, state=ReceiptState.INACTIVE, effect=effect, partly=partly)

    def with_unjudged(self, unjudged: Unjudged) -> Self:
        """The same, where so many responses are unjudged: then it is not known whether every copy is gone."""
        is_any = bool(unjudged.count or unjudged.silent or unjudged.refused)
        done = self.state in DONE_STATES
        by_host = unjudged if isinstance(unjudged, UnjudgedResponses) else UnjudgedResponses()
        return replace(
            self,
            state=ReceiptState.UNKNOWN if done and is_any else self.state,
            unjudged=unjudged.count,
            unjudged_refused=unjudged.refused,
            unjudged_hosts=list(by_host.hosts),
            unjudged_elsewhere=is_any and not by_host.names_all_hosts,
            known_state=self.state if done and is_any else None,
            pending=unjudged.pending,
            silent_processes=unjudged.silent,
        )

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
    def copies(self) -> int:
        """Copies that all caches are known to have removed."""
        return sum(total.copies for total in self.caches.values())

    @property
    def met(self) -> dict[Met, int]:
        """Orders carried out, at any cache, by what they met."""
        return {met: sum(total.met[met] for total in self.caches.values()) for met in Met}

    @property
    def accepted(self) -> dict[str, int]:
        """Purges accepted and not verified by cache, without caches that have none. So are the others."""
        return self._by_cache("delivered")

    @property
    def refused(self) -> dict[str, int]:
        return self._by_cache("refused")

    @property
    def owed(self) -> dict[str, int]:
        return self._by_cache("owed")

    @property
    def not_known(self) -> dict[str, int]:
        return self._by_cache("not_known")

    @property
    def forgotten(self) -> dict[str, int]:
        return self._by_cache("forgotten")

    @property
    def store_lost(self) -> list[str]:
        """The caches that may hold copies whose sightings were lost with the store's data."""
        return list(self._by_cache("store_lost"))

    def _by_cache(self, count: str) -> dict[str, int]:
        return {name: getattr(total, count) for name, total in self.caches.items() if getattr(total, count)}


class OrderTotals:
    """Adds up the outcomes of orders.

    Args:
        caches: names of the configured ones.
        store_lost: the store has lost its data, and is not repaired yet.
        emptied_at: when a person said that every cache was emptied after such a loss, Unix seconds.
        accepted_is_enough: see OrderSummary.
    """

    def __init__(
        self,
        caches: Sequence[str],
        store_lost: bool = False,
        emptied_at: float = 0.0,
        accepted_is_enough: Sequence[str] = (),
    ) -> None:
        self._configured, self._store_lost, self._emptied_at = caches, store_lost, emptied_at
        self._accepted_is_enough = accepted_is_enough
        self._totals = {name: CacheTotal() for name in caches}
        self._orders = 0
        self._newest = 0.0
        self._forgotten = _ForgottenTargets()
        self._counts_emptied = False

    def add(self, order: PurgeOrder, outcomes: Mapping[str, Outcome]) -> None:
        self._orders += 1
        # Takedowns and retromatching add orders over time: a cache gets PURGING_SECONDS from the last one.
        self._newest = max(self._newest, order.placed_at)
        emptied = self._was_emptied_since(order)
        for name in self._configured:
            self._totals[name].add(order, outcomes.get(name), emptied)
        # A cache that is no longer configured owes nothing: only what it did counts.
        for name in outcomes.keys() - set(self._configured):
            if outcomes[name].is_final:
                self._totals.setdefault(name, CacheTotal()).add(order, outcomes[name], emptied)
        self._counts_emptied |= emptied and not all(
            (outcome := outcomes.get(name)) and outcome.is_carried_out for name in self._configured
        )
        if order.target == STORE_LOSS:
            # It stands for all that the store knew before it lost its data. No cache can carry that out.
            self._store_lost |= not emptied
        else:
            self._forgotten.add(order, outcomes, emptied)

    def _was_emptied_since(self, order: PurgeOrder) -> bool:
        """Whether every cache was emptied after the order was placed, which stands for copies that nobody knows.

        Not if it is for a known target: that may have been stored again between the emptying and the statement.
        """
        return order.scope is not Scope.TARGET and order.placed_at <= self._emptied_at

    def summary(self, complete: bool) -> OrderSummary:
        """`complete`: no more orders will follow."""
        for name in self._configured:
            self._forgotten.count_not_gone(name, self._totals[name])
            self._totals[name].store_lost = int(self._store_lost)
        emptied_at = self._emptied_at if self._counts_emptied else 0.0
        return OrderSummary(
            self._state(complete),
            self._orders,
            self._totals,
            time.time(),
            emptied_at=emptied_at,
            accepted_is_enough=self._accepted_is_enough,
        )

    def _state(self, complete: bool) -> ReceiptState:
        if not complete:
            return ReceiptState.PLACING
        totals = self._totals.values()
        if any(total.owed for total in totals):
            recent = time.time() - self._newest < PURGING_SECONDS
            return ReceiptState.PURGING if recent else ReceiptState.OWED
        if any(total.refused for total in totals):
            return ReceiptState.REFUSED
        unknown = any(total.not_known or total.forgotten or total.store_lost for total in totals)
        if (self._orders and not totals) or unknown:
            return ReceiptState.UNKNOWN
        if any(total.delivered for total in totals):
            return ReceiptState.ACCEPTED
        verified = sum(total.verified for total in totals)
        if verified and verified == sum(total.found_nothing for total in totals):
            return ReceiptState.FOUND_NOTHING
        return ReceiptState.GONE if verified else ReceiptState.NOTHING


class _ForgottenTargets:
    """The orders that stand for forgotten targets, and what can remove their copies besides: an order by tag."""

    def __init__(self) -> None:
        self._orders: dict[object, tuple[PurgeOrder, Mapping[str, Outcome]]] = {}
        self._by_tag: set[tuple[str, str]] = set()
        """(cache, SHA-256) of the orders by tag that were carried out."""
        self._emptied: set[str] = set()
        """Ids of the orders after which every cache was emptied."""

    def add(self, order: PurgeOrder, outcomes: Mapping[str, Outcome], emptied: bool = False) -> None:
        if order.scope is Scope.TAG:
            done = (cache for cache, outcome in outcomes.items() if outcome.is_carried_out)
            self._by_tag.update((cache, order.sha256) for cache in done)
        if order.forgotten:
            if emptied:
                self._emptied.add(order.id)
            place = order.scope, order.target, order.tag, order.sha256
            known = self._orders.get(place)
            # Of the same place the latest counts. Imports and takedowns collect earlier ones after later ones.
            if known is None or in_placing_order([known[0].id, order.id])[-1] == order.id:
                self._orders[place] = order, outcomes

    def count_not_gone(self, cache: str, total: CacheTotal) -> None:
        """Count in `total` the forgotten targets of which a copy may be left in this cache."""
        hosts: Counter[str] = Counter()
        total.forgotten = total.forgotten_lost = total.forgotten_beyond_limits = 0
        for order in self._not_gone(cache):
            total.forgotten += order.forgotten
            if order.sha256:
                total.forgotten_beyond_limits += order.forgotten
            elif order.cause is Cause.LISTING:
                total.forgotten_lost += order.forgotten
            if order.target.host:
                hosts[order.target.host] += order.forgotten
        total.forgotten_hosts = [host for host, _ in hosts.most_common(HOSTS_NAMED)]
        total.forgotten_host_count = len(hosts)

    def _not_gone(self, cache: str) -> Iterator[PurgeOrder]:
        """The orders for them."""
        by_place = {order.sha256 for order, _ in self._orders.values() if order.scope is not Scope.TAG}
        for order, outcomes in self._orders.values():
            if order.id in self._emptied:
                continue
            outcome = outcomes.get(cache)
            # The order by tag and those by prefix stand for the same targets.
            repeats_others = order.scope is Scope.TAG and order.sha256 in by_place
            by_tag = bool(order.sha256) and (cache, order.sha256) in self._by_tag
            if not (outcome and outcome.is_carried_out) and not repeats_others and not by_tag:
                yield order


async def new_totals(services: Services) -> OrderTotals:
    """Totals of no orders yet."""
    emptied_at = await services.sightings.forgotten.emptied_at()
    lost = services.replica.loss is not None
    return OrderTotals(services.caches, lost, emptied_at, services.accepted_is_enough)


async def add_up(services: Services, ids: Sequence[str]) -> OrderTotals:
    """The totals of these orders, without those that are no longer on record."""
    totals = await new_totals(services)
    for batch in batched(ids, BATCH_SIZE):
        for order, outcomes in await services.orders.get_many(batch):
            totals.add(order, outcomes)
    return totals
