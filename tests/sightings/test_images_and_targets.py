"""Images in a real Redis, each in one hash."""

import time
from collections.abc import Mapping

import pytest
from tests.support.real_caches import image

from edgeward.sightings import images_and_targets as module
from edgeward.sightings.codec import image_id, pack_fingerprint
from edgeward.sightings.images_and_targets import Images, wants_pruning
from edgeward.store.connection import Store

DAY = 86400
PACKED = pack_fingerprint(image("a"))
ID = image_id(PACKED)


@pytest.fixture
def images(store: Store) -> Images:
    return Images(store, DAY)


async def put(
    images: Images, store: Store, targets: Mapping[bytes, int], packed: bytes = PACKED, replace: bool = True
) -> tuple[int, int]:
    """Write an image with targets and how many seconds ago each was seen. Returns (fields added, fields in all)."""
    now = int(time.time())
    async with store.pipeline() as pipe:
        images.queue_fingerprint(pipe, image_id(packed), packed, replace)
        images.queue_targets(pipe, image_id(packed), {target: now - ago for target, ago in targets.items()})
        _, expires, added, length = await pipe.execute()
    assert expires
    return added, length


async def targets(images: Images) -> set[bytes]:
    found: set[bytes] = set()
    async for packed, page in images.targets([ID]):
        assert packed == PACKED
        found.update(page)
    return found - {b""}


async def test_reads_what_it_wrote(images: Images, store: Store) -> None:
    """An image is read with every target, of any bytes; an unknown one is None; other namespaces are ignored."""
    assert await put(images, store, {b"\0\xff": 0, b"t": 5}) == (2, 3)
    assert await put(images, store, {b"t": 0}) == (0, 3)
    assert await targets(images) == {b"\0\xff", b"t"}
    assert await images.packed([ID, bytes(16)]) == [PACKED, None]
    await store.redis.hset("other" + images.key(ID), "", PACKED)
    assert [packed async for batch in images.all_packed() for packed in batch] == [PACKED]
    assert [packed async for packed, _ in images.all_targets()] == [PACKED]


async def test_replaces_a_fingerprint_only_if_asked(images: Images, store: Store) -> None:
    """A fingerprint on record stays, unless `replace` is set."""
    other = pack_fingerprint(image("a"), "01234567")
    for packed, replace, left in ((PACKED, False, PACKED), (other, False, PACKED), (other, True, other)):
        await put(images, store, {b"t": 0}, packed, replace)
        assert await images.packed([ID]) == [left]


async def test_reads_an_image_of_many_targets(images: Images, store: Store) -> None:
    """More targets than one command reads are all read."""
    many = {f"target {number}".encode(): 0 for number in range(module.FIELDS_PER_READ * 2)}
    await put(images, store, many)
    assert await targets(images) == set(many)


async def test_reads_what_is_on_record(images: Images, store: Store) -> None:
    """Of asked targets, those on record with their values; nothing of an unknown image."""
    await put(images, store, {b"t": 5, b"u": 0})
    (packed, found), (none, nothing) = await images.on_record([(ID, [b"t", b"v"]), (bytes(16), [b"t"])])
    assert (packed, set(found), none, nothing) == (PACKED, {b"t"}, None, {})
    assert found[b"t"] == await store.redis.hget(images.key(ID), b"t")


def test_when_an_image_is_pruned() -> None:
    """A growing image is pruned at 64 targets and then whenever it is an eighth larger, in whatever steps it grows."""
    assert [length for length in range(1, 300) if wants_pruning(1, length)] == [64, 128, 192, 256]
    assert sum(wants_pruning(1, length) for length in range(1, 100_000)) < 70
    assert wants_pruning(50, 70)
    assert not wants_pruning(0, 64)
