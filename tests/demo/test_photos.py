"""demo/photos.py: harmless photographs that PDQ can tell apart."""

import io
from pathlib import Path

import pytest
from PIL import Image

from edgeward.demo.photos import Photo, builtin_photos, encoded, first_distinct, photos_in, smaller_webp
from edgeward.errors import BadImage, UserError


@pytest.fixture(scope="module")
def photos() -> list[Photo]:
    return builtin_photos()


def test_the_builtin_photographs_are_jpeg(photos: list[Photo]) -> None:
    """Each is a JPEG of at least 300 pixels on each side, and all have different paths."""
    assert len({photo.path for photo in photos}) == len(photos) >= 5
    for photo in photos:
        with Image.open(io.BytesIO(photo.body)) as image:
            assert image.format == "JPEG"
            assert min(image.size) >= 300


def test_there_are_three_that_differ(photos: list[Photo]) -> None:
    """Three photographs differ; the same photograph twice counts once."""
    assert len(first_distinct(photos, 3)) == 3
    with pytest.raises(BadImage, match=r"3 distinct photographs are needed; 1 of 4 are distinct"):
        first_distinct([photos[0], photos[0], smaller_webp(photos[0]), photos[0]], 3)


def test_a_flat_picture_is_not_chosen(photos: list[Photo]) -> None:
    """A picture without detail is left out: it has no usable PDQ."""
    flat = Photo("flat.jpg", encoded(Image.new("RGB", (300, 300), "grey"), "JPEG", 90))
    assert flat not in first_distinct([flat, *photos], 3)


def test_the_webp_has_other_bytes_and_fewer_pixels(photos: list[Photo]) -> None:
    """The variant is a WebP of two thirds of the width."""
    small = smaller_webp(photos[0])
    with Image.open(io.BytesIO(photos[0].body)) as before, Image.open(io.BytesIO(small.body)) as after:
        assert (after.format, after.width) == ("WEBP", before.width * 2 // 3)
    assert small.path != photos[0].path


def test_a_directorys_pictures_are_served_as_they_are(tmp_path: Path, photos: list[Photo]) -> None:
    """Pictures keep their bytes and type; other files are left out."""
    (tmp_path / "a b.JPG").write_bytes(photos[0].body)
    (tmp_path / "c.webp").write_bytes(smaller_webp(photos[1]).body)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "inner").mkdir()
    found = photos_in(tmp_path)
    assert [(photo.path, photo.media_type) for photo in found] == [("/0.jpg", "image/jpeg"), ("/1.webp", "image/webp")]
    assert found[0].body == photos[0].body


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    """The error names the directory."""
    with pytest.raises(UserError, match="nowhere"):
        photos_in(tmp_path / "nowhere")
