"""The index of images seen."""

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.real_caches import image

from edgeward.retromatch.seen_image_index import SeenImageIndex
from edgeward.sightings.codec import pack_fingerprint
from edgeward.types import ALWAYS_MATCHED, Fingerprint, Signal, View

BASE = "0f" * 32
NEAR = "0e" + BASE[2:]


def near_ids(index: SeenImageIndex, signal: Signal, radius: int) -> set[str]:
    return {found for _, found in index.near_each([signal], radius)}


def seen(*images: Fingerprint) -> SeenImageIndex:
    index = SeenImageIndex()
    index.add([pack_fingerprint(each) for each in images])
    return index


def ids(*names: str) -> set[str]:
    return {image(name).sha256[:32] for name in names}


def values_of(*signals: Signal) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(bytes.fromhex(each.value) for each in signals), np.uint8).reshape(len(signals), -1)


@pytest.mark.parametrize("kind", ["pdq", "md5", "sha256"])
def test_many_values_find_what_signals_find(kind: str) -> None:
    """A search for an array of values finds the images that one for each signal finds."""
    size = {"pdq": 32, "md5": 16, "sha256": 32}[kind]
    known = [image(str(number), Signal(kind, f"{number:02x}" * size)) for number in range(50)]
    index = seen(*known)
    signals = [known[3].signals[0], known[4].signals[0]] if kind == "sha256" else []
    signals += [Signal(kind, f"{number:02x}" * size) for number in (*range(0, 50, 7), 200)]
    found = index.near_any(kind, values_of(*signals), 8)
    assert found >= ids("3", "4") if kind == "sha256" else len(found) > 7
    each = set[str]().union(*(near_ids(index, signal, 8) for signal in signals))
    assert found == {image_id for image_id in each if image_id in ids(*map(str, range(50)))}
    assert index.near_any(kind, values_of(*signals)[:0], 8) == set()


def test_an_image_is_known_by_half_of_its_sha256() -> None:
    """A value that shares less with it finds nothing."""
    digest = image("a").sha256
    index = seen(image("a"), image("b"))
    for value, found in ((digest[:16] + "0" * 48, set()), (digest[:32] + "0" * 32, ids("a"))):
        assert index.near_any("sha256", values_of(Signal("sha256", value)), 0) == found


def test_values_by_prefixes_of_ids() -> None:
    """Each value comes once with its image's id, in the range of prefixes that the id is in; only of these views."""
    signals = {str(number): Signal("pdq", f"{number:02x}" * 32, 90) for number in range(100)}
    other = Signal("pdq", "aa" * 32, 90, View.DIHEDRAL)
    index = seen(*(image(name, signal, other) for name, signal in signals.items()))
    assert index.count_of("pdq", 32, ALWAYS_MATCHED) == 100
    assert index.count_of("pdq", 32, ALWAYS_MATCHED | {View.DIHEDRAL}) == 200
    assert index.count_of("sha256", 32, ALWAYS_MATCHED) == 100
    found = dict[str, str]()
    for first in range(0, 4096, 1024):
        for values, image_ids in index.values_of("pdq", 32, ALWAYS_MATCHED, first, first + 1024):
            assert all(first <= int(each[:3], 16) < first + 1024 for each in image_ids)
            found |= {each: value.tobytes().hex() for each, value in zip(image_ids, values, strict=True)}
    assert found == {image(name).sha256[:32]: signal.value for name, signal in signals.items()}
    (values, _), *_ = index.values_of("pdq", 32, frozenset({View.DIHEDRAL}), 0, 4096)
    assert {value.tobytes() for value in values} == {b"\xaa" * 32}


def test_finds_what_is_near() -> None:
    """A perceptual signal finds images within the radius, by signals of its own type; each frame counts once."""
    index = seen(
        image("a", Signal("pdq", BASE, 90), Signal("pdq", "f0" * 32, 90)),
        image("b", Signal("pdq", NEAR, 90)),
        image("c", Signal("phash", "0f" * 8)),
    )
    assert near_ids(index, Signal("pdq", BASE), 0) == ids("a")
    assert near_ids(index, Signal("pdq", BASE), 1) == ids("a", "b")
    assert near_ids(index, Signal("pdq", "f0" * 32), 31) == ids("a")
    assert near_ids(index, Signal("phash", "0f" * 8), 6) == ids("c")
    assert near_ids(index, Signal("dhash", "0f" * 8), 6) == set()


def test_digests_must_be_equal() -> None:
    """A digest finds the images that have it, whatever the radius; an image that was added twice is found once."""
    md5 = Signal("md5", "ab" * 16)
    index = seen(*(image(name, md5) for name in ("a", "a", "b")))
    assert near_ids(index, md5, 0) == ids("a", "b")
    assert near_ids(index, Signal("sha256", image("a").sha256), 0) == ids("a")
    assert near_ids(index, Signal("md5", "ac" * 16), 99) == set()


@pytest.mark.parametrize("kind", ["pdq", "md5", "sha256", "dhash"])
def test_many_signals_find_what_each_finds_alone(kind: str) -> None:
    """A search for many signals finds for each of them what a search for it alone finds."""
    signals = [
        Signal(kind, f"{number:02x}" * {"pdq": 32, "md5": 16, "sha256": 32, "dhash": 8}[kind]) for number in range(60)
    ]
    index = seen(*(image(str(number), signal) for number, signal in enumerate(signals) if number % 2))
    pairs = list(index.near_each(signals, 8))
    for number, signal in enumerate(signals):
        assert {found for each, found in pairs if each == number} == near_ids(index, signal, 8)
    assert list(index.near_each([], 8)) == list(seen().near_each([Signal("md5", "00" * 16)], 8)) == []


def test_views_are_indexed_separately() -> None:
    """Signals of optional views are found only by searches that ask for them; other searches do not compare them."""
    index = seen(*(image(view, Signal("pdq", BASE, 90, view)) for view in View))
    for views, comparisons in (
        (ALWAYS_MATCHED, 3),
        (frozenset({View.DIHEDRAL}), 1),
        (ALWAYS_MATCHED | {View.GEOMETRY}, 4),
    ):
        found = {name for _, name in index.near_each([Signal("pdq", BASE)], 0, views)}
        assert found == ids(*views)
        assert index.comparisons(Signal("pdq", BASE), views) == comparisons


def test_counts() -> None:
    """It counts the images, and the comparisons of a search."""
    index = seen(image("a", Signal("pdq", BASE, 90), Signal("pdq", NEAR, 90)), image("b"))
    assert len(index) == 2
    assert [index.comparisons(Signal(kind, BASE)) for kind in ("pdq", "md5", "sha256")] == [2, 0, 0]


def test_an_image_that_cannot_be_read_hides_no_other() -> None:
    """It is found by its SHA-256, if it has one: a later release may have packed it."""
    index, packed = SeenImageIndex(), pack_fingerprint(image("b", Signal("md5", "cd" * 16)))
    later = bytes((packed[0] + 1,)) + packed[1:]
    index.add([pack_fingerprint(image("a", Signal("md5", "ab" * 16))), b"\x01garbage", later])
    assert len(index) == 2
    assert near_ids(index, Signal("md5", "ab" * 16), 0) == ids("a")
    assert near_ids(index, Signal("md5", "cd" * 16), 0) == set()
    assert near_ids(index, Signal("sha256", image("b").sha256), 0) == ids("b")


def test_an_image_counts_once() -> None:
    """However often it is announced."""
    index = seen(image("a"), image("b"), image("a", Signal("phash", "0f" * 8)))
    assert (len(index), index.distinct()) == (3, 2)
    assert SeenImageIndex().distinct() == 0
