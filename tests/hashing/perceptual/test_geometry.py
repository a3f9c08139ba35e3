"""Photographs are found after a crop, a small rotation or with a part covered; other photographs are not."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from tests.hashing.pictures import PHOTOGRAPHS, distance, noise, photograph

from edgeward.hashing.perceptual.geometry import geometry_variants
from edgeward.hashing.perceptual.pdq import pdq

RADIUS = 31


def found(picture: Image.Image, original: Image.Image) -> bool:
    expected = pdq(original).value
    return min(distance(value, expected) for value in geometry_variants(picture)) <= RADIUS


def cropped(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """`picture` without these percentages of its width or height."""
    width, height = (side / 100 for side in picture.size)
    box = (left * width, top * height, (100 - right) * width, (100 - bottom) * height)
    return picture.crop(tuple(round(edge) for edge in box))  # type: ignore[arg-type]


def share_found(*sides: tuple[float, float, float, float]) -> float:
    """The share of photographs, each cropped in each of these ways, that are found."""
    tried = [(photograph(name), crop) for name in PHOTOGRAPHS for crop in sides]
    return sum(found(cropped(picture, *crop), picture) for picture, crop in tried) / len(tried)


def one_side(percent: float) -> list[tuple[float, float, float, float]]:
    return [tuple(percent * (side == other) for other in range(4)) for side in range(4)]  # type: ignore[misc]


def test_cropped_on_one_side() -> None:
    """Without 5 % of one side at least 95 % of photographs are found, without 10 % at least 80 %."""
    assert share_found(*one_side(5)) >= 0.95
    assert share_found(*one_side(10)) >= 0.8


def test_crops_between_those_tried() -> None:
    """Crops between those that are tried are found as well: 3 and 6 % of one side, at least 9 in 10."""
    assert share_found(*one_side(3)[:2], *one_side(6)[2:]) >= 0.9


def test_cropped_on_all_sides() -> None:
    """The inner 95 % of photographs are all found."""
    assert share_found((2.5, 2.5, 2.5, 2.5)) == 1


def test_cropped_on_two_sides() -> None:
    """Two sides, adjacent or opposite, not always by the same share: at least 8 in 10."""
    assert share_found((4, 4, 0, 0), (0, 3, 5, 0), (0, 4, 0, 4)) >= 0.8


@pytest.mark.parametrize("degrees", [1, -2.5, 4, -6])
def test_turned(degrees: float) -> None:
    """All photographs, with filled corners."""
    for name in PHOTOGRAPHS:
        assert found(photograph(name).rotate(degrees, Image.Resampling.BICUBIC), photograph(name))


def covered(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """`picture` with a black box with a white cross between these percentages of its width and height."""
    made, (width, height) = picture.convert("RGB"), (side / 100 for side in picture.size)
    box = (left * width, top * height, right * width, bottom * height)
    draw = ImageDraw.Draw(made)
    draw.rectangle(box, fill="black")
    for across in ((box[0], box[2]), (box[2], box[0])):
        draw.line((across[0], box[1], across[1], box[3]), fill="white", width=round(height))
    return made


def share_uncovered(*boxes: tuple[float, float, float, float]) -> float:
    """The share of photographs, each covered in each of these ways, that are found."""
    tried = [(photograph(name), box) for name in PHOTOGRAPHS for box in boxes]
    return sum(found(covered(picture, *box), picture) for picture, box in tried) / len(tried)


def test_a_bar_over_one_side() -> None:
    """Bars of 5 % over any side: at least 9 in 10 are found; of 8 % above or below at least 8 in 10."""
    assert share_uncovered((0, 95, 100, 100), (0, 0, 100, 5), (0, 0, 5, 100), (95, 0, 100, 100)) >= 0.9
    assert share_uncovered((0, 92, 100, 100), (0, 0, 100, 8)) >= 0.8


def test_a_logo_in_a_corner() -> None:
    """Logos of 5 % of the area, in any corner: at least 8 in 10 are found; of 10 % at least 4 in 10."""
    assert share_uncovered((78, 78, 100, 100), (0, 78, 22, 100), (0, 0, 22, 22), (78, 0, 100, 22)) >= 0.8
    assert share_uncovered((69, 69, 100, 100), (0, 0, 31, 31)) >= 0.4


def test_a_sticker_within() -> None:
    """Stickers of 4 % of the area, in the middle or elsewhere: at least half are found."""
    assert share_uncovered((40, 40, 60, 60), (16, 64, 36, 84)) >= 0.5


def test_no_other_photograph_is_near() -> None:
    """No variant of a photograph is near another photograph: the nearest is more than twice the radius away."""
    hashes = {name: pdq(photograph(name)).value for name in PHOTOGRAPHS}
    for name in PHOTOGRAPHS:
        others = [value for other, value in hashes.items() if other != name]
        variants = geometry_variants(cropped(photograph(name), 5, 0, 0, 0))
        assert min(distance(value, other) for value in variants for other in others) > 2 * RADIUS


def test_a_scaled_picture_has_the_variants_of_its_original() -> None:
    """A picture scaled down by 4 has the same variants, within 6 bits, also if its sides are not multiples of 4."""
    original = photograph("chelsea").convert("L").resize((2051, 1542), Image.Resampling.BICUBIC)
    pairs = zip(geometry_variants(original.reduce(4), 4, original.size), geometry_variants(original), strict=True)
    assert max(distance(one, other) for one, other in pairs) <= 6


def test_the_same_picture_has_the_same_variants() -> None:
    """The variants of a picture are always the same, and distinct."""
    variants = geometry_variants(photograph("coins"))
    assert variants == geometry_variants(photograph("coins"))
    assert len(variants) == len(set(variants)) <= 150
    assert all(len(value) == 64 for value in variants)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", [(1, 1), (17, 17), (17, 300), (3000, 17), (20_000, 40), (2500, 1700), (513, 511)])
def test_pictures_of_any_shape(size: tuple[int, int], mode: str) -> None:
    """Tiny, long and large pictures have a limited number of variants."""
    assert 1 <= len(geometry_variants(noise((200, 100)).resize(size).convert(mode))) <= 150


def test_flat_pictures_do_no_harm() -> None:
    """A picture of one colour has a limited number of values, and raises nothing."""
    assert len(geometry_variants(Image.new("L", (200, 100), 128))) <= 150
    assert not np.isnan([len(value) for value in geometry_variants(Image.new("RGB", (64, 64), "white"))]).any()
