"""Purge orders in a real Redis: what a cache has not done stays its own."""

import json
import time
from dataclasses import replace

import pytest
from tests.takedown.conftest import target
from tests.takedown.purging.owed import leave_alone, left_alone

from edgeward.errors import NotFound
from edgeward.store.connection import Store
from edgeward.takedown.purging.orders import Done, Orders
from edgeward.takedown.purging.repeats import member_of
from edgeward.types import NOWHERE, Cause, Delivery, Outcome, PurgeOrder, Scope, Target


def order(path: str = "/p") -> PurgeOrder:
    at = Target("http", "img.test", path, (("accept", "*/*"),), 7)
    return PurgeOrder(at, Cause.LISTING, time.time(), "ab" * 32, "e1", "why", "who")


def outcome(order_id: str, cache: str, delivery: Delivery = Delivery.VERIFIED) -> Outcome:
    return Outcome(order_id, cache, delivery, time.time(), 1, 404, "")


async def finish(orders: Orders, cache: str, *ids: str, delivery: Delivery = Delivery.VERIFIED) -> None:
    await orders.done_many(cache, [Done(each, outcome(each, cache, delivery)) for each in ids])


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


async def test_takes_as_many_as_it_is_asked_for(store: Store) -> None:
    """Orders that wait are handed out together, no more than asked for; one that comes late wakes the taker."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    ids = await orders.place([order(f"/{number}") for number in range(5)])
    assert [taken.id for taken in await orders.take("edge", "c", 3, 10)] == ids[:3]
    assert [taken.id for taken in await orders.take("edge", "c", 3, 10)] == ids[3:]


async def test_scope_tag_and_takedown_are_kept(store: Store) -> None:
    """What an order is about, and the takedown it belongs to, come back with it, however it is read."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    tag = PurgeOrder(NOWHERE, Cause.TAKEDOWN, 1.5, scope=Scope.TAG, tag="ew-12", takedown="t1")
    prefix = PurgeOrder(target("/a/"), Cause.ORIGIN, 2.5, scope=Scope.PREFIX)
    ids = await orders.place([tag, prefix])
    (first, _), (second, _) = await orders.of(ids)
    assert (first.target, first.scope, first.tag, first.takedown) == (NOWHERE, Scope.TAG, "ew-12", "t1")
    assert (second.scope, second.cause, second.started_at) == (Scope.PREFIX, Cause.ORIGIN, 2.5)
    assert await orders.take("edge", "c", 10, 10) == [first, second]
    assert await orders.claim("edge", "d", 0) == [first, second]


async def test_many_at_once(store: Store) -> None:
    """Orders are looked up by the thousand, in the order asked for, without those that are unknown or no id."""
    orders = Orders(store)
    ids = await orders.place([order(f"/{number}") for number in range(1200)])
    await finish(orders, "edge", ids[700])
    found = await orders.of([*reversed(ids), "1-1", "-", "x"])
    assert [each.id for each, _ in found] == ids[::-1]
    assert [each.id for each, outcomes in found if outcomes] == [ids[700]]
    assert await orders.of([]) == []


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
    await finish(orders, "edge", claimed.id)
    assert (await orders.pending("edge"))[0] == 1
    assert await orders.claim("edge", "alive", 0) == []
    assert [taken.id for taken in await orders.take("edge", "alive", 10, 10)] == [second]
    assert (await orders.recent(1))[0][0].id == second
    assert (await orders.get(first))[1]["edge"].delivery is Delivery.VERIFIED


async def test_the_first_outcome_stays(store: Store) -> None:
    """A controller that comes late with an order that another has done meanwhile changes nothing."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    (order_id,) = await orders.place([order()])
    await orders.take("edge", "one", 1, 10)
    await finish(orders, "edge", order_id)
    late = Done(order_id, outcome(order_id, "edge", Delivery.DELIVERED), again=(member_of(order_id, 1.0), 1.0))
    await orders.done_many("edge", [late])
    assert (await orders.get(order_id))[1]["edge"].delivery is Delivery.VERIFIED
    assert await orders.due_repeats("edge", time.time()) == []


async def test_counts_what_is_refused(store: Store) -> None:
    """An order that a cache refused is counted until a later try is accepted, or it is forgotten."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    first, second = await orders.place([order("/a"), order("/b")])
    for taken in await orders.take("edge", "c", 10, 10):
        await finish(orders, "edge", taken.id, delivery=Delivery.REFUSED)
    assert (await orders.refused("edge"), await orders.pending("edge")) == (2, (0, 0.0))
    retry = member_of(first, 1.0)
    await orders.done_many("edge", [Done(first, outcome(first, "edge"), retry)])
    assert await orders.refused("edge") == 1
    time.sleep(0.002)
    await orders.trim(0)
    assert (await orders.refused("edge"), await orders.of([first, second])) == (0, [])


async def test_what_is_held_is_not_claimed(store: Store) -> None:
    """An order that its consumer still holds counts as fresh."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    (order_id,) = await orders.place([order()])
    await orders.take("edge", "slow", 1, 10)
    await leave_alone(store, "slow", [order_id], 600)
    assert (await left_alone(store))[order_id] >= 600
    await orders.hold("edge", "slow", [order_id], [])
    assert await orders.claim("edge", "other", 300_000) == []


async def test_an_outer_cache_that_was_early_repeats(store: Store) -> None:
    """When an inner cache has done an order later than an outer one, the outer one does it again."""
    orders = Orders(store)
    for cache in ("inner", "outer", "idle"):
        await orders.ensure_group(cache)
    (order_id,) = await orders.place([order()])
    await orders.take("outer", "c", 1, 10)
    await finish(orders, "outer", order_id)
    await orders.done_many("inner", [Done(order_id, outcome(order_id, "inner"), outer=True)], ["outer", "idle"])
    soon = time.time() + 1
    assert [repeat.order.id for repeat in await orders.due_repeats("outer", soon)] == [order_id]
    assert await orders.due_repeats("idle", soon) == []


async def test_trim_forgets_only_what_is_done(store: Store) -> None:
    """Old orders go with their outcomes, but not from the first one on that a cache still owes."""
    orders = Orders(store)
    ids = await orders.place([order(f"/{number}") for number in range(4)])
    for cache in ("edge", "slow"):
        await orders.ensure_group(cache)
        for taken in await orders.take(cache, "c", 10, 10):
            if cache == "edge" or taken.id in ids[:2]:
                await finish(orders, cache, taken.id)
    await orders.trim(3600)
    assert len(await orders.recent()) == 4
    time.sleep(0.01)
    await orders.trim(0)
    assert [kept.id for kept, _ in await orders.recent()] == [ids[3], ids[2]]
    await orders.ensure_group("new")
    await orders.trim(0)
    assert len(await orders.recent()) == 2
    assert (await orders.pending("new"))[0] == 2


async def test_trim_does_not_wait_for_a_node_that_nobody_has(store: Store) -> None:
    """A node that no controller has named for very long is forgotten, with its orders, repeats and outcomes."""
    orders = Orders(store)
    for cache in ("edge", "gone"):
        await orders.ensure_group(cache)
    ids = await orders.place([order()])
    await orders.take("edge", "c", 1, 10)
    await finish(orders, "edge", *ids)
    await finish(orders, "gone", *ids, delivery=Delivery.REFUSED)
    await store.redis.hset(store.key("{purges}", "nodes"), "gone", str(time.time() - 90000))
    time.sleep(0.002)
    await orders.trim(86400)
    assert len(await orders.recent()) == 1
    await orders.trim(0)
    assert await orders.recent() == []
    assert await store.redis.keys(store.key("{purges}", "outcomes", "*")) == []
    assert await store.redis.keys(store.key("{purges}", "refused", "gone")) == []


async def test_forgotten_orders_leave_nothing(store: Store) -> None:
    """The outcome of an order that was forgotten while it was being purged leaves nothing behind."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    (order_id,) = await orders.place([order()])
    await store.redis.xtrim(store.key("{purges}", "orders"), maxlen=0, approximate=False)
    for member in ("", member_of(order_id, 1.0)):
        again = (member_of(order_id, 1.0), 1.0)
        await orders.done_many("edge", [Done(order_id, outcome(order_id, "edge"), member, again, True)], ["outer"])
    assert await store.redis.keys(store.key("{purges}", "outcomes", "*")) == []
    assert await orders.due_repeats("edge", time.time()) == []


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


async def test_an_order_that_cannot_be_read_is_in_nobodys_way(store: Store) -> None:
    """One that a later release wrote is left out and stays owed; the others are handed out."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    strange = json.dumps({"target": {"scheme": "http", "host": "h", "path": "/"}, "cause": "whim", "started_at": 1})
    await store.redis.xadd(store.key("{purges}", "orders"), {"order": strange})
    ids = await orders.place([order()])
    assert [taken.id for taken in await orders.take("edge", "c", 10, 10)] == ids
    await finish(orders, "edge", *ids)
    assert (await orders.pending("edge"))[0] == 1


def test_target_helper_varies() -> None:
    """Targets of other variants are other targets."""
    assert target("/p", accept="a") != target("/p", accept="b")


async def test_the_orders_of_an_entry_are_found(store: Store) -> None:
    """Those that name the entry, oldest first, until they are forgotten; a reason that looks like an entry is none."""
    orders = Orders(store)
    mine = [replace(order(f"/{number}"), entry_id="ab12") for number in range(12)]
    other = replace(order(), entry_id="cd34", why='","entry_id":"ab12"')
    ids = await orders.place([*mine, other])
    assert await orders.of_entries(["ab12"]) == ids[:12]
    assert await orders.of_entries(["ab12", "cd34", "ef56"]) == ids
    assert await orders.of_entries([]) == []
    await orders.trim(-1)  # those of this very millisecond too
    assert await orders.of_entries(["ab12", "cd34"]) == []
    assert await store.redis.keys(store.key("{purges}", "entry", "*")) == []
