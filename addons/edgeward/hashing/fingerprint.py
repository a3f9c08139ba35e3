"""Bytes -> Fingerprint, in this process. Only hashers call it: hostile bytes may crash or take over a decoder."""

from dataclasses import replace
from typing import TYPE_CHECKING

from edgeward.hashing.content_codings import CodingError, TooLarge, decode
from edgeward.hashing.decoding.images import size
from edgeward.hashing.digests import DIGESTS
from edgeward.hashing.embedded_images import markup_types
from edgeward.hashing.embedded_images.extraction import gunzipped_svg, with_embedded_images
from edgeward.hashing.embedded_images.markup_types import MarkupType
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.media_types import DECODABLE
from edgeward.hashing.perceptual.frames import frame_signals
from edgeward.hashing.undecoded_fingerprint import undecoded_fingerprint
from edgeward.types import Fingerprint, Flaw

if TYPE_CHECKING:
    from edgeward.settings.config import HashingSettings


def fingerprint(body: bytes, settings: "HashingSettings", request: HashRequest = HashRequest()) -> Fingerprint:  # noqa: B008  frozen
    """All signals that `settings` name: first digests, then perceptual ones in the order of frames.

    Codings are undone first: digests and `size` are those of the decoded body, or of `body` itself if decoding failed
    (flaw TOO_LARGE or BAD_CODING). Unless the request is exact, a JPEG is decoded in draft mode; its PDQ then differs
    by up to 10 bits (in 99 % of images by up to 4).

    Nothing in the bytes raises an exception: it becomes the fingerprint's flaw. A body that is not a known type of
    image has the media type "" and no flaw. A text that shows images gets the signals of the images, `frame` being the
    number of the image: SVG always, HTML and CSS by setting, if `request.declared` says so.

    Raises:
        MemoryError: the process ran out of address space. The hasher ends, and the image is CRASHED.
    """
    if len(body) > settings.max_bytes:
        return undecoded_fingerprint(body, settings.signals, Flaw.TOO_LARGE, request.codings)
    try:
        decoded = decode(body, request.codings, settings.max_bytes)
    except TooLarge:
        return undecoded_fingerprint(body, settings.signals, Flaw.TOO_LARGE, request.codings)
    except CodingError:
        return undecoded_fingerprint(body, settings.signals, Flaw.BAD_CODING, request.codings)
    found = undecoded_fingerprint(decoded, settings.signals)
    if found.media_type in DECODABLE:
        found = _with_picture(decoded, found, settings, request)
    elif found.media_type:
        found = replace(found, flaw=Flaw.UNSUPPORTED)
    return _with_images_in_text(decoded, found, settings, request)


def _with_picture(body: bytes, found: Fingerprint, settings: "HashingSettings", request: HashRequest) -> Fingerprint:
    """`found` with the picture's perceptual signals, width and height, and the flaw if some are missing."""
    pixels = (0, 0)
    if not set(settings.signals) <= set(DIGESTS):
        signals, flaw, pixels = frame_signals(body, found.media_type, settings, request)
        found = replace(found, signals=(*found.signals, *signals), flaw=flaw)
    width, height = pixels if any(pixels) else size(body, found.media_type)
    flaw = Flaw.TOO_MANY_PIXELS if width * height > settings.max_pixels else found.flaw
    return replace(found, width=width, height=height, flaw=flaw)


def _with_images_in_text(
    body: bytes, found: Fingerprint, settings: "HashingSettings", request: HashRequest
) -> Fingerprint:
    """`found` with the signals of the images inside, if the body is a text that can show any."""
    markup = markup_types.markup_type(request.declared, settings.data_uris)
    # What is declared as HTML or CSS is read so even if it begins like an image: browsers would show it as a page.
    if found.media_type and markup is MarkupType.XML:
        return found
    text = gunzipped_svg(body, settings.max_bytes)
    media_type = markup_types.media_type_to_read(text, markup)
    if not media_type:
        return found
    inner = replace(request, codings=(), declared="")
    return with_embedded_images(
        found, text, media_type, settings.max_bytes, lambda image: fingerprint(image, settings, inner)
    )
