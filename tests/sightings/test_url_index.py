"""The index of URLs, on a real Redis."""

import time

import pytest

from edgeward.sightings import url_index as module
from edgeward.sightings.url_index import UrlIndex
from edgeward.sightings.url_normalization import NormalizedUrl, normalized, target_of
from edgeward.store.connection import Store

DAY = 86400
KEYS = [(538610, "a8f10e4d"), (629627, "40839f6d")]
"""(bucket, URL hash) of http://img.test/a, and of it with ?x=1&y=2, as they are stored."""


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


async def test_finds_other_forms(index: UrlIndex, store: Store) -> None:
    """Images are found by each form of a URL that includes the one where they were seen, and by that itself."""
    await see(index, store, ("/a;p/\xe9?x=\xe9", 1, 9), ("/a/%C3%A9#y", 2, 5))
    assert await index.images(url("/a/%C3%A9")) == [image(2), image(1)]
    assert await index.images(url("/a/%C3%A9?x=%C3%A9")) == [image(1)]
    for path in ("/a;p/%C3%A9", "/a;p/%E9", "/a;p/%E9?x=%E9"):
        assert await index.images(url(path)) == [image(1)]


def test_the_keys_of_a_usual_url() -> None:
    """They never change: sightings are looked up that earlier versions wrote."""
    assert [(bucket, url_hash.hex()) for bucket, url_hash in module._bucket_hashes(url("/a?x=1&y=2"))] == KEYS


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
    assert (await index.dropped(url("/crowded")), await index.dropped(url("/quiet"))) == (2, 0)
    many = [(f"/{number}", number, 0) for number in range(12)]
    assert await see(index, store, *many) == 4
    assert await index.images(url("/quiet")) == []
    assert await index.dropped(url("/quiet")) == 1


async def test_what_was_dropped_is_bounded(index: UrlIndex, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many URLs only the sum is kept, which then counts for each; it expires with the bucket."""
    monkeypatch.setattr(module, "BUCKET_BITS", 0)
    monkeypatch.setattr(module, "WRITES_PER_PRUNE", 1)
    monkeypatch.setattr(module, "MAX_IMAGES_PER_URL", 1)
    monkeypatch.setattr(module, "MAX_DROPPED_URLS", 2)
    seen = [(f"/{path}", number, 9 - number) for path in range(3) for number in range(3)]
    assert await see(index, store, *seen) == 6
    (key,) = await store.redis.keys(store.key("*:d"))
    assert await store.redis.hlen(key) == 3
    assert DAY - 60 < await store.redis.ttl(key) <= DAY
    assert sorted([await index.dropped(url(f"/{path}")) for path in range(3)]) == [2, 4, 4]


async def test_removes_an_image(index: UrlIndex, store: Store) -> None:
    """From URLs where it has no target left; its path stays while another query of it is left, other images stay."""
    await see(index, store, ("/a?x", 1, 0), ("/a?y", 1, 0), ("/b?x", 1, 0), ("/a?x", 2, 0))
    await index.remove(image(1), [url("/a?x"), url("/b?x")], [url("/a?y")])
    assert await index.images(url("/a?x")) == [image(2)]
    assert await index.images(url("/a?y")) == [image(1)]
    assert set(await index.images(url("/a"))) == {image(1), image(2)}
    assert await index.images(url("/b")) == []
