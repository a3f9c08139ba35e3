"""What became of many purge orders: counts by cache, and the state that follows. One answer for receipts and --wait."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import batched
from types import MappingProxyType
from typing import Self

from edgeward.operations import cache_keys, caches
from edgeward.operations.cache_total import CacheTotal
from edgeward.operations.caches import NO_OTHERS, OtherCaches
from edgeward.operations.entry_effect import Effect
from edgeward.operations.services import Services
from edgeward.operations.unjudged_responses import UnjudgedResponses
from edgeward.policy.unscanned_targets import UnscannedTargets
from edgeward.purging.key_records import KeyDoubt, KeyRecord
from edgeward.purging.orders import in_placing_order
from edgeward.purging.unjudged_orders import Unjudged
from edgeward.quantities import HOSTS_NAMED
from edgeward.sightings.forgotten import STORE_LOSS
from edgeward.types import Cause, Met, Outcome, PurgeOrder, Scope, placed_at
from edgeward.types.outcome_words import DONE_STATES, ReceiptState

NO_KEYS_KNOWN: Mapping[str, KeyRecord] = MappingProxyType({})
NO_DIFFERENCES: Mapping[str, str] = MappingProxyType({})
BATCH_SIZE = 250
"""Orders that are read at a time. Between batches the event loop runs other tasks."""
PURGING_SECONDS = 10.0
"""After this time without an outcome a purge counts as owed, by a cache that is unreachable."""


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
        absent: caches that owe or refuse orders, and that no live controller has in its settings.
        emptied_at: when a person said that every cache was emptied, Unix seconds, if an order that a cache can't carry
            out counts as done by that; else 0.
        accepted_is_enough: the caches whose accepted purges count as done, by their settings.
        listed_before, listed_new: of an import, the hashes that were on the list before, whose copies it did not purge
            again, and those that it added. Both 0 for all else.
        not_scanned: hosts, with paths, where nothing is scanned: which images are there is not known.
        limited: the lists of what was listed that do not act everywhere, each with where it does, in words.
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
    absent: Sequence[str] = field(default_factory=list)
    accepted_is_enough: Sequence[str] = ()
    listed_before: int = 0
    listed_new: int = 0
    not_scanned: Sequence[str] = field(default_factory=list)
    limited: Sequence[str] = field(default_factory=list)

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
        clock: the store's time, Unix seconds.
        others: caches that are not configured here, and receive orders all the same.
        accepted_is_enough: see OrderSummary.
        keys: by cache, what is on record of its key.
        unchecked_keys: the caches of which a check could tell whether their key is that of purges, and none did yet.
        differing: by cache, how controllers' settings differ, where they may purge different caches under its name.
        placed_at: when the order of an id was placed, Unix seconds; None if that is not known.
        not_scanned: see OrderSummary.
    """

    def __init__(
        self,
        caches: Sequence[str],
        store_lost: bool = False,
        emptied_at: float = 0.0,
        clock: Callable[[], float] = time.time,
        others: OtherCaches = NO_OTHERS,
        accepted_is_enough: Sequence[str] = (),
        keys: Mapping[str, KeyRecord] = NO_KEYS_KNOWN,
        unchecked_keys: Sequence[str] = (),
        differing: Mapping[str, str] = NO_DIFFERENCES,
        placed_at: Callable[[str], float | None] = placed_at,
        not_scanned: Sequence[str] = (),
    ) -> None:
        self._not_scanned = list(not_scanned)
        self._receiving, self._store_lost, self._emptied_at = [*caches, *others.names], store_lost, emptied_at
        self._clock, self._absent, self._accepted_is_enough = clock, others.absent, accepted_is_enough
        self._totals = {name: CacheTotal() for name in self._receiving}
        self._keys, self._unchecked_keys, self._differing = keys, unchecked_keys, differing
        self._placed_at = placed_at
        self._doubts: dict[str, dict[str, KeyDoubt]] = {name: {} for name in keys}
        """By cache and image (SHA-256, "" for none), why a target of it may not be gone there."""
        self._orders = 0
        self._newest = 0.0
        self._forgotten = _ForgottenTargets()
        self._counts_emptied = False

    def add(self, order: PurgeOrder, outcomes: Mapping[str, Outcome]) -> None:
        self._orders += 1
        # Takedowns and retromatching add orders over time: a cache gets PURGING_SECONDS from the last one.
        self._newest = max(self._newest, order.placed_at)
        emptied = self._was_emptied_since(order)
        for name in self._receiving:
            self._totals[name].add(order, outcomes.get(name), emptied)
        # A cache that the store does not know any more owes nothing: only what it did counts.
        for name in outcomes.keys() - set(self._receiving):
            if outcomes[name].is_final:
                self._totals.setdefault(name, CacheTotal()).add(order, outcomes[name], emptied)
        self._counts_emptied |= emptied and not all(
            (outcome := outcomes.get(name)) and outcome.is_carried_out for name in self._receiving
        )
        if order.scope is Scope.TARGET:
            for name in self._doubts.keys() & outcomes.keys():
                if doubt := self._keys[name].doubt(order.placed_at):
                    self._doubts[name][order.sha256] = doubt
        if order.target == STORE_LOSS:
            # It stands for all that the store knew before it lost its data. No cache can carry that out.
            self._store_lost |= not emptied
        else:
            self._forgotten.add(order, outcomes, emptied)

    def _was_emptied_since(self, order: PurgeOrder) -> bool:
        """Whether every cache was emptied after the order was placed, which stands for copies that nobody knows.

        Not if it is for a known target: that may have been stored again between the emptying and the statement.
        """
        at = self._placed_at(order.id)
        return order.scope is not Scope.TARGET and at is not None and at <= self._emptied_at

    def summary(self, complete: bool) -> OrderSummary:
        """`complete`: no more orders will follow."""
        for name in self._receiving:
            self._forgotten.count_not_gone(name, self._totals[name])
            self._set_key(name, self._totals[name])
            carried_out = self._totals[name].verified or self._totals[name].delivered
            self._totals[name].differs = self._differing.get(name, "") if carried_out else ""
            self._totals[name].store_lost = int(self._store_lost)
        emptied_at = self._emptied_at if self._counts_emptied else 0.0
        return OrderSummary(
            self._state(complete),
            self._orders,
            self._totals,
            self._clock(),
            emptied_at=emptied_at,
            absent=[name for name in self._absent if self._totals[name].owed or self._totals[name].refused],
            accepted_is_enough=self._accepted_is_enough,
            not_scanned=self._not_scanned,
        )

    def _set_key(self, name: str, total: CacheTotal) -> None:
        doubts = [
            doubt
            for image, doubt in self._doubts.get(name, {}).items()
            if not self._forgotten.is_purged_by_tag(name, image)
        ]
        # One that it has now says more than one that is past.
        doubt = min(doubts, key=lambda each: each.until, default=KeyDoubt(""))
        total.other_key, total.other_key_until = doubt.detail, doubt.until
        total.unchecked_key = name in self._unchecked_keys and bool(total.verified)

    def _state(self, complete: bool) -> ReceiptState:
        if not complete:
            return ReceiptState.PLACING
        totals = self._totals.values()
        if any(total.owed for total in totals):
            awaited = any(total.owed for name, total in self._totals.items() if name not in self._absent)
            recent = awaited and self._clock() - self._newest < PURGING_SECONDS
            return ReceiptState.PURGING if recent else ReceiptState.OWED
        if any(total.refused for total in totals):
            return ReceiptState.REFUSED
        doubted = any(total.other_key or total.differs for total in totals)
        unknown = doubted or any(total.not_known or total.forgotten or total.store_lost for total in totals)
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

    def is_purged_by_tag(self, cache: str, sha256: str) -> bool:
        """Whether a purge by the tag of the image was carried out there: it removes every copy, whatever its key."""
        return bool(sha256) and (cache, sha256) in self._by_tag

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
            by_tag = self.is_purged_by_tag(cache, order.sha256)
            if not (outcome and outcome.is_carried_out) and not repeats_others and not by_tag:
                yield order


async def new_totals(services: Services) -> OrderTotals:
    """Totals of no orders yet."""
    emptied_at = await services.sightings.forgotten.emptied_at()
    lost, enough = services.replica.loss is not None, services.accepted_is_enough
    others = await caches.others(services)
    keys = await services.orders.key_mismatches.recent()
    unchecked = cache_keys.unchecked(services, keys)
    differing = services.orders.controllers.differing_caches()
    clock, placed_at = services.store.clock.now, services.orders.clock.placed_at
    not_scanned = UnscannedTargets(services.config.scan_exceptions).named()
    return OrderTotals(
        *(services.caches, lost, emptied_at, clock, others, enough, keys, unchecked, differing, placed_at, not_scanned)
    )


async def add_up(services: Services, ids: Sequence[str]) -> OrderTotals:
    """The totals of these orders, without those that are no longer on record."""
    totals = await new_totals(services)
    for batch in batched(ids, BATCH_SIZE):
        for order, outcomes in await services.orders.get_many(batch):
            totals.add(order, outcomes)
    return totals
