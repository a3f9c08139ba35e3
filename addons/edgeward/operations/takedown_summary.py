"""What became of a takedown: its orders added up, and what of it matched nothing."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import batched
from typing import Self

from edgeward.operations.cache_total import CacheTotal
from edgeward.operations.entry_effect import effect_of_all
from edgeward.operations.list_limits import limits_in_words
from edgeward.operations.order_totals import BATCH_SIZE, OrderSummary, new_totals
from edgeward.operations.services import Services
from edgeward.policy.unscanned_targets import UnscannedTargets
from edgeward.takedowns.takedowns import Takedown, TakedownProgress
from edgeward.types import Outcome, PurgeOrder, Scope, entry_id
from edgeward.types.outcome_words import DONE_STATES, ReceiptState

FINAL_STATES = DONE_STATES | {ReceiptState.UNKNOWN}
"""States in which no cache owes or refuses anything."""
REPEAT_MARGIN_SECONDS = 60.0
"""How late the last repeat of a purge may be. Until then it may still remove a copy, which changes the summary."""

type Key = tuple[str, ...]
type Item = tuple[str, str]
"""Kind and text of something that was never seen, as Takedowns.unseen has it."""


@dataclass(frozen=True, slots=True)
class TakedownSummary:
    """The orders of a takedown, and `unmatched`: the URLs, prefixes and hashes of it of which no copy was seen, and
    that no cache is known to have removed a copy of."""

    orders: OrderSummary
    unmatched: Sequence[str] = ()

    def is_final(self, placed_at: float, repeat_seconds: Sequence[float]) -> bool:
        """Whether it will not change: all is done, and the last repeat is over.

        Args:
            placed_at: when the last order was placed, Unix seconds.
            repeat_seconds: when a purge is repeated, in seconds after the first one.
        """
        last = max(self.orders.last_at or 0.0, placed_at)
        over = last + max(repeat_seconds, default=0.0) + REPEAT_MARGIN_SECONDS
        # The settings of controllers may agree again.
        agreed = not any(total.differs for total in self.orders.caches.values())
        return self.orders.state in FINAL_STATES and agreed and self.orders.at > over

    def to_json(self, caches: Sequence[str]) -> str:
        """Its text for the store. `caches`: those that receive orders, and all else that it depends on."""
        return json.dumps({**asdict(self), "caches": caches}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, caches: Sequence[str]) -> Self | None:
        """None if there is none, or it is of other caches: a new cache owes all orders. So if another version of
        Edgeward wrote it that knows other outcomes."""
        try:
            data = json.loads(text or "{}")
            if data.get("caches") != list(caches):
                return None
            orders = data["orders"]
            totals = {name: CacheTotal.from_dict(total) for name, total in orders.pop("caches").items()}
            summary = OrderSummary(**{**orders, "state": ReceiptState(orders["state"]), "caches": totals})
            return cls(summary, list(data["unmatched"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            return None


async def summarize(
    services: Services, takedown: Takedown, progress: TakedownProgress, ids: Sequence[str]
) -> TakedownSummary:
    """Read the orders of a takedown, in batches. `ids`: all of them."""
    totals = await new_totals(services)
    unmatched = _Unmatched(takedown, await services.takedowns.unseen(takedown.id) if progress.unseen else ())
    for batch in batched(ids, BATCH_SIZE):
        for order, outcomes in await services.orders.get_many(batch):
            totals.add(order, outcomes)
            unmatched.add(order, outcomes)
    summary, rest = totals.summary(bool(progress.placed_at)), unmatched.texts()
    if len(rest) == unmatched.total and summary.state in (ReceiptState.ACCEPTED, ReceiptState.GONE):
        summary = replace(summary, state=ReceiptState.NOTHING)
    if not takedown.signals:
        hosts = [target.host for target in (*takedown.urls, *takedown.prefixes)]
        not_scanned = UnscannedTargets(services.config.scan_exceptions).named(hosts)
        summary = replace(summary, not_scanned=not_scanned)
    if (of_list := services.replica.matcher.lists.get(takedown.list)) is not None:
        summary = replace(summary, limited=limits_in_words([of_list]))
    if takedown.list and summary.state in (ReceiptState.NOTHING, ReceiptState.FOUND_NOTHING):
        summary = summary.inactive(await effect_of_all(services, takedown.list, takedown.signals))
    return TakedownSummary(summary, rest)


class _Unmatched:
    """What of a takedown was never seen, without what an order turns out to have matched.

    A URL that stands for several targets is unmatched only if none of them matched.
    """

    def __init__(self, takedown: Takedown, unseen: Collection[Item]) -> None:
        self._items: list[tuple[str, list[Item]]] = [
            (targets[0].url, [("urls", target.url) for target in targets]) for targets in takedown.written_urls
        ]
        keys: dict[Item, Key] = {("urls", url.url): ("url", url.host, url.path) for url in takedown.urls}
        for signal in takedown.signals:
            # The list may match more images than the takedown's own search: its radius may be larger.
            text = f"{signal.type}:{signal.value}"
            keys["hashes", text] = ("entry", entry_id(takedown.list, signal))
            self._items.append((text, [("hashes", text)]))
        for each in takedown.prefixes:
            keys["prefixes", each.url] = ("prefix", each.host, each.path)
            self._items.append((each.url, [("prefixes", each.url)]))
        self._left: defaultdict[Key, set[Item]] = defaultdict(set)
        for item in unseen:
            if item in keys:
                self._left[keys[item]].add(item)

    @property
    def total(self) -> int:
        """Number of URLs, prefixes and hashes that are asked for."""
        return len(self._items)

    def add(self, order: PurgeOrder, outcomes: Mapping[str, Outcome]) -> None:
        if not self._left:
            return
        if order.entry_id:
            self._left.pop(("entry", order.entry_id), None)
        if any(outcome.removed for outcome in outcomes.values()):
            kind = "prefix" if order.scope is Scope.PREFIX else "url"
            self._left.pop((kind, order.target.host, order.target.path), None)

    def texts(self) -> list[str]:
        left = set[Item]().union(*self._left.values())
        return [text for text, items in self._items if left.issuperset(items)]
