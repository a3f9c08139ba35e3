"""Which bodies must be judged: told by the first bytes, with as few of them as can be."""

from edgeward.hashing import media
from edgeward.hashing.codings import CodingError, peek

MOST_BYTES = 160 * 1024
"""More than a whole block of zstd, which gives nothing before it is complete (128 KiB, RFC 8878 section 3.1.1.2)."""


def candidate(prefix: bytes, codings: tuple[str, ...], content_type: str, ended: bool) -> bool | None:
    """Whether a body that begins with `prefix` must be judged. None: more of it is needed to tell.

    A declared image always is; but what is declared never lets a body pass. A text shows itself as one with its first
    bytes, so that what is sent bit by bit (server-sent events) is not held up. Under a coding that can't be undone the
    bytes are looked at as they are: browsers show a body under a coding they don't know as if it had none.
    """
    if content_type.strip().lower().startswith("image/"):
        return True
    try:
        decoded = peek(prefix, codings, media.PREFIX) if codings else prefix
    except CodingError:
        decoded = prefix
    if media.sniff(decoded) is not None or media.sniff(prefix) is not None:
        return True
    if ended or not media.may_begin(decoded):
        return False
    return True if len(prefix) >= MOST_BYTES else None
