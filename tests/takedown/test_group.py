"""Consumer groups on a real Redis stream."""

from edgeward.store.connection import Store
from edgeward.takedown.group import Group, Owed


async def test_says_what_is_owed(store: Store) -> None:
    """Items count as owed from the moment they are there until they are acknowledged, taken or not."""
    stream = store.key("stream")
    group = Group(store, stream, "g")
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


async def test_a_new_group_starts_at_the_first_item(store: Store) -> None:
    """What was there before the group is its work too."""
    await store.redis.xadd(store.key("stream"), {"n": 1})
    group = Group(store, store.key("stream"), "late")
    await group.ensure()
    assert len(await group.take("c", 10, 10)) == 1


async def test_what_was_trimmed_is_not_handed_out(store: Store) -> None:
    """An item that is no longer in the stream is left out, not handed out empty."""
    stream = store.key("stream")
    group = Group(store, stream, "g")
    await group.ensure()
    await store.redis.xadd(stream, {"n": 1})
    await group.take("c", 10, 10)
    await store.redis.xtrim(stream, maxlen=0, approximate=False)
    assert await group.mine("c") == []
    assert await group.claim("d", 0) == []
