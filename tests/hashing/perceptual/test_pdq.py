"""PDQ is what `pdqhash`, the reference in C++, computes."""

import tracemalloc

import numpy as np
import pdqhash
import pytest
from PIL import Image
from tests.hashing import orientations
from tests.hashing.pictures import PHOTOGRAPHS, distance, noise, photograph

from edgeward.hashing.perceptual.luma import Luma
from edgeward.hashing.perceptual.pdq import pdq, turned

SIZES = (
    (451, 300),
    (64, 64),
    (63, 65),
    (65, 64),
    (128, 128),
    (129, 127),
    (800, 800),
    (17, 300),
    (3000, 17),
    (1411, 1000),
)


def reference(picture: Image.Image) -> tuple[str, int]:
    vector, quality = pdqhash.compute(np.asarray(picture.convert("RGB")))
    return np.packbits(vector).tobytes().hex(), quality


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_no_bit_differs_from_the_reference(name: str, size: tuple[int, int], mode: str) -> None:
    """Photographs of all shapes, in colour and grey: the same 256 bits and the same quality."""
    picture = photograph(name).resize(size).convert(mode)
    assert pdq(picture) == reference(picture)


def test_random_shapes() -> None:
    """Crops of photographs with seeded random shapes: not a bit differs, nor the quality by more than a rounding."""
    random = np.random.default_rng(2026)
    for _ in range(40):
        name = PHOTOGRAPHS[random.integers(len(PHOTOGRAPHS))]
        width, height = (int(side) for side in random.integers(33, 900, 2))
        picture = photograph(name).resize((width, height), Image.Resampling.BICUBIC)
        value, quality = pdq(picture)
        expected, expected_quality = reference(picture)
        assert value == expected
        assert abs(quality - expected_quality) <= 1


def test_a_large_picture() -> None:
    """12 megapixels are hashed in strips, without a bit of difference."""
    picture = photograph("coffee").resize((4000, 3000))
    assert pdq(picture) == reference(picture)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_a_scaled_picture_has_the_hash_of_its_original(scale: int) -> None:
    """From means of scale x scale pixels the original's hash comes out within 4 bits, on sides that divide or not."""
    for name in PHOTOGRAPHS:
        # That `pdq(original)` is the reference's is asserted above: 17 megapixels would take the reference a second.
        original = photograph(name).convert("L").resize((scale * 512 + 3, scale * 520), Image.Resampling.BICUBIC)
        value, _ = pdq(original.reduce(scale), scale, original.size)
        assert distance(value, pdq(original)[0]) <= 4


@pytest.mark.parametrize("size", [(800, 800), (17, 300), (63, 65), (64, 64), (2500, 1700)])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_luma_at_hand_changes_nothing(name: str, size: tuple[int, int]) -> None:
    """Floats that were made for another hash lead to the reference's bits, too, kept as a whole or read in strips."""
    picture = photograph(name).resize(size).convert("L")
    assert pdq(picture, luma=Luma(np.asarray(picture))) == reference(picture)


@pytest.mark.parametrize("size", [(70_000, 100), (100, 70_000)])
def test_very_long_pictures(size: tuple[int, int]) -> None:
    """A picture longer than 65,536 pixels is laid on its side and hashed all the same."""
    picture = noise((500, 40)).resize(size if size[0] > size[1] else size[::-1])
    picture = picture if size[0] > size[1] else picture.transpose(Image.Transpose.TRANSPOSE)
    assert distance(pdq(picture)[0], reference(picture)[0]) <= 2


def test_a_thread_of_pixels_takes_little() -> None:
    """64 megapixels in 16 rows are no way to keep a hasher busy or out of memory."""
    picture = Image.new("L", (4_000_000, 16))
    tracemalloc.start()
    try:
        pdq(picture)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000  # as it lies it would be two gigabytes of floats, and seconds


def test_flat_pictures_have_no_quality() -> None:
    """A picture of one colour says nothing: quality 0."""
    assert pdq(Image.new("RGB", (200, 100), "orange"))[1] == 0


@pytest.mark.parametrize("size", [(451, 300), (256, 256), (129, 127), (17, 300), (640, 427)])
def test_no_bit_differs_as_shown(size: tuple[int, int]) -> None:
    """All eight orientations of all shapes: the reference's hash of the turned picture, not of one a little moved."""
    for name in PHOTOGRAPHS[::2]:
        picture = photograph(name).resize(size)
        for orientation, value in turned(picture).items():
            assert value == reference(orientations.turned(picture, orientation))[0], (name, orientation)


@pytest.mark.parametrize("scale", [2, 4])
def test_a_scaled_picture_is_turned_as_its_original(scale: int) -> None:
    """Also where the last pixels stand for less than the others: they are the first of the mirrored picture."""
    original = photograph("chelsea").convert("L").resize((scale * 512 + 3, scale * 520 + 1), Image.Resampling.BICUBIC)
    values, exact = turned(original.reduce(scale), scale, original.size), turned(original)
    assert max(distance(values[orientation], exact[orientation]) for orientation in range(1, 9)) <= 4


def test_only_the_orientations_asked_for() -> None:
    """Each alone is what it is among all, also of a picture so wide that it is laid on its side."""
    for picture in (photograph("coins"), noise((500, 40)).resize((70_000, 100))):
        everything = turned(picture)
        assert everything[1] == pdq(picture).value
        for orientation in (2, 6, 7):
            assert turned(picture, orientations=(orientation,)) == {orientation: everything[orientation]}
