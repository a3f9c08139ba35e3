"""Pruning in a real Redis."""

import asyncio
import time
from dataclasses import replace

import pytest
from tests.support.real_caches import image, target

from edgeward import metrics
from edgeward.settings.config import SightingsSettings
from edgeward.sightings import pruning as module
from edgeward.sightings.codec import image_id, pack_target
from edgeward.sightings.retention import Limits, SeenTarget
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Sighting, Target

DAY = 86400
SHA256 = image("a").sha256


@pytest.fixture
async def sightings(store: Store) -> Sightings:
    return Sightings(store, SightingsSettings())


def dropped() -> float:
    return metrics.registry.get_sample_value("edgeward_sightings_dropped_total") or 0


def seen(path: str, name: str = "a", ago: float = 0, host: str = "img.test") -> Sighting:
    return Sighting(replace(target(path), host=host), image(name), time.time() - ago, 1)


async def paths(sightings: Sightings, name: str = "a") -> set[str]:
    return {found.path for found, _ in await sightings.targets(image(name).sha256)}


async def index_size(store: Store) -> int:
    return sum([await store.redis.zcard(key) for key in await store.redis.keys(store.key("{?????}") + ":a")])


async def test_a_flood_of_queries_does_not_displace_what_is_popular(
    sightings: Sightings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an image under many one-time queries of one path, those beyond the limit are dropped, counted and remembered
    as forgotten, also in the URL index; what was there before, and what was requested twice, stays."""
    monkeypatch.setattr(module, "LIMITS", replace(module.LIMITS, path_targets=20))
    before = dropped()
    await sightings.write([seen("/a", ago=900), seen("/b", ago=900)])
    await sightings.write([seen("/a?popular", ago=1)])
    await sightings.write([seen("/a?popular")])
    await sightings.write([seen(f"/a?{number}") for number in range(190)])
    kept = await paths(sightings)
    assert {"/a", "/b", "/a?popular"} < kept
    assert len(kept) == 21
    assert dropped() - before == 193 - 21
    assert await sightings.forgotten.of_image(SHA256) == {Target("http", "img.test", "/a"): 193 - 21}
    assert (await sightings.forgotten.totals()).known == 193 - 21
    # One for each path, and one for each query that is left.
    assert await index_size(store) == 2 + 19
    assert len(await sightings.find_equivalent("http://img.test/a")) == 20


async def test_expired_targets_are_not_remembered(sightings: Sightings, store: Store) -> None:
    """Nothing is missed of a target that was not seen for keep_days."""
    await sightings.write([seen("/new"), seen("/old", ago=31 * DAY)])
    assert await sightings.pruning.prune_image(image_id(SHA256)) == 0
    (key,) = await store.redis.keys(store.key("*:i"))
    assert await store.redis.hlen(key) == 2
    assert await sightings.forgotten.everything() == {}


async def test_a_target_that_is_seen_again_is_not_forgotten(sightings: Sightings, store: Store) -> None:
    """A target that is seen again while it is being pruned stays."""
    await sightings.write([seen("/1", ago=9), seen("/2", ago=9)])
    (key,) = await store.redis.keys(store.key("*:i"))
    fields = await store.redis.hgetall(key)
    read = [SeenTarget.read(image_id(SHA256), field, value) for field, value in fields.items() if field]
    await sightings.write([seen("/1")])
    assert await sightings.pruning.forget(image_id(SHA256), read, read) == 1
    assert await paths(sightings) == {"/1"}
    assert await sightings.forgotten.of_image(SHA256) == {Target("http", "img.test", "/2"): 1}


async def test_numbers_of_earlier_releases_are_pruned(
    sightings: Sightings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record with plain seconds, and paths not deflated, is read, pruned and refreshed."""
    await sightings.write([seen("/1")])
    (key,) = await store.redis.keys(store.key("*:i"))
    long = "/a?" + "x" * 900
    old = bytes((0, 0, 8)) + b"img.test" + bytes((0x87, 0x07)) + long.encode()
    assert pack_target(target(long)) != old
    await store.redis.hset(key, old, int(time.time()) - 50)
    assert await paths(sightings) == {"/1", long}
    monkeypatch.setattr(module, "LIMITS", replace(module.LIMITS, image_targets=1))
    assert await sightings.pruning.prune_image(image_id(SHA256)) == 1


async def test_forgets_a_share_of_everything(
    sightings: Sightings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host with the most one-time targets gives first. Images that lose all targets are deleted, and their hosts
    remembered; an image that keeps some is still found, and its forgotten prefixes with it."""
    await sightings.write([seen(f"/{number}", f"n{number}", host="flood.test") for number in range(60)])
    await sightings.write([seen("/q", "q", host="quiet.test"), seen("/a?1"), seen("/a?2"), seen("/a?popular")])
    await sightings.write([seen("/a?popular")])
    size = await index_size(store)
    forgotten = sum([number async for number in sightings.pruning.forget_share(0.5)])
    assert 20 <= forgotten <= 45
    assert await paths(sightings, "q") == {"/q"}
    assert "/a?popular" in await paths(sightings)
    left = [name for name in range(60) if await paths(sightings, f"n{name}")]
    lost = await sightings.forgotten.lost()
    assert lost == {Target("http", "flood.test", "/"): 60 - len(left)}
    assert len(await store.redis.keys(store.key("*:i"))) == 2 + len(left)
    assert await index_size(store) == size - forgotten
    assert sum([number async for number in sightings.pruning.forget_share(1.0)]) == 64 - forgotten
    assert await store.redis.keys(store.key("*:i")) == []
    assert (await sightings.forgotten.totals()).targets == 64


async def test_an_image_that_is_deleted_hands_on_what_it_had_forgotten(sightings: Sightings) -> None:
    """Its forgotten targets count as lost at their hosts: a listing can no longer find the image."""
    await sightings.write([seen("/1")])
    await sightings.forgotten.remember_of_image(image_id(SHA256), [Target("http", "other.test", "/x")])
    assert [number async for number in sightings.pruning.forget_share(1.0)] == [1]
    assert await sightings.forgotten.lost() == {
        Target("http", "img.test", "/"): 1,
        Target("http", "other.test", "/"): 1,
    }
    assert await sightings.forgotten.of_image(SHA256) == {}


async def test_two_that_prune_an_image_count_what_they_forget_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both read the same targets, and one of them deletes each."""
    controllers = [Sightings(store, SightingsSettings()) for _ in range(2)]
    await controllers[0].write([seen(f"/a?{number}") for number in range(400)])
    monkeypatch.setattr(module, "LIMITS", Limits(100, 1 << 20, 100, 1 << 24))
    pruned = await asyncio.gather(*(each.pruning.prune_image(image_id(SHA256)) for each in controllers))
    assert sum(pruned) == 300
    assert await controllers[0].forgotten.of_image(SHA256) == {Target("http", "img.test", "/a"): 300}
    assert (await controllers[0].forgotten.totals()).known == 300
