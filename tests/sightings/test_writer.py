"""What is written, and what is left out when the store is full, in a real Redis."""

import random
import time
from dataclasses import replace

import pytest
from tests.support.real_caches import image, target

from edgeward import metrics
from edgeward.lists.list_store import ListStore
from edgeward.settings.config import SightingsSettings
from edgeward.sightings import store_memory
from edgeward.sightings.last_seen import repeats
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Entry, Fingerprint, HashList, Sighting, Signal, Target

MIB = 1024 * 1024


def seen(path: str, name: str = "a", host: str = "img.test") -> Sighting:
    return Sighting(replace(target(path), host=host), image(name), time.time(), 1)


def dropped() -> float:
    return metrics.registry.get_sample_value("edgeward_sightings_dropped_total") or 0


def full(sightings: Sightings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store has no room for sightings from now on."""
    monkeypatch.setattr(store_memory, "CHECK_BYTES", -1)
    monkeypatch.setattr(sightings.memory, "_max_bytes", 1)


async def test_counts_how_often_a_target_was_recorded(store: Store) -> None:
    """In each batch once."""
    sightings = Sightings(store, SightingsSettings())
    await sightings.write([seen("/1"), seen("/1"), seen("/2")])
    await sightings.write([seen("/1")])
    (key,) = await store.redis.keys(store.key("*:i"))
    assert sorted(repeats(value) for field, value in (await store.redis.hgetall(key)).items() if field) == [0, 1]


async def test_a_full_store_gets_no_new_targets(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known ones are refreshed. New ones are counted and remembered: of a known image with it, else by host."""
    sightings = Sightings(store, SightingsSettings())
    await sightings.write([seen("/1")])
    position = await sightings.newest()
    full(sightings, monkeypatch)
    size, before = await store.redis.dbsize(), dropped()
    await sightings.write([seen("/1"), seen("/2?x"), seen("/2?y"), seen("/1", "b"), seen("/2", "b", "other.test")])
    assert [found.path for found, _ in await sightings.targets(image("a").sha256)] == ["/1"]
    assert await sightings.forgotten.of_image(image("a").sha256) == {target("/2"): 2}
    assert await sightings.forgotten.lost() == {target("/"): 1, Target("http", "other.test", "/"): 1}
    assert await sightings.images_by_id([image("b").sha256]) == []
    assert await sightings.find_equivalent(target("/2").url) == []
    assert await sightings.newest() == position
    assert dropped() - before == 4
    await sightings.store_fingerprint(f"{image('c').sha256},01234567", image("c"))
    assert await sightings.images_by_id([image("c").sha256]) == []
    # Three keys remember what was forgotten; nothing else was added.
    assert await store.redis.dbsize() == size + 3


def one_of_a_flood(number: int) -> Sighting:
    """Every tenth shows the same image under a long query; the others are images of their own."""
    noise = random.Random(number).randbytes(700).hex()
    if number % 10 == 0:
        return seen(f"/flood?{noise}")
    signals = tuple(Signal("pdq", random.Random(number).randbytes(32).hex(), 90) for _ in range(9))
    unique: Fingerprint = replace(image(str(number)), signals=signals)
    return Sighting(target(f"/unique?{noise}"), unique, time.time(), 1)


async def test_lists_have_room_under_a_flood(small_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many sightings of long URLs and of new images come: an entry is added, and nothing fails. The store's use
    stays below three quarters of its memory but for one batch, and none of the flood is lost from the counts."""
    monkeypatch.setattr(store_memory, "MAXMEMORY_SHARE", 0.25)
    sightings, list_store = Sightings(small_store, SightingsSettings()), ListStore(small_store)
    await list_store.create_list(HashList("bad"), "tester")
    await sightings.write([seen("/popular")])
    written, batch = 1, 400
    batches_when_full = 0
    while batches_when_full < 5:
        batches_when_full += not await sightings.memory.has_room()
        await sightings.write([one_of_a_flood(written + number) for number in range(batch)])
        written += batch
    use = await sightings.memory.use()
    assert use.used < use.limit + 3 * MIB
    (change,) = await list_store.add_entries([Entry("bad", Signal("md5", "1" * 32))], "tester")
    assert change.version == 2
    kept = 0
    async for page in sightings._images.all_targets():
        kept += sum(bool(field) for field in page[1])
    assert kept + (await sightings.forgotten.totals()).targets == written


@pytest.mark.parametrize("days", [40, -40])
async def test_a_sighting_that_waits_while_this_machines_clock_is_set(store: Store, days: float) -> None:
    """It is on record with the time at which it was: not as one of long ago, which would be forgotten at once."""
    sightings, ahead = Sightings(store, SightingsSettings(keep_days=30)), 0.0
    store.clock._wall_clock = lambda: time.time() + ahead
    await store.clock.learn()
    noted = seen("/1")
    ahead = days * 86400
    await store.clock.learn()
    await sightings.write([noted])
    ((_, at),) = await sightings.targets(noted.fingerprint.sha256)
    assert abs(at - noted.seen_at) < 5
