"""Bytes -> Fingerprint, in this process: called by hashers, which may die of it."""

from dataclasses import replace

from edgeward.config import HashingSettings
from edgeward.hashing.codings import CodingError, TooLarge, decode
from edgeward.hashing.images import TooManyPixels, pictures, size
from edgeward.hashing.media import DECODABLE
from edgeward.hashing.perceptual import PERCEPTUAL, perceptual
from edgeward.hashing.plain import plain
from edgeward.hashing.request import HashRequest
from edgeward.types import Fingerprint, Flaw, Signal


def fingerprint(body: bytes, settings: HashingSettings, request: HashRequest = HashRequest()) -> Fingerprint:  # noqa: B008  frozen
    """All signals that `settings` ask for: digests first, then perceptual ones in the order of frames.

    Codings are undone first: digests and `size` are those of the result, or of `body` where that failed (flaw
    TOO_LARGE or BAD_CODING). Unless the request is exact a JPEG is drafted, which costs up to 10 bits of PDQ (99 % of
    images: up to 4).

    What the bytes hold never raises: it is the fingerprint's flaw. A body that is no image that we know has the media
    type "" and no flaw. MemoryError passes through where the process runs out of address space.
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
    if not found.media_type:
        return found
    if found.media_type not in DECODABLE:
        return replace(found, flaw=Flaw.UNSUPPORTED)
    return _look(decoded, found, settings, request.exact)


def _look(body: bytes, found: Fingerprint, settings: HashingSettings, exact: bool) -> Fingerprint:
    """`found` with what the picture itself says: its pixels and perceptual signals, or the flaw that kept them away."""
    width, height = size(body, found.media_type)
    found = replace(found, width=width, height=height)
    if width * height > settings.max_pixels:
        return replace(found, flaw=Flaw.TOO_MANY_PIXELS)
    if PERCEPTUAL.keys().isdisjoint(settings.signals):
        return found
    signals, flaw = _read(body, found.media_type, settings, exact, lenient=False)
    if flaw is Flaw.UNDECODABLE:
        # What a browser would show of a broken file. Not the first choice: a lenient decoder hides its failures.
        signals, flaw = _read(body, found.media_type, settings, exact, lenient=True)
    return replace(found, signals=(*found.signals, *signals), flaw=flaw)


def _read(
    body: bytes, media_type: str, settings: HashingSettings, exact: bool, lenient: bool
) -> tuple[tuple[Signal, ...], Flaw | None]:
    """The distinct perceptual signals of all frames that could be read, and the flaw that ended the reading."""
    signals: dict[Signal, None] = {}
    flaw = None
    try:
        for picture in pictures(
            body,
            media_type,
            max_pixels=settings.max_pixels,
            max_frames=settings.max_frames,
            drafted=not exact,
            lenient=lenient,
        ):
            signals.update(dict.fromkeys(perceptual(picture, settings.signals)))
    except TooManyPixels:
        flaw = Flaw.TOO_MANY_PIXELS
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  Pillow's parsers raise nearly anything; each is counted by its flaw
        flaw = Flaw.UNDECODABLE
    return tuple(signals), flaw
