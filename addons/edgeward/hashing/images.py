"""Bytes to pictures that may be hashed: one decoder, chosen by magic bytes, with bounds on pixels and frames.

A picture is "L" or "RGB" as a browser would paint it on white. It is not turned by its EXIF orientation, since neither
pdqhash nor imagehash do that and lists are made with them.
"""

import io
import resource
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import AvifImagePlugin, Image, ImageFile, PngImagePlugin

from edgeward.hashing.promises import promised_size

FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/avif": "AVIF",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
}
"""Pillow's decoder for each media type in media.DECODABLE. No other is ever tried."""

DRAFT = (512, 512)
"""A drafted JPEG is scaled down inside the decoder, to no less than this."""

_BYTES_PER_PIXEL = 16
"""What decoders need at their greediest: canvas, a second one, and the coefficients of a progressive JPEG."""
_BROKEN = (OSError, ValueError, RuntimeError)
"""What decoders raise for broken data, and for a failed allocation."""
_SINGLE = frozenset({"JPEG", "MPO"})
"""The further pictures of an MPO are no frames: browsers show the first."""

# Browsers refuse no picture for the text beside its pixels; the limit on address space is ours.
PngImagePlugin.MAX_TEXT_MEMORY = 2**62
# One hasher, one core.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class Picture(NamedTuple):
    """A decoded frame, in mode "L" or "RGB". Each pixel stands for scale x scale of `size`, the picture as sent.

    `drafted`: it is luma from a draft, of any scale, for which hashes that are nearly the libraries' will do.
    """

    image: Image.Image
    scale: int
    size: tuple[int, int]
    drafted: bool = False


class TooManyPixels(ValueError):
    """The header promises more pixels than are allowed. `size` is what it promises."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__(f"{size[0]} x {size[1]} pixels")
        self.size = size


def size(body: bytes, media_type: str) -> tuple[int, int]:
    """Width and height in pixels by the header alone. (0, 0) where it can't be read."""
    try:
        with _truncated_allowed(True), _open(body, media_type, max_pixels=None) as image:
            return image.size
    except Exception:  # noqa: BLE001  Pillow's parsers raise nearly anything; `pictures` judges what it means
        return (0, 0)


def pictures(
    body: bytes, media_type: str, *, max_pixels: int, max_frames: int, drafted: bool = False, lenient: bool = False
) -> Iterator[Picture]:
    """The frames of an image, at most `max_frames`.

    `drafted` lets a JPEG be decoded to luma only, and scaled down to no less than DRAFT. `lenient` gives of a broken
    file what is there, as browsers do.

    Raises:
        TooManyPixels: before anything is decoded, or before a later frame that is larger.
        MemoryError: the limit on address space was met, or most likely was.
        Exception: whatever Pillow makes of bytes that it can't read.
    """
    with _truncated_allowed(lenient), _open(body, media_type, max_pixels) as image:
        single = image.format in _SINGLE
        original = image.size
        drafted = drafted and single
        if drafted:
            image.draft("L", DRAFT)
        scale = round(original[0] / image.size[0])
        for frame in range(1 if single else max_frames):
            try:
                image.seek(frame)
            except EOFError:
                return
            _check_size(image.size, max_pixels)
            loaded = _load(image)
            yield Picture(loaded, scale, original if single else image.size, drafted and loaded.mode == "L")


def _open(body: bytes, media_type: str, max_pixels: int | None) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = max_pixels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(body), formats=[FORMATS[media_type]])
        except Image.DecompressionBombError:
            raise TooManyPixels((0, 0)) from None
        except _BROKEN:
            width, height = promised_size(body, media_type)
            if 0 < width * height <= (max_pixels or 0) and _short_of_memory(width * height):
                raise MemoryError from None
            raise
    _check_size(image.size, max_pixels)
    return image


def _check_size(size: tuple[int, int], max_pixels: int | None) -> None:
    if max_pixels is not None and size[0] * size[1] > max_pixels:
        raise TooManyPixels(size)


@contextmanager
def _truncated_allowed(lenient: bool) -> Iterator[None]:
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, lenient
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _load(image: Image.Image) -> Image.Image:
    try:
        image.load()
    except _BROKEN:
        # Decoders report a failed allocation as broken data, and a lenient reader would then hash a black picture.
        if _short_of_memory(image.size[0] * image.size[1]):
            raise MemoryError from None
        raise
    return _flatten(image)


def _short_of_memory(pixels: int) -> bool:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return False
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return limit - used < pixels * _BYTES_PER_PIXEL


def _flatten(image: Image.Image) -> Image.Image:
    """The picture in "L" or "RGB", painted on white where it is transparent."""
    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _scale(image)
    if not image.has_transparency_data:
        return image.convert("L" if image.mode == "1" else "RGB")
    image = image.convert("RGBA")
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return image.convert("RGB")
    painted = Image.new("RGB", image.size, "white")
    painted.paste(image, mask=alpha)
    return painted


def _scale(image: Image.Image) -> Image.Image:
    """16 bits to the upper 8 of them; wider numbers, which have no fixed white, from their least to their greatest."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    low, high = (0.0, 65536.0) if image.mode.startswith("I;16") else (float(values.min()), float(values.max()))
    scaled = (values - low) * (256 / max(high - low, 1e-9))
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))
