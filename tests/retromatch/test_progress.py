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


async def test_hundreds_of_thousands_of_orders(store: Store) -> None:
    """A change that is matched in steps may lead to that many: they are read in pieces, also while it is matched, and
    all at once."""
    progress = Progress(store)
    first, rest = [f"{number}-0" for number in range(2500)], [f"{number}-1" for number in range(100)]
    await progress.record_step(7, "a", first)
    pieces = [piece async for piece in progress.order_pieces(7)]
    assert [len(piece) for piece in pieces] == [1000, 1000, 500]
    await progress.record_step(7, "b", [*rest, *first[:5]])
    await progress.record_stepped(7)
    more = [piece async for piece in progress.order_pieces(7, after=2500)]
    assert [order_id for piece in [*pieces, *more] for order_id in piece] == [*first, *rest, *first[:5]]
    assert await progress.orders_of([7]) == [[*first, *rest]]


async def test_few_orders_of_steps(store: Store) -> None:
    """They are recorded as those of any other change, as earlier releases read them; and read in pieces too."""
    progress = Progress(store)
    await progress.record_step(7, "a", ["1-0", "2-0"])
    await progress.record_stepped(7)
    await progress.record_matched({8: ["3-0", "4-0"], 9: []})
    await progress.record_stepped(10)
    assert await store.redis.get(store.key("retro", "orders", "7")) == b'["1-0", "2-0"]'
    assert await progress.orders_of([7, 8, 9, 10]) == [["1-0", "2-0"], ["3-0", "4-0"], [], []]
    for version, expected in ((7, [["1-0", "2-0"]]), (8, [["3-0", "4-0"]]), (9, []), (11, [])):
        assert [piece async for piece in progress.order_pieces(version)] == expected
    assert [piece async for piece in progress.order_pieces(8, after=1)] == [["4-0"]]
