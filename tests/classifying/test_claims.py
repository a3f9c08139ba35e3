"""Each image is classified once, by the worker that claims it first."""

import asyncio

from tests.support.eventually import eventually

from edgeward.classifying.claims import Claims
from edgeward.store.connection import Store

IMAGE, OTHER = "ab" * 32, "cd" * 32


async def test_one_of_many_claims_it(store: Store) -> None:
    """Of concurrent claims of an image one succeeds; another image, classifier or version is a claim of its own."""
    workers = [Claims(store, "model", "1.0", 30) for _ in range(20)]
    assert sum(await asyncio.gather(*(claims.take(IMAGE) for claims in workers))) == 1
    assert await workers[0].take(OTHER)
    assert await Claims(store, "model", "2.0", 30).take(IMAGE)
    assert await Claims(store, "other", "1.0", 30).take(IMAGE)


async def test_it_is_forgotten_in_time(store: Store) -> None:
    """After `keep_days`, and not before: the store does not fill up."""
    claims = Claims(store, "model", "1.0", 1)
    assert await claims.take(IMAGE)
    assert not await claims.take(IMAGE)
    brief = Claims(store, "brief", "1.0", 0.01 / 86400)
    assert await brief.take(IMAGE)
    await eventually(lambda: brief.take(IMAGE))
