"""Receipts: what became of all orders of a takedown or an entry."""

import time

import pytest
from tests.support.services import carry_out

from edgeward.errors import NotFound
from edgeward.operations import entries, lists, receipts, takedowns
from edgeward.operations.receipts import ReceiptState, ReceiptTotal
from edgeward.operations.services import Services
from edgeward.operations.takedowns import Requester, TakedownRequest
from edgeward.types import (
    Cause,
    Decision,
    Delivery,
    HashList,
    Incident,
    Outcome,
    PurgeOrder,
    Reason,
    Signal,
    Target,
)

HOST = "photos.example"
MD5 = Signal("md5", "9" * 32)


def _order(age: float) -> PurgeOrder:
    at = time.time() - age
    return PurgeOrder(Target("http", HOST, "/"), Cause.TAKEDOWN, at, id=f"{int(at * 1000)}-0")


@pytest.mark.parametrize(
    ("deliveries", "age", "complete", "state"),
    [
        ({"a": Delivery.VERIFIED, "b": Delivery.DELIVERED}, 1, True, "gone"),
        ({"a": Delivery.VERIFIED, "b": Delivery.DELIVERED}, 1, False, "placing"),
        ({"a": Delivery.VERIFIED}, 1, True, "purging"),
        ({"a": Delivery.VERIFIED, "b": Delivery.WAITING}, 1, True, "purging"),
        ({"a": Delivery.VERIFIED}, 60, True, "owed"),
        ({"a": Delivery.VERIFIED, "b": Delivery.REFUSED}, 60, True, "refused"),
        ({"a": Delivery.REFUSED}, 60, True, "owed"),
    ],
)
def test_the_state_follows_the_caches(deliveries: dict[str, Delivery], age: float, complete: bool, state: str) -> None:
    """Gone only when every cache has carried everything out. Refusals and long silence are shown."""
    order = _order(age)
    total = ReceiptTotal(["a", "b"])
    total.add(order, {name: Outcome(order.id, name, each, time.time()) for name, each in deliveries.items()})
    assert total.summary(complete).state == state


def test_outcomes_are_added_up_by_cache() -> None:
    """Counts, the first and the last purge, and the longest linger of each cache and of all."""
    total = ReceiptTotal(["a", "b"])
    for number, (delivery, at) in enumerate([(Delivery.VERIFIED, 103.0), (Delivery.DELIVERED, 101.0)]):
        order = PurgeOrder(Target("http", HOST, "/"), Cause.TAKEDOWN, 100.0, id=f"{number}-0")
        total.add(order, {"a": Outcome(order.id, "a", delivery, at), "b": Outcome(order.id, "b", Delivery.REFUSED, at)})
    summary = total.summary(complete=True)
    a, b = summary.caches["a"], summary.caches["b"]
    assert (a.verified, a.delivered, a.first_at, a.last_at, a.linger_seconds) == (1, 1, 101.0, 103.0, 3.0)
    assert (b.refused, b.first_at, b.linger_seconds) == (2, None, None)
    assert (summary.orders, summary.verified, summary.delivered, summary.refused) == (2, 1, 1, {"b": 2})
    assert (summary.first_at, summary.last_at, summary.linger_seconds, summary.owed) == (101.0, 103.0, 3.0, {})


def test_a_cache_that_was_removed_owes_nothing() -> None:
    """What it did is in the receipt. What it did not do is owed by no one."""
    done, undone = _order(60), _order(50)
    total = ReceiptTotal(["a"])
    for order, deliveries in ((done, {"a", "old"}), (undone, {"a"})):
        total.add(order, {name: Outcome(order.id, name, Delivery.VERIFIED, time.time()) for name in deliveries})
    summary = total.summary(complete=True)
    assert (summary.state, summary.owed, summary.caches["old"].verified) == (ReceiptState.GONE, {}, 1)


def test_nothing_to_purge_is_gone() -> None:
    """A takedown of something never seen is complete."""
    assert ReceiptTotal(["a"]).summary(complete=True).state is ReceiptState.GONE


async def test_a_takedown_has_a_receipt(services: Services) -> None:
    """Its orders page by page; the summary is of all of them on each page."""
    urls = tuple(Target("http", HOST, f"/{number}") for number in range(3))
    created = await takedowns.create(services, TakedownRequest(urls), Requester("ana", "api"))
    takedown_id = created.status.takedown.id
    await carry_out(services)
    seen, cursor, pages = [], 0, 0
    while pages == 0 or cursor:
        page = (await receipts.of_takedown(services, takedown_id, cursor, limit=4)).page
        seen += [purge.order.id for purge in page.purges]
        assert (page.summary.orders, page.summary.verified, page.summary.state) == (6, 12, ReceiptState.GONE)
        cursor, pages = page.cursor, pages + 1
    assert (pages, len(set(seen))) == (2, 6)
    with pytest.raises(NotFound, match="td-none"):
        await receipts.of_takedown(services, "td-none", 0, 4)


async def test_an_entry_has_a_receipt(services: Services) -> None:
    """With its first incident, and every order placed for it, by whichever worker."""
    await lists.create(services, HashList("a"), "ana", "")
    added = await entries.add(services, "a", [MD5], "ana", "", timeout=60.0)
    (entry,) = added.entries
    target = Target("http", HOST, "/a.jpg")
    (order_id,) = await services.orders.place([PurgeOrder(target, Cause.MATCH, time.time(), entry_id=entry.id)])
    blocked = Incident(time.time(), Decision.BLOCK, Reason.MATCH, target, "ab" * 32, "a", entry.id, "md5", 0)
    await services.incidents.add([blocked])
    receipt = await receipts.of_entry(services, entry.id, 0, 100)
    assert (receipt.entry, receipt.change.active, receipt.matched) == (entry, True, True)
    assert [purge.order.id for purge in receipt.page.purges] == [order_id]
    assert receipt.page.summary.owed == {"inner": 1, "outer": 1}
    assert receipt.first_blocked is not None
    assert receipt.first_blocked.at == blocked.at
    with pytest.raises(NotFound, match="0123"):
        await receipts.of_entry(services, "0123", 0, 100)
