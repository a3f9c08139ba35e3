"""Purge orders in a real Redis: a cache is owed each order until it has done it."""

import json
import time
from dataclasses import replace

import pytest
from tests.purging.leases import idle_seconds, set_idle
from tests.purging.samples import finish, order, outcome
from tests.support.real_caches import target

from edgeward.background.consumer_group import ConsumerGroup
from edgeward.errors import NotFound
from edgeward.purging.codec import order_to_json
from edgeward.purging.orders import Orders, PurgeResult, in_placing_order
from edgeward.purging.repeat_schedule import repeat_id_of
from edgeward.store.connection import Store
from edgeward.types import NO_TARGET, Cause, Delivery, Outcome, PurgeOrder, Scope


async def test_an_order_is_read_as_it_was_placed(store: Store) -> None:
    """An order is read as it was placed, with an id; every cache gets it once."""
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


def test_ids_are_sorted_by_their_numbers() -> None:
    """As texts, the tenth order of a millisecond would come before the second."""
    assert in_placing_order({"1000-10", "1000-2", "999-7"}) == ["999-7", "1000-2", "1000-10"]


async def test_takes_no_more_than_asked_for(store: Store) -> None:
    """Waiting orders are handed out together, no more than asked for; a later one wakes the taker."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    ids = await orders.place([order(f"/{number}") for number in range(5)])
    assert [taken.id for taken in await orders.take("edge", "c", 3, 10)] == ids[:3]
    assert [taken.id for taken in await orders.take("edge", "c", 3, 10)] == ids[3:]


async def test_scope_tag_and_takedown_are_kept(store: Store) -> None:
    """An order keeps its scope, tag and takedown, whichever method reads it."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    tag = PurgeOrder(NO_TARGET, Cause.TAKEDOWN, 1.5, scope=Scope.TAG, tag="ew-12", takedown="t1")
    prefix = PurgeOrder(target("/a/"), Cause.ORIGIN, 2.5, scope=Scope.PREFIX)
    ids = await orders.place([tag, prefix])
    (first, _), (second, _) = await orders.get_many(ids)
    assert (first.target, first.scope, first.tag, first.takedown) == (NO_TARGET, Scope.TAG, "ew-12", "t1")
    assert (second.scope, second.cause, second.started_at) == (Scope.PREFIX, Cause.ORIGIN, 2.5)
    assert await orders.take("edge", "c", 10, 10) == [first, second]
    assert await orders.claim("edge", "d", 0) == [first, second]


async def test_many_at_once(store: Store) -> None:
    """Thousands of orders are read at once, in the order asked for; unknown and malformed ids are left out."""
    orders = Orders(store)
    ids = await orders.place([order(f"/{number}") for number in range(1200)])
    await finish(orders, "edge", ids[700])
    found = await orders.get_many([*reversed(ids), "1-1", "-", "x"])
    assert [each.id for each, _ in found] == ids[::-1]
    assert [each.id for each, outcomes in found if outcomes] == [ids[700]]
    assert await orders.get_many([]) == []


@pytest.mark.parametrize("order_id", ["", "x", "1-1", "-", "+"])
async def test_unknown_order(store: Store, order_id: str) -> None:
    """A malformed or unknown id raises NotFound, which names it."""
    with pytest.raises(NotFound, match="order"):
        await Orders(store).get(order_id)


async def test_is_owed_until_done(store: Store) -> None:
    """An order that was taken and not done counts as owed and can be claimed; once done it is neither."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    first, second = await orders.place([order("/a"), order("/b")])
    await orders.take("edge", "dead", 1, 10)
    assert (await orders.pending("edge"))[0] == 2
    assert [each.id for each in await orders.unfinished("edge", "dead")] == [first]
    (claimed,) = await orders.claim("edge", "alive", 0)
    await finish(orders, "edge", claimed.id)
    assert (await orders.pending("edge"))[0] == 1
    assert await orders.claim("edge", "alive", 0) == []
    assert [taken.id for taken in await orders.take("edge", "alive", 10, 10)] == [second]
    assert (await orders.recent(1))[0][0].id == second
    assert (await orders.get(first))[1]["edge"].delivery is Delivery.VERIFIED


async def test_the_first_outcome_stays(store: Store) -> None:
    """A late result for an order that another controller has done meanwhile changes nothing."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    (order_id,) = await orders.place([order()])
    await orders.take("edge", "one", 1, 10)
    await finish(orders, "edge", order_id)
    late = PurgeResult(
        order_id, outcome(order_id, "edge", Delivery.DELIVERED), next_repeat=(repeat_id_of(order_id, 1.0), 1.0)
    )
    await orders.record_results("edge", [late])
    assert (await orders.get(order_id))[1]["edge"].delivery is Delivery.VERIFIED
    assert await orders.due_repeats("edge", time.time()) == []


async def test_counts_what_is_refused(store: Store) -> None:
    """A refused order is counted until a later try is accepted, or the order is forgotten."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    first, second = await orders.place([order("/a"), order("/b")])
    for taken in await orders.take("edge", "c", 10, 10):
        await finish(orders, "edge", taken.id, delivery=Delivery.REFUSED)
    assert (await orders.refused("edge"), await orders.pending("edge")) == (2, (0, 0.0))
    retry_id = repeat_id_of(first, 1.0)
    await orders.record_results("edge", [PurgeResult(first, outcome(first, "edge"), retry_id)])
    assert await orders.refused("edge") == 1
    time.sleep(0.002)
    await orders.trim(0)
    assert (await orders.refused("edge"), await orders.get_many([first, second])) == (0, [])


async def test_a_renewed_order_is_not_claimed(store: Store) -> None:
    """An order whose lease its consumer renews cannot be claimed."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    (order_id,) = await orders.place([order()])
    await orders.take("edge", "slow", 1, 10)
    await set_idle(store, "slow", [order_id], 600)
    assert (await idle_seconds(store))[order_id] >= 600
    await orders.renew_leases("edge", "slow", [order_id], [])
    assert await orders.claim("edge", "other", 300_000) == []


async def test_an_outer_cache_that_was_purged_first_repeats(store: Store) -> None:
    """If an inner cache does an order after an outer one, the outer one does it again."""
    orders = Orders(store)
    for cache in ("inner", "outer", "idle"):
        await orders.ensure_group(cache)
    (order_id,) = await orders.place([order()])
    await orders.take("outer", "c", 1, 10)
    await finish(orders, "outer", order_id)
    await orders.record_results(
        "inner", [PurgeResult(order_id, outcome(order_id, "inner"), purge_outer=True)], ["outer", "idle"]
    )
    soon = time.time() + 1
    assert [repeat.order.id for repeat in await orders.due_repeats("outer", soon)] == [order_id]
    assert await orders.due_repeats("idle", soon) == []


async def test_trim_forgets_only_what_is_done(store: Store) -> None:
    """Old orders are forgotten with their outcomes, up to the first one that a cache still owes."""
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


async def test_trim_does_not_wait_for_a_node_that_is_configured_nowhere(store: Store) -> None:
    """A node that no controller has configured for long is forgotten, with its orders, repeats and outcomes."""
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
    """A result for an order that was forgotten meanwhile leaves nothing behind."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    (order_id,) = await orders.place([order()])
    await store.redis.xtrim(store.key("{purges}", "orders"), maxlen=0, approximate=False)
    for repeat_id in ("", repeat_id_of(order_id, 1.0)):
        next_repeat = (repeat_id_of(order_id, 1.0), 1.0)
        await orders.record_results(
            "edge", [PurgeResult(order_id, outcome(order_id, "edge"), repeat_id, next_repeat, True)], ["outer"]
        )
    assert await store.redis.keys(store.key("{purges}", "outcomes", "*")) == []
    assert await orders.due_repeats("edge", time.time()) == []


async def test_the_store_lost_everything(store: Store) -> None:
    """After the store lost its data, orders can be placed and taken as in a new store."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    await orders.place([order()])
    await store.redis.delete(store.key("{purges}", "orders"))
    assert await orders.take("edge", "c", 1, 10) == []
    await orders.ensure_group("edge")
    ids = await orders.place([order()])
    assert [taken.id for taken in await orders.take("edge", "c", 1, 10)] == ids


async def test_an_unreadable_order_delays_no_other(store: Store) -> None:
    """An order that a later release wrote is left out and stays owed; the others are handed out."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    strange = json.dumps({"where": {"scheme": "http", "host": "h", "path": "/"}, "cause": "match", "started_at": 1})
    await store.redis.xadd(store.key("{purges}", "orders"), {"order": strange})
    ids = await orders.place([order()])
    assert [taken.id for taken in await orders.take("edge", "c", 10, 10)] == ids
    await finish(orders, "edge", *ids)
    assert (await orders.pending("edge"))[0] == 1


def test_target_helper_varies() -> None:
    """Targets that vary differ by the values of their headers."""
    assert target("/p", accept="a") != target("/p", accept="b")


async def test_finds_the_orders_of_an_entry(store: Store) -> None:
    """Orders are found by their entry, oldest first, until they are forgotten; a text like one is ignored."""
    orders = Orders(store)
    of_entry = [replace(order(f"/{number}"), entry_id="ab12") for number in range(12)]
    other = replace(order(), entry_id="cd34", why='","entry_id":"ab12"')
    ids = await orders.place([*of_entry, other])
    assert await orders.ids_of_entries(["ab12"]) == ids[:12]
    assert await orders.ids_of_entries(["ab12", "cd34", "ef56"]) == ids
    assert await orders.ids_of_entries([]) == []
    await orders.trim(-1)  # those of this very millisecond too
    assert await orders.ids_of_entries(["ab12", "cd34"]) == []
    assert await store.redis.keys(store.key("{purges}", "entry", "*")) == []


async def test_orders_for_unjudged_responses_are_waited_for(store: Store) -> None:
    """Whoever placed them: until every cache has done them. Others are not counted."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    assert (await orders.wait_unjudged(["edge"], 0.0)).count == 0
    lookalike = replace(order("/b"), why='"cause":"unjudged"')
    first, second, _ = await orders.place([_unjudged("/a"), _unjudged("/c"), lookalike])
    assert (await orders.wait_unjudged(["edge"], 0.0)).count == 2
    await finish(orders, "edge", first)
    assert (await orders.wait_unjudged(["edge"], 0.0)).count == 1
    await finish(orders, "edge", second)
    assert (await orders.wait_unjudged(["edge"], 0.0)).count == 0
    assert await store.redis.scard(store.key("{purges}", "unjudged")) == 0


async def test_forgotten_orders_for_unjudged_responses_are_not_counted(store: Store) -> None:
    """They are trimmed with the stream."""
    orders = Orders(store)
    await orders.place([_unjudged("/a")])
    await orders.trim(-1)
    assert await store.redis.scard(store.key("{purges}", "unjudged")) == 0


def _unjudged(path: str) -> PurgeOrder:
    return PurgeOrder(target(path), Cause.UNJUDGED, time.time(), why="its response could not be judged", by="proxy")


async def test_what_only_a_later_release_can_carry_out_is_left_to_it(store: Store) -> None:
    """An older controller takes it, can't read it, and delays neither other orders nor the later controller."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    text = json.dumps({**json.loads(order_to_json(order("/new"))), "scope": "galaxy"})
    new: bytes = await store.redis.xadd(store.key("{purges}", "orders"), {"order": text})
    (known,) = await orders.place([order("/known")])
    assert [each.id for each in await orders.take("edge", "old", 10, 10)] == [known]
    later = ConsumerGroup(store, store.key("{purges}", "orders"), "edge")
    assert [item_id for item_id, _ in await later.claim("new", 60_000)] == [new.decode()]
    # A receipt that has it says so: it is owed.
    found = await orders.get_many([new.decode(), known])
    assert [each.id for each, _ in found] == [new.decode(), known]
    assert (await orders.pending("edge"))[0] == 2


async def test_an_id_that_a_restored_store_gave_again(store: Store) -> None:
    """What became of the order that had it before is not taken for an outcome of the one that has it now: neither of
    the order itself, nor of a repeat."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    before = {"order": store.key("{purges}", "orders")}
    (first_id,) = await orders.place([order("/p")])
    (first,) = await orders.take("edge", "one", 1, 0)
    # The store gets an older copy of its data, and its clock is behind: the same id comes again.
    await store.redis.xtrim(before["order"], 0)
    await store.redis.delete(before["order"])
    await orders.ensure_group("edge")
    text = order_to_json(order("/q"), "another")
    await store.redis.xadd(before["order"], {"order": text}, id=first_id)
    (second,) = await orders.take("edge", "one", 1, 0)
    assert (second.id, second.target.path) == (first_id, "/q")
    done = Outcome(first_id, "edge", Delivery.VERIFIED, 1.0, 1, 200, "", 1)
    for repeat_id in ("", f"{first_id}/1.000"):
        await orders.record_results("edge", [PurgeResult(first_id, done, repeat_id, nonce=first.nonce)])
        assert await orders.wait_done([first_id], ["edge"], 0.0) == {"edge": 1}
    await orders.record_results("edge", [PurgeResult(first_id, done, nonce=second.nonce)])
    assert await orders.wait_done([first_id], ["edge"], 0.0) == {}
