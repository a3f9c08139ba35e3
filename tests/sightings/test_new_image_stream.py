"""The stream of new images, on a real Redis."""

import pytest

from edgeward.sightings import new_image_stream as module
from edgeward.sightings.new_image_stream import START, NewImageStream, PositionLost
from edgeward.store.connection import Store


@pytest.fixture
def stream(store: Store) -> NewImageStream:
    return NewImageStream(store)


async def test_follows_the_stream(stream: NewImageStream) -> None:
    """A follower that continues from the position reached gets every image once, in order, in any portions."""
    assert await stream.newest() == START
    assert await stream.since(START, 10) == ([], START)
    await stream.append([b"a", b"b\r\n\0"])
    await stream.append([])
    await stream.append([b"c"])
    found, position = await stream.since(START, 2)
    assert found == [b"a", b"b\r\n\0"]
    assert await stream.since(position, 2) == ([b"c"], await stream.newest())
    assert await stream.since(await stream.newest(), 2) == ([], await stream.newest())
    assert await stream.latest(2) == [b"c", b"b\r\n\0"]


async def test_large_images_are_fewer(stream: NewImageStream, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream is limited in bytes too, whatever was in it before; the latest images stay."""
    monkeypatch.setattr(module, "MAX_STREAM_BYTES", 500_000)
    for _ in range(5):
        await stream.append([b"x" * 100] * 1000)
    assert await store.redis.xlen(store.key("{seen}", "new")) == 5000
    for number in range(30):
        await stream.append([bytes((number,)) * 5000] * 10)
    assert 100 <= await store.redis.xlen(store.key("{seen}", "new")) < 300
    assert await stream.latest(1) == [bytes((29,)) * 5000]


async def test_a_trimmed_position_is_lost(stream: NewImageStream, monkeypatch: pytest.MonkeyPatch) -> None:
    """A follower that is behind the trimmed stream gets PositionLost, also if it has read nothing yet."""
    monkeypatch.setattr(module, "MAX_IMAGES", 10)
    await stream.append([b"first"])
    position = await stream.newest()
    for _ in range(10):
        await stream.append([b"x"] * 100)  # the stream is trimmed by whole blocks
    for behind in (position, START):
        with pytest.raises(PositionLost):
            await stream.since(behind, 10)


async def test_lost_data_is_noticed(stream: NewImageStream, store: Store) -> None:
    """A store that lost its data is noticed, before and after its numbers are given again."""
    await stream.append([b"a", b"b"])
    position = await stream.newest()
    await store.redis.delete(store.key("{seen}", "new"), store.key("{seen}", "count"))
    with pytest.raises(PositionLost):
        await stream.since(position, 10)
    await stream.append([b"c", b"d", b"e"])
    with pytest.raises(PositionLost):
        await stream.since(position, 10)
    assert (await stream.since(START, 10))[0] == [b"c", b"d", b"e"]
