"""What is known of a body without decoding a picture: digests, size and media type."""

from collections.abc import Sequence

from edgeward.hashing.codings import CodingError, peek
from edgeward.hashing.digests import digest, digests
from edgeward.hashing.media import PREFIX, sniff
from edgeward.types import Fingerprint, Flaw

_CODED_PREFIX = 160 * 1024
"""A block of zstd, of at most 128 KiB, gives nothing before it is whole."""


def plain(body: bytes, types: Sequence[str], flaw: Flaw | None = None, codings: tuple[str, ...] = ()) -> Fingerprint:
    """The fingerprint of `body` as it is, `codings` not undone; the media type is that of what lies under them.

    The media type is "" where the body is no image that we know.
    """
    try:
        prefix = peek(body[:_CODED_PREFIX], codings, PREFIX) if codings else body[:PREFIX]
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
