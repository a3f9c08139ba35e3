"""Consumer groups on a real Redis stream."""

import asyncio
import time

import pytest
from tests.conftest import STORE_TIMEOUT_MS
from tests.support.eventually import eventually
from tests.support.stepping_store import SteppingStore

from edgeward.background.consumer_group import ConsumerGroup, Owed, beats_key
from edgeward.store.connection import Store

HOUR_MS = 3_600_000


async def test_counts_what_is_owed(store: Store) -> None:
    """Items are owed from when they are added until they are acknowledged, taken or not."""
    stream = store.key("stream")
    group = ConsumerGroup(store, stream, "g")
    await group.ensure()
    await group.ensure()
    assert await group.owed() == Owed(0, "")
    for number in range(1, 5):
        await store.redis.xadd(stream, {"n": number}, id=f"{number}-0")
    assert await group.owed() == Owed(4, "1-0")
    assert await group.reached() == "0-0"
    assert [item_id for item_id, _ in await group.take("c", 3, 10)] == ["1-0", "2-0", "3-0"]
    await group.acknowledge(["1-0", "3-0"])
    assert await group.owed() == Owed(2, "2-0")
    assert await group.reached() == "1-0"
    await group.acknowledge(["2-0"])
    assert await group.owed() == Owed(1, "4-0")
    await group.take("c", 3, 10)
    await group.acknowledge(["4-0"])
    assert (await group.owed(), await group.reached()) == (Owed(0, ""), "4-0")


async def test_an_item_taken_meanwhile_is_not_done(store: Store) -> None:
    """An item that is taken at the moment of the question does not count as done."""
    group = ConsumerGroup(store, store.key("stream"), "g")
    await group.ensure()
    for number in range(1, 31):
        await store.redis.xadd(store.key("stream"), {"n": number}, id=f"{number}-0")
        reached, owed, taken = await asyncio.gather(group.reached(), group.owed(), group.take("c", 1, 10))
        assert (reached, owed) == (f"{number - 1}-0", Owed(1, f"{number}-0"))
        assert [item_id for item_id, _ in taken] == [f"{number}-0"]
        await group.acknowledge([f"{number}-0"])


async def test_a_new_group_starts_at_the_first_item(store: Store) -> None:
    """Items that were there before the group are its work too."""
    await store.redis.xadd(store.key("stream"), {"n": 1})
    group = ConsumerGroup(store, store.key("stream"), "late")
    await group.ensure()
    assert len(await group.take("c", 10, 10)) == 1


async def test_trimmed_items_are_left_out(store: Store) -> None:
    """An item that is no longer in the stream is not returned, neither taken nor claimed."""
    stream = store.key("stream")
    group = ConsumerGroup(store, stream, "g")
    await group.ensure()
    await store.redis.xadd(stream, {"n": 1})
    await group.take("c", 10, 10)
    await store.redis.xtrim(stream, maxlen=0, approximate=False)
    assert await group.mine("c") == []
    assert await group.claim("d", 0) == []


async def test_claims_past_items_of_the_living(store: Store) -> None:
    """Items of a dead consumer are found behind a thousand that a live one holds, no more of them than asked for."""
    group = ConsumerGroup(store, store.key("stream"), "g")
    await group.ensure()
    async with store.redis.pipeline(transaction=False) as pipe:
        for number in range(1, 1206):
            pipe.xadd(store.key("stream"), {"n": number}, id=f"{number}-0")
        await pipe.execute()
    held = [item_id for item_id, _ in await group.take("alive", 1200, 10)]
    left = [item_id for item_id, _ in await group.take("dead", 5, 10)]
    for name, ids in (("alive", held), ("dead", left)):
        await store.redis.xclaim(store.key("stream"), "g", name, 0, [*ids], idle=2 * HOUR_MS, justid=True)
    await group.hold("alive", held)
    assert [item_id for item_id, _ in await group.claim("other", HOUR_MS, 3)] == left[:3]
    assert [item_id for item_id, _ in await group.claim("other", HOUR_MS, 10)] == left[3:]


async def test_forgets_consumers_that_owe_nothing(store: Store) -> None:
    """A consumer that has been idle and owes nothing is removed; one that owes something or was active stays."""
    stream = store.key("stream")
    group = ConsumerGroup(store, stream, "g")
    await group.ensure()
    for number in range(1, 4):
        await store.redis.xadd(stream, {"n": number}, id=f"{number}-0")
    for name in ("owing", "idle", "other"):
        await group.take(name, 1, 10)
    await group.acknowledge(["2-0", "3-0"])
    await asyncio.sleep(0.02)  # more than the ten seconds below, if they were taken for milliseconds
    assert await group.forget_consumers(10) == 0
    assert await group.forget_consumers(0) == 2
    assert [each["name"] for each in await store.redis.xinfo_consumers(stream, "g")] == [b"owing"]


async def test_a_lost_group_is_no_error(store: Store) -> None:
    """Without its group a consumer gets no items; any other error is raised."""
    group = ConsumerGroup(store, store.key("stream"), "g")
    assert await group.take("c", 1, 10) == []
    await store.redis.set(store.key("stream"), "no stream")
    with pytest.raises(Exception, match="WRONGTYPE"):
        await group.take("c", 1, 10)
    for failing in (group.ensure(), group.mine("c"), group.hold("c", ["1-0"]), group.leave(["1-0"])):
        with pytest.raises(Exception, match="WRONGTYPE"):
            await failing


async def test_a_group_that_the_store_lost_is_no_defect(store: Store) -> None:
    """Without the stream nothing is owed; without the group all its items are, as for the group that is made next."""
    stream = store.key("stream")
    group = ConsumerGroup(store, stream, "g")
    assert (await group.owed(), await group.forget_consumers(0)) == (Owed(0, ""), 0)
    await store.redis.xadd(stream, {"n": 1}, id="1-0")
    assert (await group.owed(), await group.forget_consumers(0)) == (Owed(1, "1-0"), 0)
    await group.hold("c", ["1-0"])
    await group.leave(["1-0"])
    assert (await group.mine("c"), await group.claim("c", 0)) == ([], [])
    await group.ensure()
    assert await group.owed() == Owed(1, "1-0")


async def test_an_item_that_is_left_is_claimed_at_once(store: Store) -> None:
    """By another consumer, which then holds it like any other."""
    stream = store.key("stream")
    group = ConsumerGroup(store, stream, "g")
    await group.ensure()
    for number in (1, 2):
        await store.redis.xadd(stream, {"n": number}, id=f"{number}-0")
    assert len(await group.take("old", 10, 10)) == 2
    await group.leave(["2-0"])
    await group.leave([])
    assert [item_id for item_id, _ in await group.claim("new", HOUR_MS - 1)] == ["2-0"]
    assert [item_id for item_id, _ in await group.mine("new")] == ["2-0"]
    assert await group.claim("old", HOUR_MS - 1) == []


async def test_items_of_the_dead_are_claimed_though_the_clock_was_set_back(stepping: SteppingStore) -> None:
    """As soon as a consumer has not been heard from for long enough; not those of one that lives. What was left is
    claimed at once."""
    store = await Store.connect(stepping.url, "steps", STORE_TIMEOUT_MS)
    stream = store.key("stream")
    group = ConsumerGroup(store, stream, "g")
    await group.ensure()
    for number in (1, 2, 3):
        await store.redis.xadd(stream, {"n": number}, id=f"{number}-0")
    for name in ("dead", "alive", "older"):
        await group.hold(name)
        await group.take(name, 1, 10)
    await group.leave(["3-0"])
    await stepping.step_and_wait(store, -40 * 86400.0)
    assert [item for item, _ in await group.claim("other", HOUR_MS)] == ["3-0"]

    async def claimed() -> list[tuple[str, object]]:
        await group.hold("alive", ["2-0"])
        await group.hold("other", ["3-0"])
        return list(await group.claim("other", 1000))

    found: list[tuple[str, object]] = []

    async def some_are() -> bool:
        found.extend(await claimed())
        return bool(found)

    await eventually(some_are)
    assert found == [("1-0", {b"n": b"1"})]
    assert [item for item, _ in await group.mine("other")] == ["1-0", "3-0"]
    await store.close()


async def test_a_consumer_that_says_nothing_is_judged_by_its_items(store: Store) -> None:
    """One of an earlier release, which holds them. Silent ones without items are forgotten after a day."""
    stream = store.key("stream")
    group = ConsumerGroup(store, stream, "g")
    await group.ensure()
    await store.redis.xadd(stream, {"n": 1}, id="1-0")
    await group.take("earlier", 1, 10)
    await group.hold("gone")
    await store.redis.hset(beats_key(stream, "g"), "@gone", time.time() - 90_000)
    assert await group.claim("other", HOUR_MS) == []
    assert b"@gone" not in await store.redis.hkeys(beats_key(stream, "g"))
    assert [item for item, _ in await group.claim("other", 0)] == ["1-0"]
