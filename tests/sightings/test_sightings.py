"""Sightings in a real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio.client import Pipeline
from tests.support.real_caches import image, target

from edgeward.errors import StoreUnavailable
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.codec import unpack_fingerprint
from edgeward.sightings.new_image_stream import START, NewImageStream
from edgeward.sightings.sightings import PositionLost, SightingRecord, Sightings
from edgeward.sightings.writer import SightingWriter
from edgeward.store.connection import Store
from edgeward.store.shared_time import SharedTime
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


async def announced(sightings: Sightings, after: str, limit: int = 100) -> tuple[list[Fingerprint], str]:
    found, position = await sightings.new_images(after, limit)
    return [unpack_fingerprint(packed) for packed in found], position


async def paths(found: AsyncIterator[list[SightingRecord]]) -> list[str]:
    return sorted([one.target.path async for batch in found for one in batch])


async def test_targets_of_an_image(sightings: Sightings) -> None:
    """Every target of an image is recorded, each variant by itself, with the second when it was served last."""
    now = int(time.time())
    await sightings.write(
        [seen("/1", at=now - 9), seen("/1", at=now - 5), seen("/2", at=now - 3), seen("/2", at=now, a="b")]
    )
    await sightings.write([seen("/other", "b")])
    found = await sightings.targets(image("a").sha256)
    assert found == [(target("/1"), now - 5), (target("/2"), now - 3), (target("/2", a="b"), now)]
    assert await sightings.targets("00" * 32) == []


async def test_a_lost_write_is_repeated_in_full(
    sightings: Sightings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed write, the next one writes everything again: no bucket of the URL index is left without expiry."""

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


async def test_targets_are_exact(sightings: Sightings) -> None:
    """A target is read byte for byte, with its size."""
    odd = replace(target("//\xe9%7e?"), size=123)
    await sightings.write([Sighting(odd, image("a"), time.time(), 1)])
    ((found, _),) = await sightings.targets(image("a").sha256)
    assert (found, found.size) == (odd, 123)


async def test_old_targets_are_forgotten(sightings: Sightings) -> None:
    """A target that was not seen for keep_days is not found, even if its image is still served elsewhere."""
    now = time.time()
    await sightings.write([seen("/old", at=now - 30 * DAY - 900), seen("/kept", at=now - 30 * DAY + 900), seen("/new")])
    assert [found.path for found, _ in await sightings.targets(image("a").sha256)] == ["/kept", "/new"]
    assert await sightings.find(url=target("/old").url) == []
    assert await paths(sightings.find_below("img.test/")) == ["/kept", "/new"]


async def test_every_key_expires(sightings: Sightings, store: Store) -> None:
    """All keys of a sighting expire, except the bounded stream and its counter; each write renews them."""
    await sightings.store_fingerprint(key_of("b", "01234567", "gzip"), image("a"))
    for _ in range(2):
        await sightings.write([seen("/1?q"), seen("/2")])
        left = {key: await store.redis.pttl(key) for key in await store.redis.keys(store.key("*"))}
        forever = {key for key, ttl in left.items() if ttl == -1}
        assert forever == {store.key("{seen}", "new").encode(), store.key("{seen}", "count").encode()}
        assert len(left) == 8  # those, the image, a coded body of it and the list of these, and three URLs
        for key in left.keys() - forever:
            assert left[key] > 29 * DAY * 1000
            await store.redis.pexpire(key, 28 * DAY * 1000 if key.endswith(b":i") else left[key])


async def test_equal_targets_of_different_sizes_are_one(sightings: Sightings) -> None:
    """A target that was recorded with different sizes is one, with the largest: a cache may hold that many slices. It
    was seen when the latest of them was."""
    now = int(time.time())
    for size, ago in ((0, 9), (900, 5), (500, 1)):
        await sightings.write([Sighting(replace(target("/1"), size=size), image("a"), now - ago, 1)])
    ((found, at),) = await sightings.targets(image("a").sha256)
    assert (found.size, at) == (900, now - 1)


async def test_new_images(sightings: Sightings) -> None:
    """The stream has each image once, in order, and again when a better fingerprint is seen."""
    start = await sightings.newest()
    assert await announced(sightings, start) == ([], start)
    flawed = Sighting(target("/f"), replace(image("f"), signals=(), flaw=Flaw.TIMEOUT), time.time(), 1)
    await sightings.write([seen("/1"), seen("/2"), seen("/3", "b"), flawed])
    await sightings.write([seen("/1"), seen("/4")])
    found, position = await announced(sightings, start)
    assert [one.sha256 for one in found] == [image(name).sha256 for name in ("a", "b", "f")]
    await sightings.write([flawed, Sighting(target("/f"), image("f"), time.time(), 1), flawed])
    await sightings.write([flawed])
    assert await announced(sightings, position) == ([image("f")], await sightings.newest())
    assert await sightings.images_by_id([image("f").sha256]) == [image("f")]


async def test_an_image_is_announced_before_it_is_written(
    sightings: Sightings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that dies leaves no target of an image that was not announced; writing again completes it."""

    async def die(*_: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patch, pytest.raises(StoreUnavailable):
        patch.setattr(NewImageStream, "append", die)
        await sightings.write([seen("/1")])
    assert await sightings.targets(image("a").sha256) == []
    with monkeypatch.context() as patch, pytest.raises(StoreUnavailable):
        patch.setattr(SightingWriter, "_write", die)
        await sightings.write([seen("/1")])
    assert (await announced(sightings, START))[0] == [image("a")]
    await sightings.write([seen("/1")])
    assert [one.path for one, _ in await sightings.targets(image("a").sha256)] == ["/1"]


async def test_a_lost_position_is_noticed(sightings: Sightings, store: Store) -> None:
    """A follower gets PositionLost after the store lost its data."""
    await sightings.write([seen("/1"), seen("/2", "b")])
    position = await sightings.newest()
    await store.redis.delete(store.key("{seen}", "new"), store.key("{seen}", "count"))
    await sightings.write([seen("/3", "c"), seen("/4", "d"), seen("/5", "e")])
    with pytest.raises(PositionLost):
        await sightings.new_images(position)


async def test_images(sightings: Sightings) -> None:
    """Reading all images gives each at least once, packed or not, and none of another namespace."""
    names = {f"n{number}" for number in range(250)}
    await sightings.write([seen("/1", name) for name in names])
    digests = {image(name).sha256 for name in names}
    assert {found.sha256 async for found in sightings.images()} == digests
    assert {unpack_fingerprint(packed).sha256 async for batch in sightings.packed() for packed in batch} == digests


async def test_images_by_id(sightings: Sightings) -> None:
    """Images are found by their SHA-256 or its first half; unknown ones are left out."""
    await sightings.write([seen("/1"), seen("/2", "b")])
    ids = [image("a").sha256[:32], "00" * 16, image("b").sha256]
    assert await sightings.images_by_id(ids) == [image("a"), image("b")]
    assert await sightings.images_by_id([]) == []


async def test_find(sightings: Sightings) -> None:
    """Sightings are found by URL, by image, by both, or as the latest; newest first."""
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


FORMS = (
    Target("http", "img.test", "/p/x.jpg"),
    Target("https", "IMG.test:443", "/p/x.jpg", (("accept", "image/webp"),)),
    Target("http", "img.test", "//p/%78.jpg"),
    Target("http", "img.test", "/p/x.jpg?w=1&h=2"),
    Target("http", "img.test", "/p/./x.jpg?h=%32&w=1"),
    Target("http", "img.test", "/p/x.jpg?w=1"),
)


async def test_the_latest_images_are_those_first_seen_last(sightings: Sightings) -> None:
    """As the documents say: an older image that is seen again is found by its URL or digest only."""
    now = time.time()
    await sightings.write([seen("/old", "old", now - 20)])
    await sightings.write([seen("/new", "new", now - 10)])
    await sightings.write([seen("/old", "old", now)])
    assert [each.target.path for each in await sightings.find(limit=1)] == ["/new"]
    assert [each.target.path for each in await sightings.find(limit=2)] == ["/old", "/new"]


async def test_find_equivalent(sightings: Sightings) -> None:
    """A URL without a query finds every equivalent of its path, with any query, variant and scheme, of all its images;
    one with a query finds only the same parameters. Other URLs of the same images are not found."""
    now = time.time()
    names = ("a", "a", "b", "c", "c", "a")
    await sightings.write(
        [
            Sighting(one, image(name), now - position, 1)
            for position, (one, name) in enumerate(zip(FORMS, names, strict=True))
        ]
    )
    await sightings.write([seen("/p/y.jpg"), seen("/p/x.jpg/", "b"), seen("/p/X.jpg", "c")])
    assert [one.target for one in await sightings.find_equivalent("https://img.test/p/x.jpg")] == list(FORMS)
    assert [one.target for one in await sightings.find_equivalent("http://img.test/p/x.jpg", limit=2)] == list(
        FORMS[:2]
    )
    assert [one.target for one in await sightings.find_equivalent("http://img.test/p/x.jpg?h=2&w=1")] == list(
        FORMS[3:5]
    )
    assert await sightings.find_equivalent("http://other.test/p/x.jpg") == []


async def test_find_below(sightings: Sightings) -> None:
    """A prefix finds every URL below it, in any form, of its host only; the prefix may end anywhere."""
    await sightings.write([seen("/a/b.jpg"), seen("//a/%62/c.jpg?x"), seen("/a/c.jpg", "b"), seen("/b/b.jpg")])
    await sightings.write([Sighting(Target("https", "IMG.test:8443", "/a/b?x=1"), image("b"), time.time(), 1)])
    await sightings.write([Sighting(Target("http", "x.img.test", "/a/b"), image("b"), time.time(), 1)])
    assert await paths(sightings.find_below("img.test/a/b")) == ["//a/%62/c.jpg?x", "/a/b.jpg", "/a/b?x=1"]
    assert await paths(sightings.find_below("img.test/a/b/")) == ["//a/%62/c.jpg?x"]
    assert await paths(sightings.find_below("img.test:80/a/b?x=")) == ["/a/b?x=1"]
    assert len(await paths(sightings.find_below("img.test"))) == 5


async def test_fingerprints_are_stored(sightings: Sightings) -> None:
    """A fingerprint is found by its key, unless it has a transient flaw; the key includes generation and codings."""
    complete = image("a", PDQ)
    await sightings.store_fingerprint(key_of("a"), complete)
    assert await sightings.fingerprint(key_of("a")) == complete
    assert await sightings.fingerprint(key_of("a", "76543210")) is None
    assert await sightings.fingerprint(key_of("a", "01234567", "gzip")) is None
    assert await sightings.fingerprint(key_of("b")) is None
    permanent = replace(image("l"), flaw=Flaw.UNDECODABLE)
    await sightings.store_fingerprint(key_of("l"), permanent)
    assert await sightings.fingerprint(key_of("l")) == permanent
    assert await sightings.fingerprint(key_of("a", "01234560")) == complete, "computed with more views than asked for"
    for flaw in (Flaw.OVERLOADED, Flaw.TIMEOUT, Flaw.CRASHED):
        await sightings.store_fingerprint(key_of(flaw), replace(image(flaw), flaw=flaw))
        assert await sightings.fingerprint(key_of(flaw)) is None


async def test_more_views_replace_fewer(sightings: Sightings) -> None:
    """A fingerprint with optional views is not replaced by one without them, from a worker that does not know the list
    yet. A complete fingerprint replaces an incomplete one, also if it has a permanent flaw."""
    turned = image("a", PDQ, replace(PDQ, view=View.DIHEDRAL))
    shown = image("a", PDQ, replace(PDQ, view=View.SHOWN))
    short = replace(image("f", PDQ), flaw=Flaw.TOO_MANY_FRAMES)
    for seen_as, expected in ((image("a", PDQ), 0), (turned, 1), (image("a", PDQ), 1), (shown, 1), (turned, 1)):
        await sightings.write([Sighting(target("/"), seen_as, time.time(), 1)])
        (found,) = await sightings.images_by_id([turned.sha256])
        assert sum(signal.view is View.DIHEDRAL for signal in found.signals) == expected
    for seen_as in (
        replace(short, signals=(), flaw=Flaw.TIMEOUT),
        short,
        replace(short, signals=(), flaw=Flaw.CRASHED),
    ):
        await sightings.write([Sighting(target("/"), seen_as, time.time(), 1)])
    assert await sightings.images_by_id([short.sha256]) == [short]


async def test_fingerprints_of_coded_bodies(sightings: Sightings, store: Store) -> None:
    """The fingerprint of an image is found by its body with content-codings, whatever their names."""
    for codings in (("gzip",), ("i",), ("br", "gzip")):
        key = key_of("coded", "01234567", *codings)
        await sightings.store_fingerprint(key, image("a"))
        assert await sightings.fingerprint(key) == image("a")
    assert await sightings.fingerprint(key_of("a")) == image("a")
    await store.redis.delete(*await store.redis.keys(store.key("*:i")))
    assert await sightings.fingerprint(key) is None


async def test_a_stored_fingerprint_is_announced(sightings: Sightings) -> None:
    """An image is in the stream once, whether its fingerprint is stored before its first sighting, after it, or at the
    same time. A sighting does not change a stored fingerprint; other signals are announced again."""
    start = await sightings.newest()
    await sightings.store_fingerprint(key_of("a"), image("a"))
    await sightings.write([seen("/1"), seen("/2", "b")])
    await sightings.store_fingerprint(key_of("b"), image("b"))
    assert (await announced(sightings, start))[0] == [image("a"), image("b")]
    assert [await sightings.fingerprint(key_of(name)) for name in ("a", "b")] == [image("a"), image("b")]
    await asyncio.gather(sightings.write([seen("/3", "c")]), sightings.store_fingerprint(key_of("c"), image("c")))
    assert (await announced(sightings, start))[0] == [image("a"), image("b"), image("c")]
    assert await sightings.fingerprint(key_of("c")) == image("c")
    position = await sightings.newest()
    await sightings.store_fingerprint(key_of("a", "89abcdef"), image("a", PDQ))
    assert (await announced(sightings, position))[0] == [image("a", PDQ)]
    assert len(await sightings.targets(image("a").sha256)) == 1


async def test_equal_halves_of_digests_are_told_apart(sightings: Sightings) -> None:
    """A body whose SHA-256 begins like another's does not get that one's fingerprint."""
    await sightings.store_fingerprint(key_of("a"), image("a"))
    alike = image("a").sha256[:32] + "0" * 32
    assert await sightings.fingerprint(f"{alike},01234567") is None


@pytest.mark.parametrize("days", [-32, 32])
async def test_a_worker_with_a_wrong_clock_records_as_any_other(store: Store, days: int) -> None:
    """Its sightings have the store's time: they are neither old from the start nor kept too long."""
    now = time.time()
    store.clock = SharedTime(store._time, lambda: time.time() + days * DAY)
    await store.clock.learn()
    wrong = Sightings(store, SightingsSettings())
    await wrong.write([seen("/1", at=now + days * DAY)])
    ((found, at),) = await wrong.targets(image("a").sha256)
    assert (found, abs(at - now) < 60) == (target("/1"), True)
    assert [record.target for record in await wrong.find(target("/1").url)] == [target("/1")]
