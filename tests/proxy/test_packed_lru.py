"""A bounded cache that the garbage collector does not notice."""

import hashlib

import pytest
from tests.support.collected import tracked
from tests.support.eventually import until

from edgeward.proxy.packed_lru import MAX_UNPACKED_OBJECTS, OVERHEAD_BYTES, PackedLru
from edgeward.sightings.codec import pack_fingerprint, unpack_fingerprint
from edgeward.types import Fingerprint, Signal


def text_cache(size: int, max_bytes: int = 10_000, max_unpacked_objects: int = 0) -> PackedLru[str]:
    """Each character of a value counts as an object."""
    return PackedLru(size, max_bytes, str.encode, bytes.decode, len, max_unpacked_objects)


def image_cache(size: int, max_unpacked_objects: int = MAX_UNPACKED_OBJECTS) -> PackedLru[Fingerprint]:
    return PackedLru(
        size, 1 << 30, pack_fingerprint, unpack_fingerprint, lambda one: len(one.signals), max_unpacked_objects
    )


def image(number: int) -> Fingerprint:
    digests = (hashlib.sha256(b"%d %d" % (number, signal)).hexdigest() for signal in range(10))
    sha256 = hashlib.sha256(b"%d" % number).hexdigest()
    return Fingerprint(sha256, "image/jpeg", number, tuple(Signal("pdq", digest, 100) for digest in digests))


@pytest.mark.parametrize("unpacked", [1, 2, 100])
def test_the_latest_are_kept(unpacked: int) -> None:
    """The values read or stored last stay, older ones go, packed or not."""
    cache = text_cache(3, max_unpacked_objects=unpacked)
    for key in "abc":
        cache.put(key, key.upper())
    assert cache.get("a") == "A"
    cache.put("b", "X")
    cache.put("d", "D")
    assert [cache.get(key) for key in "abcd"] == ["A", "X", None, "D"]
    assert len(cache) == 3


def test_only_the_latest_are_unpacked() -> None:
    """The latest values, up to the limit of objects, are the same objects; the others come back equal."""
    cache = image_cache(100, max_unpacked_objects=40)
    images = [image(number) for number in range(8)]
    for one in images:
        cache.put(one.sha256, one)
    for number in (7, 6, 5, 4, 0):
        found = cache.get(images[number].sha256)
        assert found == images[number]
        assert (found is images[number]) is (number >= 4)


def test_the_more_bytes_the_fewer_values() -> None:
    """The bytes of all values are bounded, however often one is stored again; the latest always fits."""
    cost = OVERHEAD_BYTES + 1
    cache = text_cache(50, 2 * cost + 100)
    for _ in range(30):
        cache.put("a", "a" * 40)
    for key, length in (("b", 60), ("c", 1)):
        cache.put(key, key * length)
    assert [len(cache.get(key) or "") for key in "abc"] == [40, 60, 1]
    cache.put("d", "d")
    assert [len(cache.get(key) or "") for key in "abcd"] == [0, 60, 1, 1]
    cache.put("e", "e" * 1000)
    assert len(cache.get("e") or "") == 1000
    cache.put("f", "f")
    assert [len(cache.get(key) or "") for key in "ef"] == [0, 1]


def test_the_collector_finds_little_in_it() -> None:
    """However many images there are, the garbage collector visits only the unpacked ones."""
    cache = image_cache(5_000)
    before = tracked()
    for number in range(5_000):
        cache.put(str(number), image(number))
    assert len(cache) == 5_000
    until(lambda: tracked() - before < 8_000, "the collector finds little")


def test_the_bytes_of_unpacked_values_are_bounded() -> None:
    """Few objects may be long texts: then few stay unpacked, and all take no more than the limit."""
    cache = PackedLru[str](1000, 10_000, str.encode, bytes.decode, lambda _: 1, 1000, len)
    for number in range(100):
        cache.put(str(number), "x" * 1000)
        assert sum(map(len, cache._unpacked.values())) + sum(map(len, cache._packed.values())) <= 10_000
    assert len(cache) == 10
    cache.put("long", "x" * 20_000)
    assert len(cache) == 1
    for number in range(100):
        cache.put(str(number), "")
    assert len(cache) == 100
