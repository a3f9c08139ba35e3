"""The fingerprint of a body without decoding a picture: digests, size and media type."""

from collections.abc import Sequence

from edgeward.hashing.content_codings import CodingError, peek
from edgeward.hashing.digests import digest, digests
from edgeward.hashing.media_types import SNIFF_BYTES, sniff
from edgeward.types import Fingerprint, Flaw

_CODED_PREFIX = 160 * 1024
"""Enough for a whole zstd block of up to 128 KiB: zstd outputs nothing before it has one."""


def undecoded_fingerprint(
    body: bytes, types: Sequence[str], flaw: Flaw | None = None, codings: tuple[str, ...] = ()
) -> Fingerprint:
    """The fingerprint of `body` as it came, with its codings. The media type is that of the decoded body.

    The media type is "" if the body is not a known type of image.
    """
    try:
        prefix = peek(body[:_CODED_PREFIX], codings, SNIFF_BYTES) if codings else body[:SNIFF_BYTES]
    except CodingError:
        prefix = b""
    signals = digests(body, types)
    values = {signal.type: signal.value for signal in signals}
    return Fingerprint(
        sha256=values.get("sha256") or digest(body, "sha256"),
        media_type=sniff(prefix) or "",
        size=len(body),
        signals=signals,
        flaw=flaw,
    )
