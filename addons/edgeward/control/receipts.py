"""Receipts: the proof of a takedown, or of a listing. What was asked by whom, and what each cache made of it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

from aiohttp import web

from edgeward.control import bodies, receipt_page, views
from edgeward.control.services import Services, services
from edgeward.errors import NotFound
from edgeward.types import Delivery, Outcome, PurgeOrder

AT_ONCE = 100
"""Orders that are read at a time: between them the loop goes on."""
OWED_SECONDS = 10.0
"""A purge that is not done within this time after its order is owed by a cache that is away."""


@dataclass(slots=True)
class _Node:
    """What one cache made of all the orders."""

    verified: int = 0
    delivered: int = 0
    refused: int = 0
    owed: int = 0
    first: float | None = None
    last: float | None = None
    linger: float | None = None

    def add(self, order: PurgeOrder, outcome: Outcome | None) -> None:
        if outcome is None or outcome.delivery is Delivery.WAITING:
            self.owed += 1
        elif outcome.delivery is Delivery.REFUSED:
            self.refused += 1
        else:
            self.verified += outcome.delivery is Delivery.VERIFIED
            self.delivered += outcome.delivery is Delivery.DELIVERED
            self.first = min(self.first or outcome.at, outcome.at)
            self.last = max(self.last or outcome.at, outcome.at)
            self.linger = max(self.linger or 0.0, outcome.at - order.started_at)

    def view(self) -> views.Json:
        return {
            "verified": self.verified,
            "delivered": self.delivered,
            "refused": self.refused,
            "owed": self.owed,
            "first_at": self.first,
            "last_at": self.last,
            "linger_seconds": self.linger,
        }


class Total:
    """What became of all the orders of a receipt, at the configured caches and those that were."""

    def __init__(self, caches: Sequence[str]) -> None:
        self._caches = caches
        self._nodes = {name: _Node() for name in caches}
        self._orders = 0
        self._newest = 0.0

    def add(self, order: PurgeOrder, outcomes: Mapping[str, Outcome]) -> None:
        self._orders += 1
        self._newest = max(self._newest, _placed_at(order))
        for name in self._caches:
            self._nodes[name].add(order, outcomes.get(name))
        # One that is no longer configured owes nothing any more.
        for name in outcomes.keys() - set(self._caches):
            if outcomes[name].delivery in views.FINAL:
                self._nodes.setdefault(name, _Node()).add(order, outcomes[name])

    def view(self, settled: bool) -> views.Json:
        """`settled`: there will be no more orders."""
        nodes = self._nodes.values()
        return {
            "state": self._state(settled),
            "orders": self._orders,
            "first_at": min((node.first for node in nodes if node.first), default=None),
            "last_at": max((node.last for node in nodes if node.last), default=None),
            "linger_seconds": max((node.linger for node in nodes if node.linger is not None), default=None),
            "verified": sum(node.verified for node in nodes),
            "delivered": sum(node.delivered for node in nodes),
            "refused": {name: node.refused for name, node in self._nodes.items() if node.refused},
            "owed": {name: node.owed for name, node in self._nodes.items() if node.owed},
            "nodes": {name: node.view() for name, node in self._nodes.items()},
        }

    def _state(self, settled: bool) -> str:
        """placing: orders are still to come; purging; owed: a cache is away; refused: one needs mending; gone."""
        if not settled:
            return "placing"
        if any(node.owed for node in self._nodes.values()):
            return "purging" if time.time() - self._newest < OWED_SECONDS else "owed"
        return "refused" if any(node.refused for node in self._nodes.values()) else "gone"


async def of_takedown(request: web.Request) -> web.Response:
    """GET /takedowns/{id}: as JSON or, where the client wants HTML, as a page to read and to print."""
    page = bodies.query(request, bodies.Page)
    within, takedown_id = services(request), request.match_info["id"]
    takedown, progress = await within.takedowns.get(takedown_id)
    ids = [order_id async for order_id in within.takedowns.all_orders(takedown_id)]
    summary = await _summary(within, ids, settled=bool(progress.placed_at))
    what = {
        **views.takedown(takedown, progress),
        "state": summary["state"],
        "what": {
            "urls": [url.url for url in takedown.urls],
            "prefixes": [prefix.url for prefix in takedown.prefixes],
            "hashes": [f"{each.type}:{each.value}" for each in takedown.signals],
        },
    }
    return _answer(request, {"takedown": what, **await _purges(within, summary, ids, page)})


async def of_entry(request: web.Request) -> web.Response:
    """GET /entries/{id}/receipt: since when it is listed, blocked, and gone from each cache."""
    page = bodies.query(request, bodies.Page)
    within, entry_id = services(request), request.match_info["id"]
    entry = within.replica.matcher.find(entry_id)
    if entry is None:
        raise NotFound(f"no entry {entry_id}")
    version = await within.catalogue.version()
    waiting_for = await within.catalogue.laggards(version)
    matched = await within.retro.version() >= version
    blocked = await within.incidents.first(entry_id, entry.added_at)
    ids = await within.orders.of_entries([entry_id])
    summary = await _summary(within, ids, matched)
    listing = {
        "state": summary["state"],
        "active": not waiting_for,
        "waiting_for": waiting_for,
        "matched": matched,
        "first_blocked": views.incident(blocked) if blocked else None,
    }
    whole = {"entry": views.entry(entry), **listing, **await _purges(within, summary, ids, page)}
    return _answer(request, whole)


async def _purges(within: Services, summary: views.Json, ids: Sequence[str], page: bodies.Page) -> views.Json:
    """The summary, and one page of the orders. `cursor` leads to the next; 0: there is none."""
    end = page.cursor + page.limit
    found = await within.orders.of(ids[page.cursor : end])
    purges = [views.purge(order, outcomes, within.caches) for order, outcomes in found]
    return {"summary": summary, "purges": purges, "cursor": end if end < len(ids) else 0}


async def _summary(within: Services, ids: Sequence[str], settled: bool) -> views.Json:
    total = Total(within.caches)
    for some in batched(ids, AT_ONCE):
        for known in await within.orders.of(some):
            total.add(*known)
    return total.view(settled)


def _placed_at(order: PurgeOrder) -> float:
    """When the store took the order: the first part of its id is that, in milliseconds."""
    return int(order.id.partition("-")[0]) / 1000


def _answer(request: web.Request, receipt: views.Json) -> web.Response:
    accepted = request.headers.get("Accept", "")
    if "text/html" not in accepted or "application/json" in accepted:
        return web.json_response(receipt)
    headers = {"Content-Security-Policy": receipt_page.POLICY, "Vary": "Accept"}
    return web.Response(text=receipt_page.render(receipt), content_type="text/html", headers=headers)
