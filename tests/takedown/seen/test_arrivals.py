"""The stream of new images, on a real Redis."""

import pytest

from edgeward.store.connection import Store
from edgeward.takedown.seen import arrivals as module
from edgeward.takedown.seen.arrivals import START, Arrivals, PlaceLost


@pytest.fixture
def arrivals(store: Store) -> Arrivals:
    return Arrivals(store)


async def test_follows(arrivals: Arrivals) -> None:
    """Who goes on from the place reached gets every image once and in order, in pieces as small as it likes."""
    assert await arrivals.newest() == START
    assert await arrivals.since(START, 10) == ([], START)
    await arrivals.announce([b"a", b"b\r\n\0"])
    await arrivals.announce([])
    await arrivals.announce([b"c"])
    found, place = await arrivals.since(START, 2)
    assert found == [b"a", b"b\r\n\0"]
    assert await arrivals.since(place, 2) == ([b"c"], await arrivals.newest())
    assert await arrivals.since(await arrivals.newest(), 2) == ([], await arrivals.newest())
    assert await arrivals.latest(2) == [b"c", b"b\r\n\0"]


async def test_large_arrivals_are_fewer(arrivals: Arrivals, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream is bounded in bytes too, whatever came before; the latest stay."""
    monkeypatch.setattr(module, "STREAM_BYTES", 500_000)
    for _ in range(5):
        await arrivals.announce([b"x" * 100] * 1000)
    assert await store.redis.xlen(store.key("{seen}", "new")) == 5000
    for number in range(30):
        await arrivals.announce([bytes((number,)) * 5000] * 10)
    assert 100 <= await store.redis.xlen(store.key("{seen}", "new")) < 300
    assert await arrivals.latest(1) == [bytes((29,)) * 5000]


async def test_a_trimmed_place_is_lost(arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who fell behind the trimmed stream is told so, also where it had read nothing yet."""
    monkeypatch.setattr(module, "LENGTH", 10)
    await arrivals.announce([b"first"])
    place = await arrivals.newest()
    for _ in range(10):
        await arrivals.announce([b"x"] * 100)  # the stream is trimmed by whole blocks
    for behind in (place, START):
        with pytest.raises(PlaceLost):
            await arrivals.since(behind, 10)


async def test_lost_data_is_noticed(arrivals: Arrivals, store: Store) -> None:
    """A store that lost its data is noticed, before and after the numbers are given again."""
    await arrivals.announce([b"a", b"b"])
    place = await arrivals.newest()
    await store.redis.delete(store.key("{seen}", "new"), store.key("{seen}", "count"))
    with pytest.raises(PlaceLost):
        await arrivals.since(place, 10)
    await arrivals.announce([b"c", b"d", b"e"])
    with pytest.raises(PlaceLost):
        await arrivals.since(place, 10)
    assert (await arrivals.since(START, 10))[0] == [b"c", b"d", b"e"]
