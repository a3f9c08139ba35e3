"""Bytes -> what a classifier gets: the image as a viewer first sees it."""

from typing import TYPE_CHECKING

from PIL import Image

from edgeward.hashing.content_codings import decode
from edgeward.hashing.decoding.images import pictures
from edgeward.hashing.media_types import NOT_AN_IMAGE, sniff
from edgeward.hashing.perceptual.source_image import oriented

if TYPE_CHECKING:
    from edgeward.settings.config import HashingSettings


def decode_picture(body: bytes, codings: tuple[str, ...], settings: "HashingSettings") -> Image.Image:
    """The first frame in mode "RGB", upright, transparent parts on white.

    Raises:
        ValueError: not an image of a known format, or a coding that can't be decoded.
        Exception: whatever Pillow raises for bytes that it can't read.
    """
    decoded = decode(body, codings, settings.max_bytes)
    media_type = sniff(decoded)
    if media_type is None:
        raise ValueError(NOT_AN_IMAGE)
    try:
        return _first_frame(decoded, media_type, settings, lenient=False)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  Pillow's parsers raise nearly anything; what the lenient ones raise passes through
        return _first_frame(decoded, media_type, settings, lenient=True)


def _first_frame(body: bytes, media_type: str, settings: "HashingSettings", lenient: bool) -> Image.Image:
    for picture in pictures(body, media_type, max_pixels=settings.max_pixels, max_frames=1, lenient=lenient):
        return oriented(picture.image, picture.orientation).convert("RGB")
    raise ValueError("no frame")
