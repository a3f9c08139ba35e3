"""PDQ equals `pdqhash`, the reference implementation in C++."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image
from tests.hashing import orientations
from tests.hashing.pdq_reference import reference_pdq
from tests.hashing.pictures import PHOTOGRAPHS, distance, noise, photograph

from edgeward.hashing.perceptual.luma import Luma
from edgeward.hashing.perceptual.pdq import oriented_pdqs, pdq

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


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_no_bit_differs_from_the_reference(name: str, size: tuple[int, int], mode: str) -> None:
    """Photographs of all shapes, in colour and grey: the same 256 bits and the same quality."""
    picture = photograph(name).resize(size).convert(mode)
    assert pdq(picture) == reference_pdq(picture)


def test_random_shapes() -> None:
    """Crops of photographs with seeded random shapes: no bit differs, and the quality by at most 1."""
    random = np.random.default_rng(2026)
    for _ in range(40):
        name = PHOTOGRAPHS[random.integers(len(PHOTOGRAPHS))]
        width, height = (int(side) for side in random.integers(33, 900, 2))
        picture = photograph(name).resize((width, height), Image.Resampling.BICUBIC)
        value, quality = pdq(picture)
        expected, expected_quality = reference_pdq(picture)
        assert value == expected
        assert abs(quality - expected_quality) <= 1


def test_a_large_picture() -> None:
    """12 megapixels are hashed in strips, and no bit differs."""
    picture = photograph("coffee").resize((4000, 3000))
    assert pdq(picture) == reference_pdq(picture)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_a_scaled_picture_has_the_hash_of_its_original(scale: int) -> None:
    """From means of scale x scale pixels the original's hash is found within 4 bits, on sides that divide or not."""
    for name in PHOTOGRAPHS:
        # That `pdq(original)` is the reference's is asserted above: 17 megapixels would take the reference a second.
        original = photograph(name).convert("L").resize((scale * 512 + 3, scale * 520), Image.Resampling.BICUBIC)
        value, _ = pdq(original.reduce(scale), scale, original.size)
        assert distance(value, pdq(original)[0]) <= 4


@pytest.mark.parametrize("size", [(800, 800), (17, 300), (63, 65), (64, 64), (2500, 1700)])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_given_luma_changes_nothing(name: str, size: tuple[int, int]) -> None:
    """With luma that was made for another hash no bit differs, in memory or read in strips."""
    picture = photograph(name).resize(size).convert("L")
    assert pdq(picture, luma=Luma(np.asarray(picture))) == reference_pdq(picture)


@pytest.mark.parametrize("size", [(70_000, 100), (100, 70_000)])
def test_very_long_pictures(size: tuple[int, int]) -> None:
    """A picture longer than 65,536 pixels is transposed and hashed."""
    picture = noise((500, 40)).resize(size if size[0] > size[1] else size[::-1])
    picture = picture if size[0] > size[1] else picture.transpose(Image.Transpose.TRANSPOSE)
    assert distance(pdq(picture)[0], reference_pdq(picture)[0]) <= 2


def test_long_thin_pictures_take_little() -> None:
    """64 megapixels in 16 rows take little time and memory."""
    picture = Image.new("L", (4_000_000, 16))
    tracemalloc.start()
    try:
        pdq(picture)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000  # as it lies it would be two gigabytes of floats, and seconds


def test_flat_pictures_have_no_quality() -> None:
    """A picture of one colour has quality 0."""
    assert pdq(Image.new("RGB", (200, 100), "orange"))[1] == 0


@pytest.mark.parametrize("size", [(451, 300), (256, 256), (129, 127), (17, 300), (640, 427)])
def test_no_bit_differs_as_shown(size: tuple[int, int]) -> None:
    """All eight orientations of all shapes: no bit differs from the reference's hash of the turned picture."""
    for name in PHOTOGRAPHS[::2]:
        picture = photograph(name).resize(size)
        for orientation, value in oriented_pdqs(picture).items():
            assert value == reference_pdq(orientations.turned(picture, orientation))[0], (name, orientation)


@pytest.mark.parametrize("scale", [2, 4])
def test_a_scaled_picture_is_turned_as_its_original(scale: int) -> None:
    """Also if the last pixels stand for fewer than the others: mirrored, they are the first."""
    original = photograph("chelsea").convert("L").resize((scale * 512 + 3, scale * 520 + 1), Image.Resampling.BICUBIC)
    values, exact = oriented_pdqs(original.reduce(scale), scale, original.size), oriented_pdqs(original)
    assert max(distance(values[orientation], exact[orientation]) for orientation in range(1, 9)) <= 4


def test_only_the_orientations_asked_for() -> None:
    """A single orientation has the same value as among all, also of a picture so wide that it is transposed."""
    for picture in (photograph("coins"), noise((500, 40)).resize((70_000, 100))):
        everything = oriented_pdqs(picture)
        assert everything[1] == pdq(picture).value
        for orientation in (2, 6, 7):
            assert oriented_pdqs(picture, orientations=(orientation,)) == {orientation: everything[orientation]}
