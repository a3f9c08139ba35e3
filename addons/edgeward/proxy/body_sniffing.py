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


LOOK_BYTES_FREE = 1024 * 1024
"""Bytes that one body's sniffer may examine before it must wait for more of the body."""
LOOK_BYTES_FACTOR = 8
"""Bytes that it may examine after that, for each byte of the body."""
_CODED_LOOK_BYTES = 16 * 1024
"""What a look at a coded body counts more: little of it may decode to much."""


class BodySniffer:
    """Holds the first bytes of one body until they tell whether it must be judged.

    Each look examines all that is held. However small the pieces are that a body arrives in, all looks together examine
    at most LOOK_BYTES_FREE + LOOK_BYTES_FACTOR x its length: the work is linear. So bodies are looked at with every
    piece, and only one of very many pieces is held longer than it must be, by a fraction of its length.

    Attributes:
        held: the bytes so far; at most MAX_SNIFFED_BYTES and one piece.
        examined: how many bytes all looks together cost.
    """

    def __init__(self, codings: tuple[str, ...], content_type: str, data_uris: bool) -> None:
        self._codings, self._content_type, self._data_uris = codings, content_type, data_uris
        self.held = bytearray()
        self.examined = 0

    def may_be_image(self, piece: bytes = b"", ended: bool = False) -> bool | None:
        """As `may_be_image`, of all pieces so far. None: call again with the next piece."""
        self.held += piece
        cost = len(self.held) + (_CODED_LOOK_BYTES if self._codings else 0)
        allowed = LOOK_BYTES_FREE + LOOK_BYTES_FACTOR * len(self.held)
        if not ended and len(self.held) < MAX_SNIFFED_BYTES and self.examined + cost > allowed:
            return None
        self.examined += cost
        return may_be_image(bytes(self.held), self._codings, self._content_type, ended, self._data_uris)

    def take(self) -> bytes:
        """The bytes held, which are then forgotten."""
        held, self.held = bytes(self.held), bytearray()
        return held
