"""Purges are verified at each kind of cache, by a probe that asks the cache alone and stores nothing in it."""

import time

from tests.scenarios.pictures import fresh
from tests.scenarios.purge_orders import SITE, list_and_wait, take_down_and_wait

from edgeward.demo.stack import Stack

ACCEPTS = ["*/*", "image/webp,*/*"]


def test_each_order_is_verified_by_each_cache(stack: Stack) -> None:
    """Every order has an outcome of both caches, with the time of the purge."""
    photo = fresh()
    stack.origin.put(photo.path, photo.body, headers=[("Vary", "Accept")])
    for accept in ACCEPTS:
        stack.get(photo.path, Accept=accept)
    orders = list_and_wait(stack, photo)
    assert len(orders) == 2
    for order in orders:
        assert set(order["outcomes"]) == set(stack.inner)
        assert {outcome["delivery"] for outcome in order["outcomes"].values()} == {"verified"}
        assert all(0 < outcome["linger_seconds"] < 5 for outcome in order["outcomes"].values())
        assert order["owed"] == []


def test_verifying_asks_no_origin(stack: Stack) -> None:
    """Orders are delivered, verified and repeated without a request to the origin, cached or never cached."""
    photo, never = fresh(), fresh()
    for each in (photo, never):
        stack.origin.put(each.path, each.body, headers=[("Vary", "Accept")])
    for accept in ACCEPTS:
        stack.get(photo.path, Accept=accept)
    before = sum(stack.origin.requests.values())
    ids = [order["id"] for order in take_down_and_wait(stack, urls=[SITE + photo.path, SITE + never.path])]
    # A repeat that finds nothing is recorded nowhere: the one after half a second is over by then.
    time.sleep(0.9)
    assert sum(stack.origin.requests.values()) == before
    details = [
        stack.edge.api("GET", f"/purges/{order_id}")["outcomes"][stack.cache.driver]["detail"] for order_id in ids
    ]
    assert set(details) == {""}
    assert [accept for accept in ACCEPTS if stack.held(photo.path, Accept=accept)] == []
