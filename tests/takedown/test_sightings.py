"""Sightings in a real Redis."""

import asyncio
import time
from dataclasses import replace

import pytest
from tests.takedown.conftest import image, target

from edgeward import metrics
from edgeward.config import SightingsSettings
from edgeward.store.connection import Store
from edgeward.takedown.sightings import PlaceLost, Sightings
from edgeward.types import Flaw, Sighting, Signal


@pytest.fixture
async def sightings(store: Store) -> Sightings:
    return Sightings(store, SightingsSettings())


def seen(path: str, name: str = "a", at: float | None = None, **vary: str) -> Sighting:
    return Sighting(target(path, **vary), image(name), at or time.time(), 1)


async def test_targets_of_an_image(sightings: Sightings) -> None:
    """Every target of an image is kept, variants apart, with the time it was served last."""
    now = time.time()
    await sightings.write(
        [seen("/1", at=now - 9), seen("/1", at=now - 5), seen("/2", at=now - 3), seen("/2", at=now, a="b")]
    )
    await sightings.write([seen("/other", "b")])
    found = await sightings.targets(image("a").sha256)
    assert found == [(target("/1"), now - 5), (target("/2"), now - 3), (target("/2", a="b"), now)]
    assert await sightings.targets("00" * 32) == []


async def test_a_target_keeps_every_byte(sightings: Sightings) -> None:
    """A target comes back byte for byte, with its size."""
    odd = replace(target("//\xe9%7e?"), size=123)
    await sightings.write([Sighting(odd, image("a"), time.time(), 1)])
    ((found, _),) = await sightings.targets(image("a").sha256)
    assert (found, found.size) == (odd, 123)


async def test_expires(store: Store) -> None:
    """What has not been seen for keep_days is gone, and a target that is no longer served goes alone."""
    sightings = Sightings(store, SightingsSettings(keep_days=0.3 / 86400))
    await sightings.write([seen("/old"), seen("/kept")])
    await asyncio.sleep(0.2)
    await sightings.write([seen("/kept")])
    await asyncio.sleep(0.2)
    await sightings.write([seen("/new")])
    assert [found.path for found, _ in await sightings.targets(image("a").sha256)] == ["/kept", "/new"]
    await asyncio.sleep(0.4)
    assert [fingerprint async for fingerprint in sightings.images()] == []
    assert await store.redis.keys(store.key("sightings", "*")) != []  # the stream and its counter
    assert await sightings.find(url=target("/new").url) == []


async def test_targets_are_bounded(sightings: Sightings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many targets of one image the oldest are dropped, and counted."""
    monkeypatch.setattr("edgeward.takedown.sightings.TARGETS_KEPT", 2)
    dropped = metrics.registry.get_sample_value("edgeward_sightings_dropped_total") or 0
    now = time.time()
    await sightings.write([seen(f"/{number}", at=now + number) for number in range(5)])
    assert [found.path for found, _ in await sightings.targets(image("a").sha256)] == ["/3", "/4"]
    assert metrics.registry.get_sample_value("edgeward_sightings_dropped_total") == dropped + 3


async def test_new_images(sightings: Sightings) -> None:
    """The stream names each image once, in order; and again when it was hashed better than the first time."""
    assert await sightings.new_images(await sightings.newest()) == ([], "0")
    flawed = Sighting(target("/f"), replace(image("f"), signals=(), flaw=Flaw.TIMEOUT), time.time(), 1)
    await sightings.write([seen("/1"), seen("/2"), seen("/3", "b"), flawed])
    found, place = await sightings.new_images("0")
    assert [one.sha256 for one in found] == [image(name).sha256 for name in ("a", "b", "f")]
    await sightings.write([Sighting(target("/f"), image("f"), time.time(), 1)])
    await sightings.write([flawed])
    assert await sightings.new_images(place) == ([image("f")], "4")
    assert await sightings.new_images("4") == ([], "4")
    assert await sightings.new_images("0", limit=2) == ([image("a"), image("b")], "2")


async def test_a_lost_place_is_noticed(sightings: Sightings, store: Store) -> None:
    """Who fell behind the trimmed stream, or follows a store that lost its data, is told so."""
    await sightings.write([seen("/1"), seen("/2", "b"), seen("/3", "c")])
    await store.redis.xtrim(store.key("sightings", "new"), maxlen=1, approximate=False)
    with pytest.raises(PlaceLost):
        await sightings.new_images("1")
    assert (await sightings.new_images("2"))[1] == "3"
    await store.redis.delete(store.key("sightings", "new"), store.key("sightings", "count"))
    with pytest.raises(PlaceLost):
        await sightings.new_images("3")


async def test_images(sightings: Sightings) -> None:
    """Reading all images gives each at least once, also from a namespace with signs of a pattern in it."""
    names = {f"n{number}" for number in range(250)}
    await sightings.write([seen("/1", name) for name in names])
    assert {found.sha256 async for found in sightings.images()} == {image(name).sha256 for name in names}


async def test_find(sightings: Sightings) -> None:
    """Sightings are found by URL, by image, by both, or the latest; newest first."""
    now = time.time()
    await sightings.write([seen("/1", "a", now - 3), seen("/2", "a", now - 2), seen("/1", "b", now - 1)])
    url, digest = target("/1").url, image("a").sha256
    assert [(one.sha256, one.seen_at) for one in await sightings.find(url=url)] == [
        (image("b").sha256, now - 1), (digest, now - 3),
    ]  # fmt: skip
    assert [one.target.path for one in await sightings.find(sha256=digest)] == ["/2", "/1"]
    assert [one.seen_at for one in await sightings.find(url, digest)] == [now - 3]
    assert [one.seen_at for one in await sightings.find(limit=2)] == [now - 1, now - 2]
    assert await sightings.find(url="http://img.test/none") == []


async def test_fingerprints_are_kept(sightings: Sightings) -> None:
    """A fingerprint is found again under its key, unless it has a flaw that will pass."""
    complete = image("a", Signal("pdq", "0f" * 32, 80))
    await sightings.keep_fingerprint("k", complete)
    assert await sightings.fingerprint("k") == complete
    lasting = replace(complete, flaw=Flaw.UNDECODABLE)
    await sightings.keep_fingerprint("l", lasting)
    assert await sightings.fingerprint("l") == lasting
    for flaw in (Flaw.OVERLOADED, Flaw.TIMEOUT, Flaw.CRASHED):
        await sightings.keep_fingerprint(flaw, replace(complete, flaw=flaw))
        assert await sightings.fingerprint(flaw) is None
