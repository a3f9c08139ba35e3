"""What a worker remembers for long."""

import gc
import hashlib

import pytest

from edgeward.proxy import kept as module
from edgeward.proxy.kept import OVERHEAD_BYTES, Kept
from edgeward.takedown.seen.packing import pack_fingerprint, unpack_fingerprint
from edgeward.types import Fingerprint, Signal


def texts(size: int, max_bytes: int = 10_000) -> Kept[str]:
    """Of each character of a value the collector is said to find an object."""
    return Kept(size, max_bytes, str.encode, bytes.decode, len)


def image(number: int) -> Fingerprint:
    digests = (hashlib.sha256(b"%d %d" % (number, signal)).hexdigest() for signal in range(10))
    sha256 = hashlib.sha256(b"%d" % number).hexdigest()
    return Fingerprint(sha256, "image/jpeg", number, tuple(Signal("pdq", digest, 100) for digest in digests))


@pytest.mark.parametrize("at_hand", [1, 2, 100])
def test_the_latest_are_kept(at_hand: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked for or remembered last stays, what was not goes, whether or not it is at hand."""
    monkeypatch.setattr(module, "OBJECTS_AT_HAND", at_hand)
    kept = texts(3)
    for key in "abc":
        kept.remember(key, key.upper())
    assert kept.get("a") == "A"
    kept.remember("b", "X")
    kept.remember("d", "D")
    assert [kept.get(key) for key in "abcd"] == ["A", "X", None, "D"]
    assert len(kept) == 3


def test_only_the_latest_are_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of so many objects as the collector may find, the latest are as they were given; the others come back equal."""
    monkeypatch.setattr(module, "OBJECTS_AT_HAND", 40)
    kept: Kept[Fingerprint] = Kept(100, 10_000_000, pack_fingerprint, unpack_fingerprint, lambda one: len(one.signals))
    images = [image(number) for number in range(8)]
    for one in images:
        kept.remember(one.sha256, one)
    for number in (7, 6, 5, 4, 0):
        found = kept.get(images[number].sha256)
        assert found == images[number]
        assert (found is images[number]) is (number >= 4)


def test_large_values_leave_room_for_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes of all together are bounded, however often one is remembered anew; the latest always fits."""
    monkeypatch.setattr(module, "OBJECTS_AT_HAND", 0)
    room = OVERHEAD_BYTES + 1
    kept = texts(50, 2 * room + 100)
    for _ in range(30):
        kept.remember("a", "a" * 40)
    for key, length in (("b", 60), ("c", 1)):
        kept.remember(key, key * length)
    assert [len(kept.get(key) or "") for key in "abc"] == [40, 60, 1]
    kept.remember("d", "d")
    assert [len(kept.get(key) or "") for key in "abcd"] == [0, 60, 1, 1]
    kept.remember("e", "e" * 1000)
    assert len(kept.get("e") or "") == 1000
    kept.remember("f", "f")
    assert [len(kept.get(key) or "") for key in "ef"] == [0, 1]


def test_the_collector_finds_little_in_it() -> None:
    """However many images a worker remembers, the garbage collector goes through those at hand alone."""
    kept: Kept[Fingerprint] = Kept(5_000, 1 << 30, pack_fingerprint, unpack_fingerprint, lambda one: len(one.signals))
    gc.collect()
    before = len(gc.get_objects())
    for number in range(5_000):
        kept.remember(str(number), image(number))
    gc.collect()
    assert len(kept) == 5_000
    assert len(gc.get_objects()) - before < 8_000
