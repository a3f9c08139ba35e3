"""Bytes -> Fingerprint, in this process: called by hashers, which may die of it."""

from dataclasses import replace

from edgeward.config import HashingSettings
from edgeward.hashing.codings import CodingError, TooLarge, decode
from edgeward.hashing.decoding.images import size
from edgeward.hashing.digests import DIGESTS
from edgeward.hashing.media import DECODABLE
from edgeward.hashing.perceptual.reading import read
from edgeward.hashing.plain import plain
from edgeward.hashing.request import HashRequest
from edgeward.hashing.texts import kinds
from edgeward.hashing.texts.embedded import inflated, with_embedded
from edgeward.types import Fingerprint, Flaw


def fingerprint(body: bytes, settings: HashingSettings, request: HashRequest = HashRequest()) -> Fingerprint:  # noqa: B008  frozen
    """All signals that `settings` ask for: digests first, then perceptual ones in the order of frames.

    Codings are undone first: digests and `size` are those of the result, or of `body` where that failed (flaw
    TOO_LARGE or BAD_CODING). Unless the request is exact a JPEG is drafted, which costs up to 10 bits of PDQ (99 % of
    images: up to 4).

    What the bytes hold never raises: it is the fingerprint's flaw. A body that is no image that we know has the media
    type "" and no flaw. A text that shows images has their signals, `frame` being the number of the image: an SVG, and
    by setting HTML and CSS, which are told by `request.declared`. MemoryError passes through where the process runs out
    of address space.
    """
    if len(body) > settings.max_bytes:
        return plain(body, settings.signals, Flaw.TOO_LARGE, request.codings)
    try:
        decoded = decode(body, request.codings, settings.max_bytes)
    except TooLarge:
        return plain(body, settings.signals, Flaw.TOO_LARGE, request.codings)
    except CodingError:
        return plain(body, settings.signals, Flaw.BAD_CODING, request.codings)
    found = plain(decoded, settings.signals)
    if found.media_type in DECODABLE:
        found = _look(decoded, found, settings, request)
    elif found.media_type:
        found = replace(found, flaw=Flaw.UNSUPPORTED)
    return _read_as_text(decoded, found, settings, request)


def _read_as_text(body: bytes, found: Fingerprint, settings: HashingSettings, request: HashRequest) -> Fingerprint:
    """`found` with the signals of the images inside, if the body is a text that shows such.

    What is declared as HTML is HTML even where it begins like an image.
    """
    kind = kinds.kind(request.declared, settings.data_uris)
    if found.media_type and kind is kinds.Kind.MARKUP:
        return found
    text = inflated(body, settings.max_bytes)
    media_type = kinds.reading(text, kind)
    if not media_type:
        return found
    of_image = replace(request, codings=(), declared="")
    return with_embedded(
        found, text, media_type, settings.max_bytes, lambda image: fingerprint(image, settings, of_image)
    )


def _look(body: bytes, found: Fingerprint, settings: HashingSettings, request: HashRequest) -> Fingerprint:
    """`found` with what the picture itself says: its pixels and perceptual signals, or the flaw that kept them away."""
    if set(settings.signals) <= set(DIGESTS):
        return _sized(found, size(body, found.media_type), settings)
    signals, flaw, pixels = read(body, found.media_type, settings, request)
    found = replace(found, signals=(*found.signals, *signals), flaw=flaw)
    return _sized(found, pixels if any(pixels) else size(body, found.media_type), settings)


def _sized(found: Fingerprint, pixels: tuple[int, int], settings: HashingSettings) -> Fingerprint:
    """`found` with the width and height of its picture, which may be too many."""
    width, height = pixels
    flaw = Flaw.TOO_MANY_PIXELS if width * height > settings.max_pixels else found.flaw
    return replace(found, width=width, height=height, flaw=flaw)
