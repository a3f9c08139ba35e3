"""Which bodies must be judged: told by the first bytes, with as few of them as can be."""

from edgeward.hashing import media
from edgeward.hashing.codings import CodingError, TooLarge, peek
from edgeward.hashing.texts import kinds
from edgeward.hashing.texts.kinds import Kind

MOST_BYTES = 160 * 1024
"""More than a whole block of zstd, which gives nothing before it is complete (128 KiB, RFC 8878 section 3.1.1.2)."""


def declares_image(content_type: str) -> bool:
    return content_type.strip().lower().startswith("image/")


def candidate(
    prefix: bytes, codings: tuple[str, ...], content_type: str, ended: bool, data_uris: bool = False
) -> bool | None:
    """Whether a body that begins with `prefix` must be judged. None: more of it is needed to tell.

    A declared image always is; but what is declared never lets a body pass. A text shows itself as one with its first
    bytes, so that what is sent bit by bit (server-sent events) is not held up; what may be XML shows by its root
    whether it is an SVG. Under a coding that can't be undone the bytes are looked at as they are: browsers show a body
    under a coding they don't know as if it had none. `data_uris` (hashing.data_uris): HTML, CSS and all XML are judged.
    """
    if declares_image(content_type) or kinds.kind(content_type, data_uris) is not Kind.MARKUP:
        return True
    xml = kinds.may_be_xml(content_type)
    try:
        decoded = peek(prefix, codings, MOST_BYTES if xml else media.PREFIX) if codings else prefix
    except TooLarge:
        return True  # a hasher has the time to find out
    except CodingError:
        decoded = prefix
    if media.sniff(decoded) is not None or media.sniff(prefix) is not None:
        return True
    svg = kinds.has_svg_root(decoded) if xml else False
    if svg or (svg is False and xml and data_uris and kinds.begins_like_markup(decoded)):
        return True
    if ended or not (svg is None or media.may_begin(decoded)):
        return False
    return True if len(prefix) >= MOST_BYTES else None
