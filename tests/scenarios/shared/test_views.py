"""Copies that are no plain copies: mirrored, turned, cropped, framed. A list says which of them it wants."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image, ImageOps
from tests.scenarios.pictures import drawn, picture

from edgeward.demo.edge import until
from edgeward.demo.photos import Photo, encoded
from edgeward.demo.stage import Stage

SEED = 4711
LIST, OTHER = "turning", "turning-back"


@pytest.fixture
def turning(front: Stage) -> Iterator[Stage]:
    """With a list of its own, of one picture; it asks for nothing yet."""
    front.edge.create_list(LIST)
    front.edge.add_image(LIST, picture(SEED, "PNG"))
    yield front
    front.edge.api("DELETE", f"/lists/{LIST}")


def _copy(name: str, image: Image.Image) -> Photo:
    return Photo(f"{LIST}-{name}.webp", encoded(image, "WEBP", 85), "image/webp")


def _cropped(image: Image.Image) -> Image.Image:
    return image.crop((image.width // 20, 0, image.width, image.height))


def _shown_turned() -> Photo:
    """Stored on its side, and shown upright by what its EXIF says."""
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    drawn(SEED).transpose(Image.Transpose.ROTATE_90).save(out, "JPEG", quality=90, exif=exif)
    return Photo(f"{LIST}-shown.jpg", out.getvalue(), "image/jpeg")


def _status(stage: Stage, photo: Photo) -> int:
    stage.serve(photo)
    return stage.get(photo.path).status


def test_lists_say_what_they_want(turning: Stage) -> None:
    """As it is shown, and within a frame, a picture is blocked by any list; mirrored and cropped ones by lists that
    ask, at once, and no longer than they ask. The incident says what matched."""
    original = drawn(SEED)
    framed = _copy("framed", ImageOps.expand(original, 60, "white"))
    assert [_status(turning, photo) for photo in (framed, _shown_turned())] == [451, 451]
    mirrored, cropped = _copy("mirrored", ImageOps.mirror(original)), _copy("cropped", _cropped(original))
    for asked, expected in (
        ({"rotations": True}, [451, 200]),
        ({"geometry": True}, [451, 451]),
        ({"rotations": False, "geometry": False}, [200, 200]),
    ):
        assert [_status(turning, photo) for photo in (mirrored, cropped)] != expected
        turning.edge.api("PATCH", f"/lists/{LIST}", asked)
        assert [_status(turning, photo) for photo in (mirrored, cropped)] == expected

    def seen() -> dict[str, str]:
        found = turning.edge.api("GET", "/incidents?limit=100")["incidents"]
        return {each["url"].rpartition("-")[2]: each["view"] for each in found if each["list"] == LIST}

    expected_views = {
        "framed.webp": "inner",
        "shown.jpg": "shown",
        "mirrored.webp": "turned",
        "cropped.webp": "searched",
    }
    until(lambda: seen() == expected_views)


def test_what_was_seen_turned_goes_when_its_original_is_listed(front: Stage) -> None:
    """On a list that asks, a new entry is matched backwards with what was turned and searched for."""
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
