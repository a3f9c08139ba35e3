"""The index of addresses, on a real Redis."""

import time

import pytest

from edgeward.store.connection import Store
from edgeward.takedown.seen import addresses as module
from edgeward.takedown.seen.addresses import Addresses
from edgeward.takedown.seen.spelling import Spelling, spelling_of, target_of

DAY = 86400


@pytest.fixture
def addresses(store: Store) -> Addresses:
    return Addresses(store, DAY)


def spelling(path: str) -> Spelling:
    return spelling_of(target_of(f"http://img.test{path}"))


def image(number: int) -> bytes:
    return number.to_bytes(16)


async def see(addresses: Addresses, store: Store, *seen: tuple[str, int, int]) -> int:
    """Write (path, image, seconds ago); returns what was dropped."""
    untidy: list[str] = []
    now = int(time.time())
    async with store.pipeline() as pipe:
        for path, number, ago in seen:
            untidy += addresses.queue(pipe, spelling(path), image(number), now - ago)
        await pipe.execute()
    return await addresses.tidy(untidy)


async def test_finds_images(addresses: Addresses, store: Store) -> None:
    """Images are found by address, newest first: by path under any query, by query under this one only."""
    await see(addresses, store, ("/a", 1, 9), ("/a?x=1&y=2", 2, 5), ("/a?x=2", 3, 7), ("/b", 4, 1))
    assert await addresses.images(spelling("/a")) == [image(2), image(3), image(1)]
    assert await addresses.images(spelling("/a?y=2&x=1")) == [image(2)]
    assert await addresses.images(spelling("/a?x=3")) == []
    await see(addresses, store, ("/a", 1, 0))
    assert await addresses.images(spelling("/a")) == [image(1), image(2), image(3)]


async def test_forgets(addresses: Addresses, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not seen for too long is not found, and goes when its bucket is tidied."""
    await see(addresses, store, ("/a", 1, DAY + 900), ("/a", 2, DAY - 900))
    assert await addresses.images(spelling("/a")) == [image(2)]
    (bucket,) = await store.redis.keys(store.key("*"))
    assert await store.redis.zcard(bucket) == 2
    monkeypatch.setattr(module, "TIDIED", 1)
    await see(addresses, store, ("/a", 2, 3))
    assert await store.redis.zcard(bucket) == 1


async def test_a_bucket_outlives_its_members(addresses: Addresses, store: Store) -> None:
    """A bucket expires after its newest member, whether its expiry was moved for that or not."""
    for _ in range(2):
        await see(addresses, store, ("/a", 1, 0))
        (bucket,) = await store.redis.keys(store.key("*"))
        assert DAY <= await store.redis.ttl(bucket) <= 2 * DAY


async def test_is_bounded(addresses: Addresses, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowded address loses its oldest images, counted, and takes none from others in its bucket."""
    monkeypatch.setattr(module, "BUCKET_BITS", 0)
    monkeypatch.setattr(module, "TIDIED", 1)
    monkeypatch.setattr(module, "KEPT", 3)
    dropped = await see(
        addresses, store, ("/quiet", 99, 1000), *(("/crowded", number, 100 - number) for number in range(5))
    )
    assert dropped == 2
    assert await addresses.images(spelling("/quiet")) == [image(99)]
    assert await addresses.images(spelling("/crowded")) == [image(4), image(3), image(2)]
    many = [(f"/{number}", number, 0) for number in range(12)]
    assert await see(addresses, store, *many) == 4
    assert await addresses.images(spelling("/quiet")) == []
