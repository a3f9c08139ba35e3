"""Which image a coded body holds, in a real Redis."""

import hashlib

import pytest
from tests.support.real_caches import image

from edgeward import metrics
from edgeward.settings.config import SightingsSettings
from edgeward.sightings import store_memory
from edgeward.sightings.codec import image_id
from edgeward.sightings.coded_bodies import MAX_CODED, CodedBodies
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store

GENERATION = "01234567"


def sha256(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def key_of(number: int) -> str:
    return f"{sha256(number)},{GENERATION},gzip"


def dropped() -> float:
    return metrics.registry.get_sample_value("edgeward_coded_bodies_dropped_total") or 0.0


async def coded_keys(store: Store) -> int:
    return len(await store.redis.keys(store.key("*:coded:*")))


async def test_an_image_that_is_coded_anew_each_time(store: Store) -> None:
    """The latest coded bodies of an image are known, a bounded number of them; the others are counted."""
    sightings, before = Sightings(store, SightingsSettings()), dropped()
    for number in range(3 * MAX_CODED):
        await sightings.store_fingerprint(key_of(number), image("a"))
    assert await coded_keys(store) == MAX_CODED
    assert dropped() - before == 2 * MAX_CODED
    assert await sightings.fingerprint(key_of(0)) is None
    assert await sightings.fingerprint(key_of(3 * MAX_CODED - 1)) == image("a")
    assert await sightings.fingerprint(f"{image('a').sha256},{GENERATION}") == image("a")


async def test_the_same_body_counts_once(store: Store) -> None:
    """However often it is stored, and under how many codings others are."""
    bodies, before = CodedBodies(store, 60), dropped()
    for _ in range(2 * MAX_CODED):
        await bodies.add(sha256(1), "gzip", image("a").sha256)
    await bodies.add(sha256(1), "br", image("b").sha256)
    assert dropped() == before
    assert await bodies.find(sha256(1), "gzip") == image("a").sha256
    assert await bodies.find(sha256(1), "br") == image("b").sha256
    assert await bodies.find(sha256(2), "gzip") is None


async def test_a_full_store_gets_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an image on record neither."""
    sightings = Sightings(store, SightingsSettings())
    await sightings.store_fingerprint(key_of(1), image("a"))
    monkeypatch.setattr(store_memory, "CHECK_BYTES", -1)
    monkeypatch.setattr(sightings.memory, "_max_bytes", 1)
    size = await store.redis.dbsize()
    await sightings.store_fingerprint(key_of(2), image("a"))
    assert await store.redis.dbsize() == size
    assert await sightings.fingerprint(key_of(1)) == image("a")


async def test_pruning_removes_them_with_their_image(store: Store) -> None:
    """An image that is deleted for want of memory leaves no key; another keeps its own."""
    sightings = Sightings(store, SightingsSettings())
    await sightings.store_fingerprint(key_of(1), image("a"))
    async for _ in sightings.pruning.forget_share(1.0):
        pass
    assert await coded_keys(store) == 0
    assert await store.redis.keys(store.key("*:c")) == []
    bodies = CodedBodies(store, 60)
    await bodies.add(sha256(1), "gzip", image("a").sha256)
    await bodies.add(sha256(2), "gzip", image("b").sha256)
    await bodies.remove_of_image(image_id(image("a").sha256))
    assert await bodies.find(sha256(2), "gzip") == image("b").sha256
    assert await coded_keys(store) == 1
