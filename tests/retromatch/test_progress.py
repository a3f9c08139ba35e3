"""The progress of retromatching in the store."""

from edgeward.retromatch.progress import KEEP_SECONDS, Progress
from edgeward.store.connection import Store


async def test_matched_or_not(store: Store) -> None:
    """A version has orders, has none, or is not matched yet; thousands can be asked for at once."""
    progress = Progress(store)
    await progress.record_matched({7: ["1-0", "2-0"], 8: []})
    assert await progress.orders_of([8, 9, 7]) == [[], None, ["1-0", "2-0"]]
    assert await progress.orders_of([]) == []
    await progress.record_matched({version: [f"{version}-0"] for version in range(3000)})
    assert await progress.orders_of(range(3000)) == [[f"{version}-0"] for version in range(3000)]


async def test_steps(store: Store) -> None:
    """The last recorded step is known, and the orders of all steps, each once."""
    progress = Progress(store)
    assert await progress.last_step(7) == ""
    await progress.record_step(7, "3ff", ["1-0", "2-0"])
    await progress.record_step(7, "7ff", [])
    await progress.record_step(7, "fff", ["2-0", "3-0"])
    assert await progress.last_step(7) == "fff"
    assert await progress.step_orders(7) == ["1-0", "2-0", "3-0"]
    assert await progress.orders_of([7]) == [None]


async def test_old_versions_are_forgotten(store: Store) -> None:
    """A day after they were seen to be matched, whatever the store's clock says; none of them expires."""
    progress = Progress(store)
    await progress.forget_old(3, now=0.0)
    await progress.record_matched({version: ["1-0"] for version in range(3, 9)})
    await progress.record_step(5, "fff", ["1-0"])
    assert await store.redis.keys(store.key("retro", "part*", "5")) != []
    assert not [key for key in await store.redis.keys(store.key("retro", "*")) if await store.redis.ttl(key) != -1]
    await progress.forget_old(7, now=10.0)
    await progress.forget_old(9, now=KEEP_SECONDS + 9.0)
    assert await progress.orders_of(range(3, 9)) == [["1-0"]] * 6
    await progress.forget_old(9, now=KEEP_SECONDS + 10.0)
    assert await progress.orders_of(range(3, 9)) == [None] * 4 + [["1-0"]] * 2
    assert await store.redis.keys(store.key("retro", "part*", "5")) == []
