"""Every kind of picture that browsers show becomes one that can be hashed, within bounds."""

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError
from tests.hashing.pictures import encoded, jpeg, photograph

from edgeward.hashing.images import FORMATS, TooManyPixels, pictures, size
from edgeward.hashing.media import sniff

SMALL = (96, 64)


def frames(body: bytes, max_pixels: int = 10_000_000, max_frames: int = 16, **options: bool) -> list[Image.Image]:
    media_type = sniff(body)
    assert media_type
    bounds = {"max_pixels": max_pixels, "max_frames": max_frames}
    return [picture.image for picture in pictures(body, media_type, **bounds, **options)]


def levels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L"), dtype=int)


def small(mode: str = "RGB") -> Image.Image:
    return photograph().resize(SMALL).convert(mode)


@pytest.mark.parametrize("format", FORMATS.values())
def test_every_format_is_decoded(format: str) -> None:
    """Each format gives back the photograph that was put in, as far as its losses go."""
    (found,) = frames(encoded(small(), format))
    assert found.mode == "RGB"
    assert np.abs(levels(found) - levels(small())).mean() < 12


@pytest.mark.parametrize(("mode", "format"), [
    ("1", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("I;16", "PNG"),
    ("CMYK", "JPEG"), ("L", "JPEG"), ("CMYK", "TIFF"), ("F", "TIFF"), ("I", "TIFF"), ("LAB", "TIFF"), ("1", "BMP"),
])  # fmt: skip
def test_every_mode_is_decoded(mode: str, format: str) -> None:
    """Palettes, bilevel, CMYK, Lab, 16 bits and floats become a picture that looks like the photograph."""
    if mode == "I;16":
        deep = Image.fromarray((levels(small()) * 256).astype(np.uint16))
    elif mode == "LAB":
        deep = Image.merge("LAB", [small("L")] * 3)
    else:
        deep = small(mode)
    (found,) = frames(encoded(deep, format))
    assert found.mode in ("L", "RGB")
    correlation = np.corrcoef(levels(found).ravel(), levels(small()).ravel())[0, 1]
    assert correlation > (0.5 if mode == "1" else 0.9)


def test_sixteen_bits_are_scaled() -> None:
    """16-bit grey keeps its upper bits: clipped it would be white nearly everywhere."""
    deep = Image.fromarray((levels(small()) * 256 + 17).astype(np.uint16))
    (found,) = frames(encoded(deep, "PNG"))
    assert (levels(found) == levels(small())).all()


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF"])
def test_transparency_is_white(format: str) -> None:
    """What lies hidden under full transparency is not shown by browsers, and not hashed."""
    hidden = small("RGBA")
    hidden.putalpha(Image.new("L", SMALL, 0))
    (found,) = frames(encoded(hidden, format))
    assert levels(found).min() >= 250


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_opaque_alpha_changes_nothing(format: str) -> None:
    """A picture with an alpha channel of full opacity is the picture without it."""
    (found,) = frames(encoded(small("RGBA"), format, lossless=True))
    assert (levels(found) == levels(small())).all()


def test_a_transparent_palette_is_white() -> None:
    """A palette's transparent entry is painted white."""
    palette = Image.new("P", SMALL, 0)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    (found,) = frames(encoded(palette, "PNG", transparency=0))
    assert levels(found).min() == 255


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_frames_are_bounded(format: str) -> None:
    """Animations give one picture per frame, and no more than asked for."""
    tones = [Image.new("RGB", SMALL, (40 * tone, 90, 200 - 40 * tone)) for tone in range(5)]
    body = encoded(tones[0], format, save_all=True, append_images=tones[1:])
    assert len(frames(body)) == 5
    assert len(frames(body, max_frames=3)) == 3


def test_the_second_picture_of_an_mpo_is_no_frame() -> None:
    """Browsers show the first picture of an MPO; its others are not looked at."""
    body = encoded(small(), "MPO", save_all=True, append_images=[Image.new("RGB", SMALL)])
    assert len(frames(body)) == 1


def test_a_draft_is_smaller_and_knows_its_original() -> None:
    """A drafted JPEG is luma only, scaled to no less than 512, and says what its pixels stand for."""
    (picture,) = pictures(jpeg((2101, 1700)), "image/jpeg", max_pixels=10_000_000, max_frames=1, drafted=True)
    assert (picture.image.mode, picture.image.size) == ("L", (1051, 850))
    assert (picture.scale, picture.size) == (2, (2101, 1700))
    assert picture.drafted


@pytest.mark.parametrize(
    ("mode", "format", "drafted"), [("RGB", "JPEG", False), ("L", "PNG", True), ("CMYK", "JPEG", True)]
)
def test_only_luma_of_a_draft_is_a_draft(mode: str, format: str, drafted: bool) -> None:
    """A JPEG not drafted, another format, and CMYK, of which no draft is luma, are hashed as the libraries do."""
    body = encoded(small(mode), format)
    media_type = sniff(body)
    assert media_type
    (picture,) = pictures(body, media_type, max_pixels=10_000, max_frames=1, drafted=drafted)
    assert not picture.drafted


@pytest.mark.parametrize("format", FORMATS.values())
def test_pixels_are_counted_before_decoding(format: str) -> None:
    """The header alone is enough to refuse a picture that is too large."""
    body = encoded(small(), format)
    with pytest.raises(TooManyPixels):
        frames(body[: 700 if format in ("JPEG", "PNG", "BMP") else None], max_pixels=SMALL[0] * SMALL[1] - 1)
    assert len(frames(body, max_pixels=SMALL[0] * SMALL[1])) == 1


def test_later_frames_are_counted_too() -> None:
    """A small first page opens no door to a large second one."""
    body = encoded(small(), "TIFF", save_all=True, append_images=[Image.new("RGB", (500, 500))])
    with pytest.raises(TooManyPixels, match="500 x 500"):
        frames(body, max_pixels=10_000)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF"])
def test_a_cut_file_shows_its_beginning(format: str) -> None:
    """Strictly it is an error; leniently the upper part is there, as in a browser."""
    picture = photograph().resize((256, 256))
    body = encoded(picture, format)
    body = body[: len(body) * 3 // 4]
    with pytest.raises((OSError, SyntaxError, EOFError)):
        frames(body)
    (found,) = frames(body, lenient=True)
    assert np.abs(levels(found)[:64] - levels(picture)[:64]).mean() < 12


def test_only_the_named_decoder_is_tried() -> None:
    """Bytes of another format than their magic says reach no other decoder."""
    with pytest.raises(UnidentifiedImageError):
        next(pictures(encoded(small(), "PNG"), "image/jpeg", max_pixels=10**6, max_frames=1))


def test_a_profile_or_text_is_no_hindrance() -> None:
    """A PNG with an enormous compressed profile is shown by browsers, and its size is known here."""
    body = encoded(small(), "PNG", icc_profile=bytes(2_000_000))
    assert size(body, "image/png") == SMALL
    assert len(frames(body, lenient=True)) == 1


def test_the_size_of_what_is_no_picture() -> None:
    """Where no header can be read the size is unknown, not an error."""
    assert size(b"\xff\xd8\xff and nothing else", "image/jpeg") == (0, 0)
