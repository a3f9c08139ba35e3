"""Each image is looked at once, by whichever worker comes first."""

import asyncio

from edgeward.classifying.claims import Claims
from edgeward.store.connection import Store

IMAGE, OTHER = "ab" * 32, "cd" * 32


async def test_one_of_many_gets_it(store: Store) -> None:
    """Of all that ask for an image at once one gets it; another image, classifier or version is another matter."""
    workers = [Claims(store, "model", "1.0", 30) for _ in range(20)]
    assert sum(await asyncio.gather(*(claims.take(IMAGE) for claims in workers))) == 1
    assert await workers[0].take(OTHER)
    assert await Claims(store, "model", "2.0", 30).take(IMAGE)
    assert await Claims(store, "other", "1.0", 30).take(IMAGE)


async def test_it_is_forgotten_in_time(store: Store) -> None:
    """After `keep_days` and not before, so that the store does not fill up."""
    claims = Claims(store, "model", "1.0", 1)
    assert await claims.take(IMAGE)
    assert not await claims.take(IMAGE)
    brief = Claims(store, "brief", "1.0", 0.01 / 86400)
    assert await brief.take(IMAGE)
    async with asyncio.timeout(60):
        while not await brief.take(IMAGE):
            await asyncio.sleep(0.01)
