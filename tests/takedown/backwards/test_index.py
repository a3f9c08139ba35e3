"""The index of images seen."""

import pytest
from tests.takedown.conftest import image

from edgeward.takedown.backwards.index import SeenImages
from edgeward.takedown.seen.packing import pack_fingerprint
from edgeward.types import ALWAYS, Fingerprint, Signal, View

BASE = "0f" * 32
NEAR = "0e" + BASE[2:]


def near(index: SeenImages, signal: Signal, radius: int) -> set[str]:
    return {found for _, found in index.near_each([signal], radius)}


def seen(*images: Fingerprint) -> SeenImages:
    index = SeenImages()
    index.add([pack_fingerprint(each) for each in images])
    return index


def ids(*names: str) -> set[str]:
    return {image(name).sha256[:32] for name in names}


def test_finds_what_is_near() -> None:
    """A perceptual signal finds images within the radius, of its own type only; frames count once each."""
    index = seen(
        image("a", Signal("pdq", BASE, 90), Signal("pdq", "f0" * 32, 90)),
        image("b", Signal("pdq", NEAR, 90)),
        image("c", Signal("phash", "0f" * 8)),
    )
    assert near(index, Signal("pdq", BASE), 0) == ids("a")
    assert near(index, Signal("pdq", BASE), 1) == ids("a", "b")
    assert near(index, Signal("pdq", "f0" * 32), 31) == ids("a")
    assert near(index, Signal("phash", "0f" * 8), 6) == ids("c")
    assert near(index, Signal("dhash", "0f" * 8), 6) == set()


def test_digests_are_equal_or_not() -> None:
    """A digest finds the images that have it, whatever the radius, and an image that is added twice is found once."""
    md5 = Signal("md5", "ab" * 16)
    index = seen(*(image(name, md5) for name in ("a", "a", "b")))
    assert near(index, md5, 0) == ids("a", "b")
    assert near(index, Signal("sha256", image("a").sha256), 0) == ids("a")
    assert near(index, Signal("md5", "ac" * 16), 99) == set()


@pytest.mark.parametrize("kind", ["pdq", "md5", "sha256", "dhash"])
def test_many_at_once_find_what_each_finds_alone(kind: str) -> None:
    """`near_each` says of each of its signals what `near` says."""
    signals = [
        Signal(kind, f"{number:02x}" * {"pdq": 32, "md5": 16, "sha256": 32, "dhash": 8}[kind]) for number in range(60)
    ]
    index = seen(*(image(str(number), signal) for number, signal in enumerate(signals) if number % 2))
    pairs = list(index.near_each(signals, 8))
    for number, signal in enumerate(signals):
        assert {found for each, found in pairs if each == number} == near(index, signal, 8)
    assert list(index.near_each([], 8)) == list(seen().near_each([Signal("md5", "00" * 16)], 8)) == []


def test_views_are_kept_apart() -> None:
    """What was turned or searched for is found by those who ask for it alone; the others compare nothing with it."""
    index = seen(*(image(view, Signal("pdq", BASE, 90, view)) for view in View))
    for views, work in ((ALWAYS, 3), (frozenset({View.TURNED}), 1), (ALWAYS | {View.SEARCHED}, 4)):
        found = {name for _, name in index.near_each([Signal("pdq", BASE)], 0, views)}
        assert found == ids(*views)
        assert index.work(Signal("pdq", BASE), views) == work


def test_how_much_there_is() -> None:
    """It counts the images, and what a search has to compare."""
    index = seen(image("a", Signal("pdq", BASE, 90), Signal("pdq", NEAR, 90)), image("b"))
    assert len(index) == 2
    assert [index.work(Signal(kind, BASE)) for kind in ("pdq", "md5", "sha256")] == [2, 0, 0]


def test_what_is_no_fingerprint_is_refused() -> None:
    """A batch with something broken in it adds nothing by halves."""
    index = SeenImages()
    with pytest.raises(ValueError, match="no packed fingerprint"):
        index.add([pack_fingerprint(image("a", Signal("md5", "ab" * 16))), b"\x01garbage"])
    assert len(index) == 0
    assert near(index, Signal("md5", "ab" * 16), 0) == set()
