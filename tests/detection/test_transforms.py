"""Transforms: each does what its name says, and always the same."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image, ImageOps
from tests.detection.transform import Transform
from tests.detection.transforms import GROUPS
from tests.detection.transforms.crops import cropped
from tests.detection.transforms.encoding import listed_file
from tests.detection.transforms.frames import padded
from tests.detection.transforms.marks import BLACK, stickers
from tests.detection.transforms.scenes import collage, photographed
from tests.detection.transforms.sizes import resized
from tests.detection.transforms.turns import filled, fitted, flagged
from tests.hashing.pictures import photograph

TRANSFORMS = [transform for group in GROUPS for transform in group.transforms]
SIZE = (192, 128)


def picture() -> Image.Image:
    return photograph("coffee").resize(SIZE)


def decoded(transform: Transform) -> Iterator[Image.Image]:
    for body in transform.bodies(picture()):
        with Image.open(io.BytesIO(body)) as image:
            yield image.convert("RGB")


def test_there_are_enough_and_each_has_its_name() -> None:
    """At least thirty rows with different names: results are kept by name."""
    assert len(TRANSFORMS) >= 30
    assert len({transform.name for transform in TRANSFORMS}) == len(TRANSFORMS)


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda transform: transform.name)
def test_a_transform_is_a_pure_function(transform: Transform) -> None:
    """The same picture gives the same bytes twice, and is not changed itself."""
    once = picture()
    before = once.tobytes()

    assert list(transform.bodies(once)) == list(transform.bodies(picture()))
    assert once.tobytes() == before


@pytest.mark.parametrize("transform", TRANSFORMS[2:], ids=lambda transform: transform.name)
def test_a_transform_changes_something(transform: Transform) -> None:
    """Only the first two rows leave all pixels unchanged, and no two variants of a transform are equal."""
    made = [(image.size, image.tobytes()) for image in decoded(transform)]

    assert len(set(made)) == len(transform.makers)
    assert (SIZE, picture().tobytes()) not in made


def test_the_listed_file_is_without_loss() -> None:
    """The listed file shows the picture that is transformed."""
    with Image.open(io.BytesIO(listed_file(picture()))) as image:
        assert image.convert("RGB").tobytes() == picture().tobytes()


def test_shares_are_of_the_picture() -> None:
    """Crops, bars and sizes have the size in their names."""
    assert cropped((0.25, 0, 0, 0.5), picture()).size == (144, 64)
    assert padded((0, 0.25, 0, 0.25), BLACK, picture()).size == (192, 192)
    assert resized(0.5, 2, picture()).size == (96, 256)


def test_stickers_cover_what_they_say() -> None:
    """An emoji of 10 % changes about a tenth of the pixels."""
    before = Image.new("RGB", (400, 300))
    covered = stickers((0.1,), before).convert("L").point(lambda value: 255 if value else 0).histogram()[255]

    assert covered / (400 * 300) == pytest.approx(0.1, abs=0.01)


def test_filled_corners_are_filled_and_fitted_ones_cut_off() -> None:
    """Made from a white picture, the first has black corners and the second no black."""
    white = Image.new("RGB", SIZE, "white")

    assert filled(5, BLACK, white).getpixel((0, 0)) == BLACK
    assert fitted(5, white).convert("L").getextrema()[0] > 250
    assert 0.8 < fitted(5, white).width / SIZE[0] < 0.9


def test_the_flagged_picture_looks_as_before() -> None:
    """Stored rotated, and shown upright because of its EXIF orientation."""
    with Image.open(io.BytesIO(flagged(picture()))) as image:
        assert image.size == SIZE[::-1]
        assert ImageOps.exif_transpose(image).size == SIZE


def test_a_collage_holds_the_picture_unchanged() -> None:
    """The first field of four is the picture; the others are something else."""
    sheet = collage(2, 2, picture())

    assert sheet.crop((0, 0, *SIZE)).tobytes() == picture().tobytes()
    assert sheet.crop((SIZE[0], 0, 2 * SIZE[0], SIZE[1])).tobytes() != picture().tobytes()


def test_a_tilted_screen_leaves_its_surroundings_dark() -> None:
    """The corner that is farthest shows what lies around the screen; the middle shows the picture."""
    shot = photographed(0.06, Image.new("RGB", SIZE, "white")).convert("L")

    assert shot.getpixel((0, 0)) < 80
    assert shot.getpixel((SIZE[0] // 2, SIZE[1] // 2)) > 180
