"""Purge orders in a real Redis: what a cache has not done stays its own."""

import time

import pytest
from tests.takedown.conftest import target

from edgeward.errors import NotFound
from edgeward.store.connection import Store
from edgeward.takedown.orders import Orders
from edgeward.types import Cause, Delivery, Outcome, PurgeOrder, Target


def order(path: str = "/p") -> PurgeOrder:
    at = Target("http", "img.test", path, (("accept", "*/*"),), 7)
    return PurgeOrder(at, Cause.LISTING, time.time(), "ab" * 32, "e1", "why", "who")


def outcome(order_id: str, cache: str, delivery: Delivery = Delivery.VERIFIED) -> Outcome:
    return Outcome(order_id, cache, delivery, time.time(), 1, 404, "")


async def test_comes_back_as_it_was_placed(store: Store) -> None:
    """An order is what was placed, with an id; every cache gets it, once."""
    orders = Orders(store)
    ids = await orders.place([order("/a"), order("/\xe9?")])
    found, outcomes = await orders.get(ids[1])
    assert (found.target, found.target.size, found.cause, found.why, found.id) == (
        order("/\xe9?").target, 7, Cause.LISTING, "why", ids[1],
    )  # fmt: skip
    assert outcomes == {}
    for cache in ("one", "two"):
        await orders.ensure_group(cache)
        assert [taken.id for taken in await orders.take(cache, "c", 10, 10)] == ids
        assert await orders.take(cache, "c", 10, 10) == []


@pytest.mark.parametrize("order_id", ["", "x", "1-1", "-", "+"])
async def test_unknown_order(store: Store, order_id: str) -> None:
    """An id that is none, or of no order, is NotFound and names it."""
    with pytest.raises(NotFound, match="order"):
        await Orders(store).get(order_id)


async def test_is_owed_until_done(store: Store) -> None:
    """What was taken and not done is claimed by another and counts as owed; done, it is neither."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    first, second = await orders.place([order("/a"), order("/b")])
    await orders.take("edge", "dead", 1, 10)
    assert (await orders.pending("edge"))[0] == 2
    assert [mine.id for mine in await orders.mine("edge", "dead")] == [first]
    (claimed,) = await orders.claim("edge", "alive", 0)
    await orders.done("edge", claimed, outcome(first, "edge"))
    assert (await orders.pending("edge"))[0] == 1
    assert await orders.claim("edge", "alive", 0) == []
    assert [taken.id for taken in await orders.take("edge", "alive", 10, 10)] == [second]
    assert (await orders.recent(1))[0][0].id == second
    assert (await orders.get(first))[1]["edge"].delivery is Delivery.VERIFIED


async def test_what_is_held_is_not_claimed(store: Store) -> None:
    """An order that its consumer still holds counts as fresh."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    (order_id,) = await orders.place([order()])
    await orders.take("edge", "slow", 1, 10)
    time.sleep(0.06)
    await orders.hold("edge", "slow", [order_id], [])
    assert await orders.claim("edge", "other", 50) == []


async def test_repeats_come_due(store: Store) -> None:
    """A repeat is handed out when its time has come, to one taker, again after its lease, and never once done."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    (order_id,) = await orders.place([order()])
    (taken,) = await orders.take("edge", "c", 1, 10)
    now = time.time()
    await orders.done("edge", taken, outcome(order_id, "edge"), [now + 5, now + 50])
    assert await orders.due_repeats("edge", now) == []
    (repeat,) = await orders.due_repeats("edge", now + 6)
    assert repeat.order == taken and repeat.previous and repeat.previous.delivery is Delivery.VERIFIED
    assert await orders.due_repeats("edge", now + 7) == []
    (again,) = await orders.due_repeats("edge", now + 45)
    await orders.done("edge", again.order, None, (), again.member)
    assert [late.member == again.member for late in await orders.due_repeats("edge", now + 100)] == [False]


async def test_an_outer_cache_that_was_early_repeats(store: Store) -> None:
    """When an inner cache has done an order later than an outer one, the outer one does it again."""
    orders = Orders(store)
    for cache in ("inner", "outer", "idle"):
        await orders.ensure_group(cache)
    (order_id,) = await orders.place([order()])
    (taken,) = await orders.take("outer", "c", 1, 10)
    await orders.done("outer", taken, outcome(order_id, "outer"))
    await orders.done("inner", taken, outcome(order_id, "inner"), outer=["outer", "idle"])
    soon = time.time() + 1
    assert [repeat.order.id for repeat in await orders.due_repeats("outer", soon)] == [order_id]
    assert await orders.due_repeats("idle", soon) == []


async def test_wait_done_names_who_owes(store: Store) -> None:
    """Waiting ends when all is gone, and names the caches that still owe something or refused it."""
    orders = Orders(store)
    ids = await orders.place([order("/a"), order("/b")])
    assert await orders.wait_done(ids, ["one", "two"], 0.02) == {"one": 2, "two": 2}
    for order_id in ids:
        found, _ = await orders.get(order_id)
        await orders.done("one", found, outcome(order_id, "one"))
    assert await orders.wait_done(ids, ["one", "two"], 0.02) == {"two": 2}
    await orders.done("two", (await orders.get(ids[0]))[0], outcome(ids[0], "two"))
    await orders.done("two", (await orders.get(ids[1]))[0], outcome(ids[1], "two", Delivery.REFUSED))
    assert await orders.wait_done(ids, ["one", "two"], 5) == {"two": 1}
    assert await orders.wait_done(ids[:1], ["one", "two"], 5) == {}
    assert await orders.wait_done([], ["one"], 5) == {}


async def test_trim_forgets_only_what_is_done(store: Store) -> None:
    """Old orders go with their outcomes, but not from the first one on that a configured cache still owes."""
    orders = Orders(store)
    ids = await orders.place([order(f"/{number}") for number in range(4)])
    for cache in ("edge", "slow"):
        await orders.ensure_group(cache)
        for taken in await orders.take(cache, "c", 10, 10):
            if cache == "edge" or taken.id in ids[:2]:
                await orders.done(cache, taken, outcome(taken.id, cache))
    await orders.trim(["edge", "slow"], 3600)
    assert len(await orders.recent()) == 4
    time.sleep(0.01)
    await orders.trim(["edge", "slow"], 0)
    assert [kept.id for kept, _ in await orders.recent()] == [ids[3], ids[2]]
    await orders.trim(["edge", "slow", "new"], 0)
    assert len(await orders.recent()) == 2
    await orders.trim(["edge"], 0)
    assert await orders.recent() == []
    assert await store.redis.keys(store.key("{purges}", "outcomes", "*")) == []


async def test_the_store_lost_everything(store: Store) -> None:
    """After the store lost its data orders are placed and taken as on the first day."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    await orders.place([order()])
    await store.redis.delete(store.key("{purges}", "orders"))
    assert await orders.take("edge", "c", 1, 10) == []
    await orders.ensure_group("edge")
    ids = await orders.place([order()])
    assert [taken.id for taken in await orders.take("edge", "c", 1, 10)] == ids


def test_target_helper_varies() -> None:
    """Targets of other variants are other targets."""
    assert target("/p", accept="a") != target("/p", accept="b")
