"""Which bodies must be judged, told by as few of their first bytes as possible."""

from edgeward.hashing import media_types
from edgeward.hashing.content_codings import CodingError, TooLarge, peek
from edgeward.hashing.embedded_images import markup_types
from edgeward.hashing.embedded_images.markup_types import MarkupType

MAX_SNIFFED_BYTES = 160 * 1024
"""More than one block of zstd, which decodes to nothing until it is complete (128 KiB, RFC 8878, 3.1.1.2)."""


def declares_image(content_type: str) -> bool:
    return content_type.strip().lower().startswith("image/")


def may_be_image(
    prefix: bytes, codings: tuple[str, ...], content_type: str, ended: bool, data_uris: bool = False
) -> bool | None:
    """Whether a body that begins with `prefix` must be judged. None: it takes more bytes to tell.

    A body that declares an image always is; no declared type lets a body pass. Text is told by its first bytes, so
    that streamed text (server-sent events) is not held up; XML is told by its root element, which may be <svg>.

    Args:
        codings: Content-Encoding. If one can't be decoded the raw bytes count: browsers ignore a coding they don't
            know.
        ended: there are no more bytes.
        data_uris: hashing.data_uris: HTML, CSS and all XML are judged.
    """
    if declares_image(content_type) or markup_types.markup_type(content_type, data_uris) is not MarkupType.XML:
        return True
    xml = markup_types.may_be_xml(content_type)
    try:
        decoded = peek(prefix, codings, MAX_SNIFFED_BYTES if xml else media_types.SNIFF_BYTES) if codings else prefix
    except TooLarge:
        return True  # a hasher has the time to decode it
    except CodingError:
        decoded = prefix
    if media_types.sniff(decoded) is not None or media_types.sniff(prefix) is not None:
        return True
    svg = markup_types.has_svg_root(decoded) if xml else False
    if svg or (svg is False and xml and data_uris and markup_types.begins_like_markup(decoded)):
        return True
    if ended or not (svg is None or media_types.may_begin(decoded)):
        return False
    # Still undecided: a hasher must decide.
    return True if len(prefix) >= MAX_SNIFFED_BYTES else None
