"""Sightings in a real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio.client import Pipeline
from tests.takedown.conftest import image, target

from edgeward import metrics
from edgeward.config import SightingsSettings
from edgeward.errors import StoreUnavailable
from edgeward.store.connection import Store
from edgeward.takedown.seen import images as image_module
from edgeward.takedown.seen.arrivals import START, Arrivals
from edgeward.takedown.seen.packing import unpack_fingerprint
from edgeward.takedown.seen.sightings import PlaceLost, Seen, Sightings
from edgeward.types import Fingerprint, Flaw, Sighting, Signal, Target, View

DAY = 86400
PDQ = Signal("pdq", "0f" * 32, 80)


@pytest.fixture
async def sightings(store: Store) -> Sightings:
    return Sightings(store, SightingsSettings())


def seen(path: str, name: str = "a", at: float | None = None, **vary: str) -> Sighting:
    return Sighting(target(path, **vary), image(name), at or time.time(), 1)


def key_of(name: str, generation: str = "01234567", *codings: str) -> str:
    return ",".join((image(name).sha256, generation, *codings))


async def arrived(sightings: Sightings, after: str, limit: int = 100) -> tuple[list[Fingerprint], str]:
    found, place = await sightings.new_images(after, limit)
    return [unpack_fingerprint(packed) for packed in found], place


async def paths(found: AsyncIterator[list[Seen]]) -> list[str]:
    return sorted([one.target.path async for batch in found for one in batch])


async def test_targets_of_an_image(sightings: Sightings) -> None:
    """Every target of an image is kept, variants apart, with the second it was served last."""
    now = int(time.time())
    await sightings.write(
        [seen("/1", at=now - 9), seen("/1", at=now - 5), seen("/2", at=now - 3), seen("/2", at=now, a="b")]
    )
    await sightings.write([seen("/other", "b")])
    found = await sightings.targets(image("a").sha256)
    assert found == [(target("/1"), now - 5), (target("/2"), now - 3), (target("/2", a="b"), now)]
    assert await sightings.targets("00" * 32) == []


async def test_a_write_that_was_lost_is_made_good(
    sightings: Sightings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second try writes all that the first would have: no bucket of addresses is left without its expiry."""

    execute = Pipeline.execute

    async def lost(pipe: Pipeline) -> object:
        if "ZADD" in str(pipe.command_stack):
            raise ConnectionError("lost")
        return await execute(pipe)

    with monkeypatch.context() as broken:
        broken.setattr(Pipeline, "execute", lost)
        with pytest.raises(ConnectionError):
            await sightings.write([seen("/1")])
    await sightings.write([seen("/1")])
    buckets = await store.redis.keys(store.key("{?????}") + ":a")
    assert [await store.redis.ttl(bucket) > 0 for bucket in buckets] == [True]


async def test_a_target_keeps_every_byte(sightings: Sightings) -> None:
    """A target comes back byte for byte, with its size."""
    odd = replace(target("//\xe9%7e?"), size=123)
    await sightings.write([Sighting(odd, image("a"), time.time(), 1)])
    ((found, _),) = await sightings.targets(image("a").sha256)
    assert (found, found.size) == (odd, 123)


async def test_old_targets_are_forgotten(sightings: Sightings) -> None:
    """A target that was not seen for keep_days is not found, though its image is still served elsewhere."""
    now = time.time()
    await sightings.write([seen("/old", at=now - 30 * DAY - 900), seen("/kept", at=now - 30 * DAY + 900), seen("/new")])
    assert [found.path for found, _ in await sightings.targets(image("a").sha256)] == ["/kept", "/new"]
    assert await sightings.find(url=target("/old").url) == []
    assert await paths(sightings.under("img.test/")) == ["/kept", "/new"]


async def test_every_key_expires(sightings: Sightings, store: Store) -> None:
    """All that a sighting leaves expires, but for the bounded stream and its counter; writing puts it off."""
    await sightings.keep_fingerprint(key_of("b", "01234567", "gzip"), image("a"))
    for _ in range(2):
        await sightings.write([seen("/1?q"), seen("/2")])
        left = {key: await store.redis.pttl(key) for key in await store.redis.keys(store.key("*"))}
        forever = {key for key, ttl in left.items() if ttl == -1}
        assert forever == {store.key("{seen}", "new").encode(), store.key("{seen}", "count").encode()}
        assert len(left) == 7  # those, the image, an alias of it, and three addresses
        for key in left.keys() - forever:
            assert left[key] > 29 * DAY * 1000
            await store.redis.pexpire(key, 28 * DAY * 1000 if key.endswith(b":i") else left[key])


async def test_targets_are_bounded(sightings: Sightings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many targets of one image the oldest are dropped, and counted."""
    monkeypatch.setattr(image_module, "TARGETS_KEPT", 20)
    dropped = metrics.registry.get_sample_value("edgeward_sightings_dropped_total") or 0
    now = time.time()
    await sightings.write([seen(f"/{number}", at=now - number) for number in range(70)])
    found = await sightings.targets(image("a").sha256)
    assert [one.path for one, _ in found] == [f"/{number}" for number in range(19, -1, -1)]
    assert metrics.registry.get_sample_value("edgeward_sightings_dropped_total") == dropped + 50


async def test_new_images(sightings: Sightings) -> None:
    """The stream names each image once, in order; and again when it was hashed better than the first time."""
    start = await sightings.newest()
    assert await arrived(sightings, start) == ([], start)
    flawed = Sighting(target("/f"), replace(image("f"), signals=(), flaw=Flaw.TIMEOUT), time.time(), 1)
    await sightings.write([seen("/1"), seen("/2"), seen("/3", "b"), flawed])
    await sightings.write([seen("/1"), seen("/4")])
    found, place = await arrived(sightings, start)
    assert [one.sha256 for one in found] == [image(name).sha256 for name in ("a", "b", "f")]
    await sightings.write([flawed, Sighting(target("/f"), image("f"), time.time(), 1), flawed])
    await sightings.write([flawed])
    assert await arrived(sightings, place) == ([image("f")], await sightings.newest())
    assert await sightings.images_of([image("f").sha256]) == [image("f")]


async def test_an_image_is_announced_before_it_is_written(
    sightings: Sightings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that dies on the way leaves no target of an image that was not announced; who writes again mends it."""

    async def die(*_: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patch, pytest.raises(StoreUnavailable):
        patch.setattr(Arrivals, "announce", die)
        await sightings.write([seen("/1")])
    assert await sightings.targets(image("a").sha256) == []
    with monkeypatch.context() as patch, pytest.raises(StoreUnavailable):
        patch.setattr(Sightings, "_write", die)
        await sightings.write([seen("/1")])
    assert (await arrived(sightings, START))[0] == [image("a")]
    await sightings.write([seen("/1")])
    assert [one.path for one, _ in await sightings.targets(image("a").sha256)] == ["/1"]


async def test_a_lost_place_is_noticed(sightings: Sightings, store: Store) -> None:
    """Who follows a store that lost its data is told so."""
    await sightings.write([seen("/1"), seen("/2", "b")])
    place = await sightings.newest()
    await store.redis.delete(store.key("{seen}", "new"), store.key("{seen}", "count"))
    await sightings.write([seen("/3", "c"), seen("/4", "d"), seen("/5", "e")])
    with pytest.raises(PlaceLost):
        await sightings.new_images(place)


async def test_images(sightings: Sightings) -> None:
    """Reading all images gives each at least once, packed or not, and none of another namespace."""
    names = {f"n{number}" for number in range(250)}
    await sightings.write([seen("/1", name) for name in names])
    digests = {image(name).sha256 for name in names}
    assert {found.sha256 async for found in sightings.images()} == digests
    assert {unpack_fingerprint(packed).sha256 async for batch in sightings.packed() for packed in batch} == digests


async def test_images_by_id(sightings: Sightings) -> None:
    """Images are found by their SHA-256 or its first half; those that are not there are left out."""
    await sightings.write([seen("/1"), seen("/2", "b")])
    ids = [image("a").sha256[:32], "00" * 16, image("b").sha256]
    assert await sightings.images_of(ids) == [image("a"), image("b")]
    assert await sightings.images_of([]) == []


async def test_find(sightings: Sightings) -> None:
    """Sightings are found by URL, by image, by both, or the latest; newest first."""
    now = int(time.time())
    await sightings.write([seen("/1", "a", now - 3), seen("/2", "a", now - 2), seen("/1", "b", now - 1)])
    await sightings.write([seen("//1", "a", now - 9), seen("/1?", "a", now - 9)])
    url, digest = target("/1").url, image("a").sha256
    assert [(one.sha256, one.seen_at) for one in await sightings.find(url=url)] == [
        (image("b").sha256, now - 1), (digest, now - 3),
    ]  # fmt: skip
    assert [one.target.path for one in await sightings.find(sha256=digest, limit=2)] == ["/2", "/1"]
    assert [one.seen_at for one in await sightings.find(url, digest)] == [now - 3]
    assert [one.seen_at for one in await sightings.find(limit=2)] == [now - 1, now - 2]
    assert await sightings.find(url="http://img.test/none") == []


SPELLINGS = (
    Target("http", "img.test", "/p/x.jpg"),
    Target("https", "IMG.test:443", "/p/x.jpg", (("accept", "image/webp"),)),
    Target("http", "img.test", "//p/%78.jpg"),
    Target("http", "img.test", "/p/x.jpg?w=1&h=2"),
    Target("http", "img.test", "/p/./x.jpg?h=%32&w=1"),
    Target("http", "img.test", "/p/x.jpg?w=1"),
)


async def test_spelled(sightings: Sightings) -> None:
    """A URL without a query finds its path however spelled, with every query, variant and scheme, of all its images;
    one with a query finds these parameters however written; others at the same images are not found."""
    now = time.time()
    names = ("a", "a", "b", "c", "c", "a")
    await sightings.write(
        [
            Sighting(one, image(name), now - place, 1)
            for place, (one, name) in enumerate(zip(SPELLINGS, names, strict=True))
        ]
    )
    await sightings.write([seen("/p/y.jpg"), seen("/p/x.jpg/", "b"), seen("/p/X.jpg", "c")])
    assert [one.target for one in await sightings.spelled("https://img.test/p/x.jpg")] == list(SPELLINGS)
    assert [one.target for one in await sightings.spelled("http://img.test/p/x.jpg", limit=2)] == list(SPELLINGS[:2])
    assert [one.target for one in await sightings.spelled("http://img.test/p/x.jpg?h=2&w=1")] == list(SPELLINGS[3:5])
    assert await sightings.spelled("http://other.test/p/x.jpg") == []


async def test_under(sightings: Sightings) -> None:
    """A prefix finds all that lies below it, however spelled, of its host only; the prefix may end anywhere."""
    await sightings.write([seen("/a/b.jpg"), seen("//a/%62/c.jpg?x"), seen("/a/c.jpg", "b"), seen("/b/b.jpg")])
    await sightings.write([Sighting(Target("https", "IMG.test:8443", "/a/b?x=1"), image("b"), time.time(), 1)])
    await sightings.write([Sighting(Target("http", "x.img.test", "/a/b"), image("b"), time.time(), 1)])
    assert await paths(sightings.under("img.test/a/b")) == ["//a/%62/c.jpg?x", "/a/b.jpg", "/a/b?x=1"]
    assert await paths(sightings.under("img.test/a/b/")) == ["//a/%62/c.jpg?x"]
    assert await paths(sightings.under("img.test:80/a/b?x=")) == ["/a/b?x=1"]
    assert len(await paths(sightings.under("img.test"))) == 5


async def test_fingerprints_are_kept(sightings: Sightings) -> None:
    """A fingerprint is found again under its key, unless it has a flaw that will pass; settings and codings matter."""
    complete = image("a", PDQ)
    await sightings.keep_fingerprint(key_of("a"), complete)
    assert await sightings.fingerprint(key_of("a")) == complete
    assert await sightings.fingerprint(key_of("a", "76543210")) is None
    assert await sightings.fingerprint(key_of("a", "01234567", "gzip")) is None
    assert await sightings.fingerprint(key_of("b")) is None
    lasting = replace(image("l"), flaw=Flaw.UNDECODABLE)
    await sightings.keep_fingerprint(key_of("l"), lasting)
    assert await sightings.fingerprint(key_of("l")) == lasting
    assert await sightings.fingerprint(key_of("a", "01234560")) == complete, "made in more views than are asked for"
    for flaw in (Flaw.OVERLOADED, Flaw.TIMEOUT, Flaw.CRASHED):
        await sightings.keep_fingerprint(key_of(flaw), replace(image(flaw), flaw=flaw))
        assert await sightings.fingerprint(key_of(flaw)) is None


async def test_more_views_replace_fewer(sightings: Sightings) -> None:
    """What was looked at in a view that a list asked for stays when it is seen by who was not asked yet; and a
    fingerprint that holds all that there is to find replaces one with a flaw, whether it has one itself or not."""
    turned = image("a", PDQ, replace(PDQ, view=View.TURNED))
    shown = image("a", PDQ, replace(PDQ, view=View.SHOWN))
    short = replace(image("f", PDQ), flaw=Flaw.TOO_MANY_FRAMES)
    for seen_as, expected in ((image("a", PDQ), 0), (turned, 1), (image("a", PDQ), 1), (shown, 1), (turned, 1)):
        await sightings.write([Sighting(target("/"), seen_as, time.time(), 1)])
        (found,) = await sightings.images_of([turned.sha256])
        assert sum(signal.view is View.TURNED for signal in found.signals) == expected
    for seen_as in (
        replace(short, signals=(), flaw=Flaw.TIMEOUT),
        short,
        replace(short, signals=(), flaw=Flaw.CRASHED),
    ):
        await sightings.write([Sighting(target("/"), seen_as, time.time(), 1)])
    assert await sightings.images_of([short.sha256]) == [short]


async def test_fingerprints_of_coded_bodies(sightings: Sightings, store: Store) -> None:
    """A coded body leads to its image's fingerprint, whatever its codings are called."""
    for codings in (("gzip",), ("i",), ("br", "gzip")):
        key = key_of("coded", "01234567", *codings)
        await sightings.keep_fingerprint(key, image("a"))
        assert await sightings.fingerprint(key) == image("a")
    assert await sightings.fingerprint(key_of("a")) == image("a")
    await store.redis.delete(*await store.redis.keys(store.key("*:i")))
    assert await sightings.fingerprint(key) is None


async def test_a_kept_fingerprint_is_announced(sightings: Sightings) -> None:
    """An image is in the stream once, whether its fingerprint is kept before its first sighting, after, or meanwhile; a
    sighting leaves what was kept as it is; other signals of it are announced again."""
    start = await sightings.newest()
    await sightings.keep_fingerprint(key_of("a"), image("a"))
    await sightings.write([seen("/1"), seen("/2", "b")])
    await sightings.keep_fingerprint(key_of("b"), image("b"))
    assert (await arrived(sightings, start))[0] == [image("a"), image("b")]
    assert [await sightings.fingerprint(key_of(name)) for name in ("a", "b")] == [image("a"), image("b")]
    await asyncio.gather(sightings.write([seen("/3", "c")]), sightings.keep_fingerprint(key_of("c"), image("c")))
    assert (await arrived(sightings, start))[0] == [image("a"), image("b"), image("c")]
    assert await sightings.fingerprint(key_of("c")) == image("c")
    place = await sightings.newest()
    await sightings.keep_fingerprint(key_of("a", "89abcdef"), image("a", PDQ))
    assert (await arrived(sightings, place))[0] == [image("a", PDQ)]
    assert len(await sightings.targets(image("a").sha256)) == 1


async def test_the_half_of_another_digest_is_not_it(sightings: Sightings) -> None:
    """A body whose SHA-256 begins like another's does not get its fingerprint."""
    await sightings.keep_fingerprint(key_of("a"), image("a"))
    alike = image("a").sha256[:32] + "0" * 32
    assert await sightings.fingerprint(f"{alike},01234567") is None
