"""Bytes to pictures to hash: one decoder, chosen by magic bytes, with limits on pixels and frames.

A picture is "L" or "RGB" (flattening.py). It is not turned by its Exif orientation, since the tools that lists are made
with, pdqhash and imagehash, do not turn it either. A turn that the container makes (HEIF, JPEG XL) or Pillow makes
(TIFF) is made for those tools too, so it stays.
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

from edgeward.hashing.decoding.decoders import DECODERS
from edgeward.hashing.decoding.flattening import flattened
from edgeward.hashing.decoding.header_size import header_size
from edgeward.hashing.decoding.orientation import UPRIGHT, orientation
from edgeward.hashing.decoding.webp import repaired
from edgeward.isolation.memory_headroom import can_allocate

DRAFT_SIZE = (512, 512)
"""In draft mode (Pillow's JpegImageFile.draft) the decoder scales a JPEG down, to no less than this."""

_BYTES_PER_PIXEL = 16
"""The most memory that decoders need: two copies of the picture and the coefficients of a progressive JPEG."""
_DECODER_ERRORS = (OSError, ValueError, RuntimeError, SyntaxError)
"""Raised by decoders for broken data, and for a failed allocation."""
_NEVER_LENIENT = frozenset({"image/heic", "image/jp2"})
"""Formats whose lenient decoders give a black picture for data that they can't read."""
_TILE_SIZE_TAGS = (322, 323)
"""TIFF 6.0, section 15: TileWidth, TileLength."""


class Picture(NamedTuple):
    """A decoded frame.

    Attributes:
        image: in mode "L" or "RGB".
        scale: each pixel of `image` stands for scale x scale pixels of the original.
        size: width and height of the original, in pixels.
        drafted: it is luma from draft mode, for which approximate hashes are good enough.
        frame: its number in the file, from 0.
        orientation: how to turn it to show it (Exif, 1 to 8).
    """

    image: Image.Image
    scale: int
    size: tuple[int, int]
    drafted: bool = False
    frame: int = 0
    orientation: int = UPRIGHT


class TooManyFrames(ValueError):
    """The image has more frames than may be read."""


class TooManyPixels(ValueError):
    """The header declares more pixels than are allowed. `size` is the declared size."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__(f"{size[0]} x {size[1]} pixels")
        self.size = size


def size(body: bytes, media_type: str) -> tuple[int, int]:
    """Width and height in pixels by the header alone; (0, 0) if it can't be read."""
    declared = header_size(body, media_type)
    if media_type == "image/x-icon":
        return declared  # opening an icon would decode it
    try:
        with _pillow_globals(True, None), _open(body, media_type, max_pixels=None) as image:
            return image.size
    except Exception:  # noqa: BLE001  Pillow's parsers raise nearly anything; `pictures` reports what is wrong
        return declared


def pictures(
    body: bytes, media_type: str, *, max_pixels: int, max_frames: int, drafted: bool = False, lenient: bool = False
) -> Iterator[Picture]:
    """The frames of an image, at most `max_frames`: the one that is shown first, then the others in their order.

    If the first is partly transparent it comes twice: on white, and without its alpha channel. Each picture is valid
    until the next is asked for.

    Args:
        body: the file, without content-codings.
        media_type: one of media_types.DECODABLE.
        max_pixels: limit on width x height of a frame.
        max_frames: limit on frames.
        drafted: decode a JPEG to luma only, scaled down to no less than DRAFT_SIZE.
        lenient: of a broken file give what can be decoded, as browsers do.

    Raises:
        TooManyFrames: after the last frame that may be read.
        TooManyPixels: before anything is decoded, or before a later frame that is larger.
        MemoryError: address space ran out, or most likely did.
        Exception: Pillow raises nearly anything for bytes that it can't read.
    """
    if lenient and media_type == "image/webp":
        body = repaired(body)
    lenient = lenient and media_type not in _NEVER_LENIENT
    with _pillow_globals(lenient, max_pixels), _open(body, media_type, max_pixels) as image:
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
            # Tools that make lists hash the first frame alone, so only it can be listed with hidden colours.
            for loaded in _load(image)[: None if seen == 0 else 1]:
                yield Picture(loaded, 1, loaded.size, frame=frame, orientation=_orientation(image))


def _jpeg(image: JpegImageFile, drafted: bool) -> Picture:
    original = image.size
    if drafted:
        image.draft("L", DRAFT_SIZE)
    scale = round(original[0] / image.size[0])
    (loaded,) = _load(image)
    return Picture(loaded, scale, original, drafted and loaded.mode == "L", 0, _orientation(image))


def _orientation(image: Image.Image) -> int:
    exif = image.info.get("exif")
    return orientation(exif) if isinstance(exif, bytes) else UPRIGHT


def _open(body: bytes, media_type: str, max_pixels: int | None) -> Image.Image:
    declared = header_size(body, media_type)
    _check_size(declared, max_pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = DECODERS[media_type](io.BytesIO(body))
        except Image.DecompressionBombError:
            raise TooManyPixels(declared) from None
        except _DECODER_ERRORS:
            if 0 < declared[0] * declared[1] <= (max_pixels or 0) and _short_of_memory(declared):
                raise MemoryError from None
            raise
    _check_size(image.size, max_pixels)
    return image


def _check_frame(image: Image.Image, max_pixels: int) -> None:
    """TooManyPixels if the frame or a TIFF's tile is too large: libtiff allocates a whole tile for any picture."""
    _check_size(image.size, max_pixels)
    if isinstance(image, TiffImageFile):
        width, height = (image.tag_v2.get(side, 1) for side in _TILE_SIZE_TAGS)
        _check_size((width, height), max_pixels)


def _check_size(size: tuple[int, int], max_pixels: int | None) -> None:
    if max_pixels is not None and size[0] * size[1] > max_pixels:
        raise TooManyPixels(size)


@contextmanager
def _pillow_globals(lenient: bool, max_pixels: int | None) -> Iterator[None]:
    """Set both limits, which are globals of Pillow, and restore them after."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = lenient, max_pixels
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before


def _load(image: Image.Image) -> tuple[Image.Image, ...]:
    """The decoded frame, flattened: as shown first."""
    try:
        image.load()
    except _DECODER_ERRORS:
        # Decoders report a failed allocation as broken data. Read leniently, that would be hashed as a black picture.
        if _short_of_memory(image.size):
            raise MemoryError from None
        raise
    return flattened(image)


def _short_of_memory(size: tuple[int, int]) -> bool:
    return not can_allocate(size[0] * size[1] * _BYTES_PER_PIXEL)
