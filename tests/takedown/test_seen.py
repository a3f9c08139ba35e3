"""The index of images seen."""

from tests.takedown.conftest import image

from edgeward.takedown.seen import SeenImages
from edgeward.types import Signal

BASE = "0f" * 32
NEAR = "0e" + BASE[2:]


def test_finds_what_is_near() -> None:
    """A perceptual signal finds images within the radius, of its own type only; frames count once each."""
    seen = SeenImages()
    seen.add(image("a", Signal("pdq", BASE, 90), Signal("pdq", "f0" * 32, 90)))
    seen.add(image("b", Signal("pdq", NEAR, 90)))
    seen.add(image("c", Signal("phash", "0f" * 8)))
    assert seen.near(Signal("pdq", BASE), 0) == {image("a").sha256}
    assert seen.near(Signal("pdq", BASE), 1) == {image("a").sha256, image("b").sha256}
    assert seen.near(Signal("pdq", "f0" * 32), 31) == {image("a").sha256}
    assert seen.near(Signal("phash", "0f" * 8), 6) == {image("c").sha256}
    assert seen.near(Signal("dhash", "0f" * 8), 6) == set()


def test_digests_are_equal_or_not() -> None:
    """A digest finds the images that have it, and an image that is added twice is found once."""
    seen = SeenImages()
    md5 = Signal("md5", "ab" * 16)
    for name in ("a", "a", "b"):
        seen.add(image(name, md5))
    assert seen.near(md5, 0) == {image("a").sha256, image("b").sha256}
    assert seen.near(Signal("sha256", image("a").sha256), 0) == {image("a").sha256}
    assert seen.near(Signal("md5", "ac" * 16), 99) == set()
