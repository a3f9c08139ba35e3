"""Every type of picture that browsers show becomes pictures to hash, within limits."""

import zlib
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image
from tests.hashing.pictures import FORMATS, PHOTOGRAPHS, animated, encoded, jpeg, photograph

from edgeward.hashing.decoding.images import Picture, TooManyFrames, TooManyPixels, pictures, size
from edgeward.hashing.media_types import sniff

SMALL = (96, 64)
ANIMATED = ("GIF", "WEBP", "PNG", "TIFF", "AVIF", "HEIF", "JXL")


def read(body: bytes, max_pixels: int = 10_000_000, max_frames: int = 16, **options: bool) -> Iterator[Picture]:
    media_type = sniff(body)
    assert media_type
    return pictures(body, media_type, max_pixels=max_pixels, max_frames=max_frames, **options)


def frames(body: bytes, max_pixels: int = 10_000_000, max_frames: int = 16, **options: bool) -> list[Image.Image]:
    return [picture.image for picture in read(body, max_pixels, max_frames, **options)]


def levels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L"), dtype=int)


def small(mode: str = "RGB") -> Image.Image:
    return photograph().resize(SMALL).convert(mode)


@pytest.mark.parametrize("format", FORMATS.values())
def test_every_format_is_decoded(format: str) -> None:
    """Each format gives back the photograph that was written, as far as its losses allow."""
    (found,) = frames(encoded(small(), format))
    assert found.mode == "RGB"
    assert np.abs(levels(found) - levels(small().resize(found.size))).mean() < 12


@pytest.mark.parametrize("format", ANIMATED)
def test_frames_are_read_in_their_order(format: str) -> None:
    """Animations give one picture per frame, with its number, in every format that has them."""
    photographs = [photograph(name).resize(SMALL) for name in PHOTOGRAPHS]
    number = -1
    for number, picture in enumerate(read(animated(photographs, format))):
        assert picture.frame == number
        assert np.abs(levels(picture.image) - levels(photographs[number])).mean() < 12
    assert number == len(photographs) - 1


@pytest.mark.parametrize("format", ANIMATED)
def test_frames_are_limited(format: str) -> None:
    """At most `max_frames` frames are read; TooManyFrames comes after the last of them, if there are more."""
    body = animated([photograph(name).resize(SMALL) for name in PHOTOGRAPHS], format)
    assert len(frames(body, max_frames=6)) == 6
    found = read(body, max_frames=3)
    assert [next(found).frame for _ in range(3)] == [0, 1, 2]
    with pytest.raises(TooManyFrames):
        next(found)


def test_an_animation_without_end_ends() -> None:
    """A GIF with a huge number of tiny frames costs no more than the frames that are read."""
    body = encoded(small("P"), "GIF").removesuffix(b";")
    frame = b"," + bytes(4) + b"\x01\0\x01\0\0" + b"\x02\x02\x44\x01\0"
    found = read(body + 100_000 * frame + b";", max_frames=20)
    assert [next(found).frame for _ in range(20)] == list(range(20))
    with pytest.raises(TooManyFrames):
        next(found)


def test_the_frame_that_is_shown_comes_first() -> None:
    """Of a HEIF with several pictures the primary one comes first, as in browsers."""
    pages = [photograph(name).resize(SMALL) for name in ("astronaut", "coffee", "chelsea")]
    body = encoded(pages[0], "HEIF", save_all=True, append_images=pages[1:], primary_index=1)
    assert [picture.frame for picture in read(body)] == [1, 0, 2]


@pytest.mark.parametrize("declared", [1, 2, 9, 10**9])
def test_a_declared_number_of_frames_may_be_wrong(declared: int) -> None:
    """An APNG of three frames declares fewer or more: its frames are read, up to the declared number."""
    body = bytearray(animated([photograph(name).resize(SMALL) for name in PHOTOGRAPHS[:3]], "PNG"))
    at = body.index(b"acTL")
    body[at + 4 : at + 8] = declared.to_bytes(4, "big")
    body[at + 12 : at + 16] = zlib.crc32(body[at : at + 12]).to_bytes(4, "big")
    found = []
    with suppress(OSError):
        found.extend(picture.frame for picture in read(bytes(body)))
    assert found == list(range(min(declared, 3)))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL.*")
@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "HEIF", "JXL"])
def test_frames_before_the_damage_are_read(format: str) -> None:
    """Of a cut-off animation the frames before the cut are read."""
    body = animated([photograph(name).resize((160, 120)) for name in PHOTOGRAPHS], format)
    found = []
    with suppress(OSError, TypeError, ValueError):
        found.extend(picture.frame for picture in read(body[: len(body) * 2 // 3], lenient=True))
    assert found[:2] == [0, 1]
    assert len(found) < 6


def upright(degrees: int) -> Image.Exif:
    """Exif data that says to turn the picture clockwise by these degrees."""
    exif = Image.Exif()
    exif[0x0112] = {90: 6, 270: 8}[degrees]
    return exif


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_orientation_is_reported_and_not_applied(format: str) -> None:
    """The pixels stay as stored, whatever Exif data or AVIF's own boxes (irot, imir) say."""
    for degrees, orientation in ((90, 6), (270, 8)):
        (picture,) = read(encoded(small(), format, exif=upright(degrees)))
        assert (picture.orientation, picture.size) == (orientation, SMALL)


@pytest.mark.parametrize("format", ["HEIF", "TIFF"])
def test_pictures_turned_by_the_decoder_are_upright(format: str) -> None:
    """libheif and Pillow's TIFF reader turn pictures themselves: the orientation is upright."""
    (picture,) = read(encoded(small(), format, exif=upright(90).tobytes()))
    assert (picture.orientation, picture.size) == (1, SMALL[::-1])
    assert np.abs(levels(picture.image) - levels(small().transpose(Image.Transpose.ROTATE_270))).mean() < 12


def test_a_transparent_first_frame_comes_twice() -> None:
    """The first frame comes on white and, as list tools hash it, without its alpha channel; other frames come once."""
    clear, opaque = small("RGBA"), photograph("coffee").resize(SMALL).convert("RGBA")
    clear.putalpha(Image.new("L", SMALL, 0))
    body = encoded(opaque, "WEBP", lossless=True, exact=True)
    assert len(frames(body)) == 1
    white, hidden = read(encoded(clear, "WEBP", lossless=True, exact=True))
    assert (white.frame, hidden.frame) == (0, 0)
    assert levels(white.image).min() == 255
    assert (levels(hidden.image) == levels(small())).all()
    half = Image.blend(opaque, clear, 0.5)
    assert [picture.frame for picture in read(animated([half, clear], "PNG"))] == [0, 0, 1]


def test_the_second_picture_of_an_mpo_is_no_frame() -> None:
    """Browsers show the first picture of an MPO; the others are not read."""
    body = encoded(small(), "MPO", save_all=True, append_images=[Image.new("RGB", SMALL)])
    assert len(frames(body)) == 1


def test_a_drafted_picture_is_smaller_and_knows_its_original() -> None:
    """A drafted JPEG is luma only, scaled to no less than 512, and knows what its pixels stand for."""
    (picture,) = pictures(jpeg((2101, 1700)), "image/jpeg", max_pixels=10_000_000, max_frames=1, drafted=True)
    assert (picture.image.mode, picture.image.size) == ("L", (1051, 850))
    assert (picture.scale, picture.size) == (2, (2101, 1700))
    assert picture.drafted


@pytest.mark.parametrize(
    ("mode", "format", "drafted"), [("RGB", "JPEG", False), ("L", "PNG", True), ("CMYK", "JPEG", True)]
)
def test_only_luma_of_a_draft_is_a_draft(mode: str, format: str, drafted: bool) -> None:
    """JPEGs not drafted, other formats, and CMYK, which has no luma draft, are decoded in full."""
    body = encoded(small(mode), format)
    media_type = sniff(body)
    assert media_type
    (picture,) = pictures(body, media_type, max_pixels=10_000, max_frames=1, drafted=drafted)
    assert not picture.drafted


@pytest.mark.parametrize("format", FORMATS.values())
def test_pixels_are_counted_before_decoding(format: str) -> None:
    """The header alone is enough to refuse a picture that is too large."""
    body = encoded(small(), format)
    width, height = size(body, sniff(body) or "")
    with pytest.raises(TooManyPixels):
        frames(body[: 700 if format in ("JPEG", "PNG", "BMP") else None], max_pixels=width * height - 1)
    assert len(frames(body, max_pixels=width * height)) == 1


def test_later_frames_are_counted_too() -> None:
    """A large second page is refused even if the first is small."""
    body = encoded(small(), "TIFF", save_all=True, append_images=[Image.new("RGB", (500, 500))])
    with pytest.raises(TooManyPixels, match="500 x 500"):
        frames(body, max_pixels=10_000)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF"])
def test_a_cut_file_shows_its_beginning(format: str) -> None:
    """Strictly, a cut file is an error; leniently, its upper part is there, as in a browser."""
    picture = photograph().resize((256, 256))
    body = encoded(picture, format)
    body = body[: len(body) * 3 // 4]
    with pytest.raises((OSError, SyntaxError, EOFError)):
        frames(body)
    (found,) = frames(body, lenient=True)
    assert np.abs(levels(found)[:64] - levels(picture)[:64]).mean() < 12


def test_only_the_named_decoder_is_tried() -> None:
    """Bytes of another format than their magic bytes say reach no other decoder."""
    with pytest.raises(SyntaxError):
        next(pictures(encoded(small(), "PNG"), "image/jpeg", max_pixels=10**6, max_frames=1))


def test_a_large_profile_or_text_is_accepted() -> None:
    """A PNG with an enormous compressed profile is shown by browsers, and decoded here."""
    body = encoded(small(), "PNG", icc_profile=bytes(2_000_000))
    assert size(body, "image/png") == SMALL
    assert len(frames(body, lenient=True)) == 1


def test_the_size_of_unreadable_bytes() -> None:
    """If no header can be read, the size is (0, 0), not an error."""
    assert size(b"\xff\xd8\xff and nothing else", "image/jpeg") == (0, 0)
