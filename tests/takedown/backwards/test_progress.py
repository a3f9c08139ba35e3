"""What is on record of the way back through the sightings."""

from edgeward.store.connection import Store
from edgeward.takedown.backwards.progress import Progress


async def test_matched_or_not(store: Store) -> None:
    """A version has its orders, none, or has not been matched: three answers, also for many versions at once."""
    progress = Progress(store)
    await progress.matched({7: ["1-0", "2-0"], 8: []})
    assert await progress.orders_of([8, 9, 7]) == [[], None, ["1-0", "2-0"]]
    assert await progress.orders_of([]) == []
    await progress.matched({version: [f"{version}-0"] for version in range(3000)})
    assert await progress.orders_of(range(3000)) == [[f"{version}-0"] for version in range(3000)]


async def test_parts(store: Store) -> None:
    """The last part that was noted is known, and all orders of the parts, each once."""
    progress = Progress(store)
    assert await progress.part(7) == ""
    await progress.note(7, "3ff", ["1-0", "2-0"])
    await progress.note(7, "7ff", [])
    await progress.note(7, "fff", ["2-0", "3-0"])
    assert await progress.part(7) == "fff"
    assert await progress.parts(7) == ["1-0", "2-0", "3-0"]
    assert await progress.orders_of([7]) == [None]
