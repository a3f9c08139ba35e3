"""The changes: each is what its name says, and the same each time."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image, ImageOps
from tests.detection.change import Change
from tests.detection.changes import GROUPS
from tests.detection.changes.crops import cropped
from tests.detection.changes.encoding import listed_file
from tests.detection.changes.frames import padded
from tests.detection.changes.marks import BLACK, stickers
from tests.detection.changes.scenes import collage, photographed
from tests.detection.changes.sizes import resized
from tests.detection.changes.turns import filled, fitted, flagged
from tests.hashing.pictures import photograph

CHANGES = [change for group in GROUPS for change in group.changes]
SIZE = (192, 128)


def picture() -> Image.Image:
    return photograph("coffee").resize(SIZE)


def decoded(change: Change) -> Iterator[Image.Image]:
    for body in change.bodies(picture()):
        with Image.open(io.BytesIO(body)) as image:
            yield image.convert("RGB")


def test_there_are_enough_and_each_has_its_name() -> None:
    """At least thirty rows, no two of one name: results are kept by name."""
    assert len(CHANGES) >= 30
    assert len({change.name for change in CHANGES}) == len(CHANGES)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_change_is_a_pure_function(change: Change) -> None:
    """The same picture gives the same bytes twice, and is itself left as it was."""
    once = picture()
    before = once.tobytes()

    assert list(change.bodies(once)) == list(change.bodies(picture()))
    assert once.tobytes() == before


@pytest.mark.parametrize("change", CHANGES[2:], ids=lambda change: change.name)
def test_a_change_changes_something(change: Change) -> None:
    """Nothing but the first two rows leaves all pixels as they were, and no two ways of one change are the same."""
    made = [(image.size, image.tobytes()) for image in decoded(change)]

    assert len(set(made)) == len(change.makers)
    assert (SIZE, picture().tobytes()) not in made


def test_the_listed_file_is_without_loss() -> None:
    """What is listed is what changes are made of."""
    with Image.open(io.BytesIO(listed_file(picture()))) as image:
        assert image.convert("RGB").tobytes() == picture().tobytes()


def test_shares_are_of_the_picture() -> None:
    """Crops, bars and sizes are as large as they say."""
    assert cropped((0.25, 0, 0, 0.5), picture()).size == (144, 64)
    assert padded((0, 0.25, 0, 0.25), BLACK, picture()).size == (192, 192)
    assert resized(0.5, 2, picture()).size == (96, 256)


def test_stickers_cover_what_they_say() -> None:
    """An emoji of 10 % changes about a tenth of the pixels."""
    before = Image.new("RGB", (400, 300))
    covered = stickers((0.1,), before).convert("L").point(lambda value: 255 if value else 0).histogram()[255]

    assert covered / (400 * 300) == pytest.approx(0.1, abs=0.01)


def test_filled_corners_are_filled_and_fitted_ones_cut_off() -> None:
    """Of a white picture, turned, the one has black corners and the other no black at all."""
    white = Image.new("RGB", SIZE, "white")

    assert filled(5, BLACK, white).getpixel((0, 0)) == BLACK
    assert fitted(5, white).convert("L").getextrema()[0] > 250
    assert 0.8 < fitted(5, white).width / SIZE[0] < 0.9


def test_the_flagged_picture_looks_as_before() -> None:
    """Stored on its side, and turned back by its EXIF orientation."""
    with Image.open(io.BytesIO(flagged(picture()))) as image:
        assert image.size == SIZE[::-1]
        assert ImageOps.exif_transpose(image).size == SIZE


def test_a_collage_holds_the_picture_untouched() -> None:
    """The first field of four is the picture; the others are something else."""
    sheet = collage(2, 2, picture())

    assert sheet.crop((0, 0, *SIZE)).tobytes() == picture().tobytes()
    assert sheet.crop((SIZE[0], 0, 2 * SIZE[0], SIZE[1])).tobytes() != picture().tobytes()


def test_a_tilted_screen_leaves_its_surroundings_dark() -> None:
    """The corner that is farthest shows what lies around the screen; the middle shows the picture."""
    shot = photographed(0.06, Image.new("RGB", SIZE, "white")).convert("L")

    assert shot.getpixel((0, 0)) < 80
    assert shot.getpixel((SIZE[0] // 2, SIZE[1] // 2)) > 180
