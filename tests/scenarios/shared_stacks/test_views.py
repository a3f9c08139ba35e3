"""Copies that are mirrored, rotated, cropped or framed. The settings of a list say which of them it matches."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image, ImageOps
from tests.scenarios.pictures import drawn, picture
from tests.support.eventually import until

from edgeward.demo.photos import Photo, encoded
from edgeward.demo.stack import Stack

SEED = 4711
LIST, OTHER = "rotating", "rotating-back"


@pytest.fixture
def rotating(front: Stack) -> Iterator[Stack]:
    """The stack with a list of one picture, without `rotations` and `geometry`."""
    front.edge.create_list(LIST)
    front.edge.add_image(LIST, picture(SEED, "PNG"))
    yield front
    front.edge.api("DELETE", f"/lists/{LIST}")


def _copy(name: str, image: Image.Image) -> Photo:
    return Photo(f"{LIST}-{name}.webp", encoded(image, "WEBP", 85), "image/webp")


def _cropped(image: Image.Image) -> Image.Image:
    return image.crop((image.width // 20, 0, image.width, image.height))


def _rotated_by_exif() -> Photo:
    """Stored rotated, and shown upright because of its EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    drawn(SEED).transpose(Image.Transpose.ROTATE_90).save(out, "JPEG", quality=90, exif=exif)
    return Photo(f"{LIST}-shown.jpg", out.getvalue(), "image/jpeg")


def _status(stack: Stack, photo: Photo) -> int:
    stack.serve(photo)
    return stack.get(photo.path).status


def test_lists_match_the_views_they_ask_for(rotating: Stack) -> None:
    """Any list blocks a picture as it is shown, and in a frame. Mirrored and cropped ones are blocked while the list
    asks for them, from the answer on. The incident names the view that matched."""
    original = drawn(SEED)
    framed = _copy("framed", ImageOps.expand(original, 60, "white"))
    assert [_status(rotating, photo) for photo in (framed, _rotated_by_exif())] == [451, 451]
    mirrored, cropped = _copy("mirrored", ImageOps.mirror(original)), _copy("cropped", _cropped(original))
    for asked, expected in (
        ({"rotations": True}, [451, 200]),
        ({"geometry": True}, [451, 451]),
        ({"rotations": False, "geometry": False}, [200, 200]),
    ):
        assert [_status(rotating, photo) for photo in (mirrored, cropped)] != expected
        rotating.edge.api("PATCH", f"/lists/{LIST}", asked)
        assert [_status(rotating, photo) for photo in (mirrored, cropped)] == expected

    def seen() -> dict[str, str]:
        found = rotating.edge.api("GET", "/incidents?limit=100")["incidents"]
        return {each["url"].rpartition("-")[2]: each["view"] for each in found if each["list"] == LIST}

    expected_views = {
        "framed.webp": "inner",
        "shown.jpg": "shown",
        "mirrored.webp": "turned",
        "cropped.webp": "searched",
    }
    until(lambda: seen() == expected_views)


def test_rotated_and_cropped_copies_are_purged_when_the_original_is_listed(front: Stack) -> None:
    """For a list that asks for them, retromatching finds rotated and cropped copies too."""
    front.edge.create_list(OTHER, rotations=True, geometry=True)
    try:
        original = drawn(SEED + 1)
        photos = [_copy("upside-down", original.rotate(180)), _copy("left", _cropped(original))]
        assert [_status(front, photo) for photo in photos] == [200, 200]
        assert all(front.held(photo.path) for photo in photos)
        front.edge.add_image(OTHER, picture(SEED + 1, "PNG"), wait=True)
        assert not any(front.held(photo.path) for photo in photos)
    finally:
        front.edge.api("DELETE", f"/lists/{OTHER}")
