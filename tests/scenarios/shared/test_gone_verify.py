"""Gone is verified on each kind of cache, by a probe that asks the cache alone and leaves nothing in it."""

import time

from tests.scenarios.orders import SITE, listed, taken_down
from tests.scenarios.pictures import fresh

from edgeward.demo.stage import Stage

ACCEPTS = ["*/*", "image/webp,*/*"]


def test_each_order_is_verified_by_each_cache(stage: Stage) -> None:
    """Every order has its outcome from both caches, with the time at which the copy was gone."""
    photo = fresh()
    stage.origin.put(photo.path, photo.body, headers=[("Vary", "Accept")])
    for accept in ACCEPTS:
        stage.get(photo.path, Accept=accept)
    orders = listed(stage, photo)
    assert len(orders) == 2
    for order in orders:
        assert set(order["outcomes"]) == set(stage.inner)
        assert {outcome["delivery"] for outcome in order["outcomes"].values()} == {"verified"}
        assert all(0 < outcome["linger_seconds"] < 5 for outcome in order["outcomes"].values())
        assert order["owed"] == []


def test_verifying_asks_no_origin(stage: Stage) -> None:
    """While orders for what is cached and what never was are delivered, verified and repeated, it hears nothing."""
    photo, never = fresh(), fresh()
    for each in (photo, never):
        stage.origin.put(each.path, each.body, headers=[("Vary", "Accept")])
    for accept in ACCEPTS:
        stage.get(photo.path, Accept=accept)
    before = sum(stage.origin.requests.values())
    ids = [order["id"] for order in taken_down(stage, urls=[SITE + photo.path, SITE + never.path])]
    # Nothing tells of a repeat that finds nothing: that of half a second is over by then.
    time.sleep(0.9)
    assert sum(stage.origin.requests.values()) == before
    details = [
        stage.edge.api("GET", f"/purges/{order_id}")["outcomes"][stage.cache.driver]["detail"] for order_id in ids
    ]
    assert set(details) == {""}
    assert [accept for accept in ACCEPTS if stage.held(photo.path, Accept=accept)] == []
