"""Bytes to pictures that may be hashed: one decoder, chosen by magic bytes, with bounds on pixels and frames.

A picture is "L" or "RGB" (painting.py). It is not turned by its Exif orientation, since neither pdqhash nor imagehash
do that and lists are made with them; what the container turns (HEIF, JPEG XL) and what Pillow turns (TIFF) comes
turned to them too.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from typing import NamedTuple

from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from edgeward.hashing.decoding.formats import DECODERS
from edgeward.hashing.decoding.orientation import UPRIGHT, orientation
from edgeward.hashing.decoding.painting import painted
from edgeward.hashing.decoding.promises import promised_size
from edgeward.hashing.decoding.webp import mended
from edgeward.isolation.room import has_room

DRAFT = (512, 512)
"""A drafted JPEG is scaled down inside the decoder, to no less than this."""

_BYTES_PER_PIXEL = 16
"""What decoders need at their greediest: canvas, a second one, and the coefficients of a progressive JPEG."""
_BROKEN = (OSError, ValueError, RuntimeError, SyntaxError)
"""What decoders raise for broken data, and for a failed allocation."""
_ALL_OR_NOTHING = frozenset({"image/heic", "image/jp2"})
"""Of what they can't read, a lenient reader gives a black picture."""
_TILE_SIDES = (322, 323)
"""TIFF 6.0, section 15: TileWidth, TileLength."""


class Picture(NamedTuple):
    """A decoded frame, in mode "L" or "RGB". Each pixel stands for scale x scale of `size`, the picture as sent.

    `drafted`: it is luma from a draft, of any scale, for which hashes that are nearly the libraries' will do. `frame`
    is its number in the file, from 0. `orientation` is how it is to be turned to be shown (Exif, 1 to 8).
    """

    image: Image.Image
    scale: int
    size: tuple[int, int]
    drafted: bool = False
    frame: int = 0
    orientation: int = UPRIGHT


class TooManyFrames(ValueError):
    """More frames follow than may be read."""


class TooManyPixels(ValueError):
    """The header promises more pixels than are allowed. `size` is what it promises."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__(f"{size[0]} x {size[1]} pixels")
        self.size = size


def size(body: bytes, media_type: str) -> tuple[int, int]:
    """Width and height in pixels by the header alone. (0, 0) where it can't be read."""
    promised = promised_size(body, media_type)
    if media_type == "image/x-icon":
        return promised  # an icon is decoded as it is opened
    try:
        with _pillow_told(True, None), _open(body, media_type, max_pixels=None) as image:
            return image.size
    except Exception:  # noqa: BLE001  Pillow's parsers raise nearly anything; `pictures` judges what it means
        return promised


def pictures(
    body: bytes, media_type: str, *, max_pixels: int, max_frames: int, drafted: bool = False, lenient: bool = False
) -> Iterator[Picture]:
    """The frames of an image, at most `max_frames`: the one that is shown at first, then the others in their order.

    The first comes twice where it is partly transparent: on white, and without its alpha channel. Each is good until
    the next is asked for.

    `drafted` lets a JPEG be decoded to luma only, and scaled down to no less than DRAFT. `lenient` gives of a broken
    file what is there, as browsers do.

    Raises:
        TooManyFrames: after the last that may be read.
        TooManyPixels: before anything is decoded, or before a later frame that is larger.
        MemoryError: the limit on address space was met, or most likely was.
        Exception: whatever Pillow makes of bytes that it can't read.
    """
    if lenient and media_type == "image/webp":
        body = mended(body)
    lenient = lenient and media_type not in _ALL_OR_NOTHING
    with _pillow_told(lenient, max_pixels), _open(body, media_type, max_pixels) as image:
        if isinstance(image, JpegImageFile):
            yield _jpeg(image, drafted)
            return
        first = image.tell()
        for seen, frame in enumerate(chain([first], (other for other in count() if other != first))):
            try:
                image.seek(frame)
            except EOFError:
                return
            if seen == max_frames:
                raise TooManyFrames
            _check_frame(image, max_pixels)
            # Tools that make lists hash one frame: the others are wanted as they are shown.
            for loaded in _load(image)[: None if seen == 0 else 1]:
                yield Picture(loaded, 1, loaded.size, frame=frame, orientation=_orientation(image))


def _jpeg(image: JpegImageFile, drafted: bool) -> Picture:
    original = image.size
    if drafted:
        image.draft("L", DRAFT)
    scale = round(original[0] / image.size[0])
    (loaded,) = _load(image)
    return Picture(loaded, scale, original, drafted and loaded.mode == "L", 0, _orientation(image))


def _orientation(image: Image.Image) -> int:
    exif = image.info.get("exif")
    return orientation(exif) if isinstance(exif, bytes) else UPRIGHT


def _open(body: bytes, media_type: str, max_pixels: int | None) -> Image.Image:
    promised = promised_size(body, media_type)
    _check_size(promised, max_pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = DECODERS[media_type](io.BytesIO(body))
        except Image.DecompressionBombError:
            raise TooManyPixels(promised) from None
        except _BROKEN:
            if 0 < promised[0] * promised[1] <= (max_pixels or 0) and _short_of_memory(promised):
                raise MemoryError from None
            raise
    _check_size(image.size, max_pixels)
    return image


def _check_frame(image: Image.Image, max_pixels: int) -> None:
    """libtiff makes room for a whole tile, which may be larger than the picture."""
    _check_size(image.size, max_pixels)
    if isinstance(image, TiffImageFile):
        width, height = (image.tag_v2.get(side, 1) for side in _TILE_SIDES)
        _check_size((width, height), max_pixels)


def _check_size(size: tuple[int, int], max_pixels: int | None) -> None:
    if max_pixels is not None and size[0] * size[1] > max_pixels:
        raise TooManyPixels(size)


@contextmanager
def _pillow_told(lenient: bool, max_pixels: int | None) -> Iterator[None]:
    """Pillow has both as globals: whoever else uses it in this process finds them as they were."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = lenient, max_pixels
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before


def _load(image: Image.Image) -> tuple[Image.Image, ...]:
    """The frame as it is seen: what is shown comes first."""
    try:
        image.load()
    except _BROKEN:
        # Decoders report a failed allocation as broken data, and a lenient reader would then hash a black picture.
        if _short_of_memory(image.size):
            raise MemoryError from None
        raise
    return painted(image)


def _short_of_memory(size: tuple[int, int]) -> bool:
    return not has_room(size[0] * size[1] * _BYTES_PER_PIXEL)
