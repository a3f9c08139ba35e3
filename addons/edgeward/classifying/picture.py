"""Bytes to what a classifier is shown: the image as a viewer first sees it."""

from PIL import Image

from edgeward.config import HashingSettings
from edgeward.hashing.codings import decode
from edgeward.hashing.decoding.images import pictures
from edgeward.hashing.media import sniff
from edgeward.hashing.perceptual.subject import turn


def shown(body: bytes, codings: tuple[str, ...], settings: HashingSettings) -> Image.Image:
    """The first frame in mode "RGB", the right way up, what is transparent on white.

    Raises:
        ValueError: it is no image that we know, or its codings can't be undone.
        Exception: whatever Pillow makes of bytes that it can't read.
    """
    decoded = decode(body, codings, settings.max_bytes)
    media_type = sniff(decoded)
    if media_type is None:
        raise ValueError("no image")
    try:
        return _first(decoded, media_type, settings, lenient=False)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  Pillow's parsers raise nearly anything; the lenient reader's say is the last
        return _first(decoded, media_type, settings, lenient=True)


def _first(body: bytes, media_type: str, settings: HashingSettings, lenient: bool) -> Image.Image:
    for picture in pictures(body, media_type, max_pixels=settings.max_pixels, max_frames=1, lenient=lenient):
        return turn(picture.image, picture.orientation).convert("RGB")
    raise ValueError("no frame")
