"""The index of URLs, on a real Redis."""

import time

import pytest

from edgeward.sightings import url_index as module
from edgeward.sightings.url_index import UrlIndex
from edgeward.sightings.url_normalization import NormalizedUrl, normalized, target_of
from edgeward.store.connection import Store

DAY = 86400


@pytest.fixture
def index(store: Store) -> UrlIndex:
    return UrlIndex(store, DAY)


def url(path: str) -> NormalizedUrl:
    return normalized(target_of(f"http://img.test{path}"))


def image(number: int) -> bytes:
    return number.to_bytes(16)


async def see(index: UrlIndex, store: Store, *seen: tuple[str, int, int]) -> int:
    """Write (path, image, seconds ago). Returns how many members were dropped."""
    buckets_to_prune: list[str] = []
    now = int(time.time())
    async with store.pipeline() as pipe:
        for path, number, ago in seen:
            buckets_to_prune += index.queue(pipe, url(path), image(number), now - ago)
        await pipe.execute()
    return await index.prune(buckets_to_prune)


async def test_finds_images(index: UrlIndex, store: Store) -> None:
    """Images are found by URL, newest first: without a query by path with any query, else by path and query."""
    await see(index, store, ("/a", 1, 9), ("/a?x=1&y=2", 2, 5), ("/a?x=2", 3, 7), ("/b", 4, 1))
    assert await index.images(url("/a")) == [image(2), image(3), image(1)]
    assert await index.images(url("/a?y=2&x=1")) == [image(2)]
    assert await index.images(url("/a?x=3")) == []
    await see(index, store, ("/a", 1, 0))
    assert await index.images(url("/a")) == [image(1), image(2), image(3)]


async def test_forgets_expired_images(index: UrlIndex, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An expired image is not found, and is deleted when its bucket is pruned."""
    await see(index, store, ("/a", 1, DAY + 900), ("/a", 2, DAY - 900))
    assert await index.images(url("/a")) == [image(2)]
    (bucket,) = await store.redis.keys(store.key("*"))
    assert await store.redis.zcard(bucket) == 2
    monkeypatch.setattr(module, "WRITES_PER_PRUNE", 1)
    await see(index, store, ("/a", 2, 3))
    assert await store.redis.zcard(bucket) == 1


async def test_a_bucket_outlives_its_members(index: UrlIndex, store: Store) -> None:
    """A bucket expires after its newest member, whether its expiry was renewed for that or not."""
    for _ in range(2):
        await see(index, store, ("/a", 1, 0))
        (bucket,) = await store.redis.keys(store.key("*"))
        assert DAY <= await store.redis.ttl(bucket) <= 2 * DAY


async def test_is_limited(index: UrlIndex, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL with too many images loses the oldest, counted, and takes none from others in its bucket."""
    monkeypatch.setattr(module, "BUCKET_BITS", 0)
    monkeypatch.setattr(module, "WRITES_PER_PRUNE", 1)
    monkeypatch.setattr(module, "MAX_IMAGES_PER_URL", 3)
    dropped = await see(
        index, store, ("/quiet", 99, 1000), *(("/crowded", number, 100 - number) for number in range(5))
    )
    assert dropped == 2
    assert await index.images(url("/quiet")) == [image(99)]
    assert await index.images(url("/crowded")) == [image(4), image(3), image(2)]
    many = [(f"/{number}", number, 0) for number in range(12)]
    assert await see(index, store, *many) == 4
    assert await index.images(url("/quiet")) == []
