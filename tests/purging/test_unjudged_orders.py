"""Orders for responses that nobody could judge are waited for by everybody, and each is forgotten when it is done."""

import time
from dataclasses import replace

import pytest
from tests.conftest import STORE_TIMEOUT_MS
from tests.purging.samples import finish
from tests.support.eventually import eventually
from tests.support.real_caches import target
from tests.support.stepping_store import SteppingStore

from edgeward.purging import unjudged_orders as module
from edgeward.purging.orders import Orders
from edgeward.purging.unjudged_orders import Unjudged
from edgeward.store.connection import Store
from edgeward.types import Cause, Delivery, Outcome, PurgeOrder, placed_at

CACHES = ["inner", "outer"]
UNANSWERED = PurgeOrder(target("/silent"), Cause.UNJUDGED, 0.0, unanswered=True)


async def place(orders: Orders, count: int) -> list[str]:
    """Orders for as many responses, owed by both caches."""
    for cache in CACHES:
        await orders.ensure_group(cache)
    return await orders.place([PurgeOrder(target(f"/{n}"), Cause.UNJUDGED, time.time()) for n in range(count)])


async def kept(store: Store) -> set[str]:
    members = await store.redis.smembers(store.key("{purges}", "unjudged"))
    return {each.decode() for each in members}


async def test_a_cache_that_cannot_purge_one_has_not_done_it(store: Store) -> None:
    """It may hold the copy for ever: the order counts until it is trimmed."""
    orders = Orders(store)
    ids = await place(orders, 1)
    await finish(orders, "inner", *ids, delivery=Delivery.UNSUPPORTED)
    await finish(orders, "outer", *ids)
    for _ in range(2):
        assert await orders.wait_unjudged(CACHES, 60.0) == Unjudged(1)
    assert await kept(store) == set(ids)


async def test_a_refused_one_is_told_apart_and_hinders_no_other(store: Store) -> None:
    """It is not waited for; those that are done are forgotten beside it."""
    orders = Orders(store)
    refused, *others = await place(orders, 1200)
    await finish(orders, "inner", refused, delivery=Delivery.REFUSED)
    await finish(orders, "inner", *others)
    await finish(orders, "outer", refused, *others)
    assert await orders.wait_unjudged(CACHES, 60.0) == Unjudged(0, {"inner": 1})
    assert await kept(store) == {refused}


async def test_those_that_are_done_are_forgotten_beside_one_that_is_owed(store: Store) -> None:
    """The set does not grow while one cache is away for one of them."""
    orders = Orders(store)
    owed, *others = await place(orders, 1200)
    await finish(orders, "inner", *others)
    await finish(orders, "outer", owed, *others)

    async def one_is_owed() -> bool:
        # One look has an end, so that a busy machine may need several.
        return await orders.wait_unjudged(CACHES, 0.0) == Unjudged(1)

    await eventually(one_is_owed)
    assert await kept(store) == {owed}


async def test_a_wait_ends_in_time_with_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that could not be looked at count as not done."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(module, "ORDERS_PER_POLL", 10)
    orders = Orders(store)
    await place(orders, 1000)
    looks, states = [], orders._completion.states

    async def counted(ids: list[str], caches: list[str]) -> list[tuple[str, str]]:
        looks.append(len(ids))
        return await states(ids, caches)

    monkeypatch.setattr(orders._completion, "states", counted)
    assert await orders.wait_unjudged(CACHES, 0.0) == Unjudged(1000)
    assert looks == [10]


async def test_only_older_ones(store: Store) -> None:
    """By when they were placed."""
    orders = Orders(store)
    (order_id,) = await place(orders, 1)
    at = placed_at(order_id)
    assert await orders.wait_unjudged(CACHES, 0.0, placed_before=at) == Unjudged()
    assert await orders.wait_unjudged(CACHES, 0.0, placed_before=at + 0.001) == Unjudged(1)


async def test_without_caches_nothing_is_owed(store: Store) -> None:
    """The orders are done."""
    orders = Orders(store)
    await place(orders, 1)
    assert await orders.wait_unjudged([], 0.0) == Unjudged()
    assert await kept(store) == set()


async def test_one_that_nobody_answered_is_pending_while_its_purge_waits_in_the_cache(store: Store) -> None:
    """Before that was tried, and where the cache is down, it is not known what the cache holds."""
    orders = Orders(store)
    for cache in CACHES:
        await orders.ensure_group(cache)
    (order_id,) = await orders.place([replace(UNANSWERED, started_at=time.time())])

    async def fail(cache: str, *, timed_out: bool) -> None:
        attempt = Outcome(order_id, cache, Delivery.WAITING, time.time(), timed_out=timed_out)
        await orders.failed_attempts.note(cache, [attempt])

    assert await orders.wait_unjudged(CACHES, 0.0) == Unjudged(1)
    await fail("inner", timed_out=True)
    assert await orders.wait_unjudged(CACHES, 0.0) == Unjudged(1)
    await fail("outer", timed_out=True)
    assert await orders.wait_unjudged(CACHES, 60.0) == Unjudged(pending=1)
    await fail("inner", timed_out=False)
    assert await orders.wait_unjudged(CACHES, 0.0) == Unjudged(1)
    await finish(orders, "inner", order_id)
    assert await orders.wait_unjudged(CACHES, 60.0) == Unjudged(pending=1)
    await finish(orders, "outer", order_id)
    assert await orders.wait_unjudged(CACHES, 60.0) == Unjudged()
    assert await store.redis.exists(*(store.key("{purges}", name) for name in ("unjudged", "unanswered"))) == 0


async def test_one_without_a_mark_counts_as_answered(store: Store) -> None:
    """As earlier versions have stored them: also while its purge waits. A text that looks like the mark is none."""
    orders = Orders(store)
    await orders.ensure_group("inner")
    marked = replace(UNANSWERED, why='"unanswered":true', unanswered=False)
    ids = await orders.place([marked, replace(marked, why="")])
    attempts = [Outcome(each, "inner", Delivery.WAITING, time.time(), timed_out=True) for each in ids]
    await orders.failed_attempts.note("inner", attempts)
    assert await orders.wait_unjudged(["inner"], 0.0) == Unjudged(2)


async def test_a_forgotten_order_leaves_no_mark(store: Store) -> None:
    """With the order its mark is trimmed."""
    orders = Orders(store)
    await orders.place([UNANSWERED])
    await orders.trim(-1.0)
    assert await store.redis.exists(store.key("{purges}", "unanswered")) == 0


async def test_one_whose_time_is_not_known_is_waited_for(stepping: SteppingStore) -> None:
    """The store's clock was set back: by its id it would be placed after any time that somebody asks for."""
    store = await Store.connect(stepping.url, "steps", STORE_TIMEOUT_MS)
    orders = Orders(store)
    await orders.clock.look()
    await place(orders, 1)
    await stepping.step_and_wait(store, -40 * 86400.0)
    await orders.clock.look()
    await place(orders, 1)
    assert await orders.wait_unjudged(CACHES, 0.0, placed_before=store.clock.now()) == Unjudged(2)
    await store.close()
