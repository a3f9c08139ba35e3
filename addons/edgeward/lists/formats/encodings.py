"""Unicode text files in UTF-8, whichever encoding their byte order mark tells."""

import codecs
from collections.abc import Iterator

from edgeward.errors import UserError

BYTE_ORDER_MARKS = (
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def byte_order_mark(head: bytes) -> tuple[bytes, str]:
    """The byte order mark that a file begins with, and the encoding that it tells; (b"", "utf-8") if there is none."""
    return next(((mark, name) for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), (b"", "utf-8"))


def as_utf8(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Text of another encoding, without a byte order mark, in UTF-8.

    Raises:
        UserError: it is not text of this encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    read = 0
    try:
        for piece in pieces:
            yield decoder.decode(piece).encode()
            read += len(piece)
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError:
        raise UserError(
            f"the file begins with the byte order mark of {encoding.upper()} but is not such text (near byte {read})"
        ) from None


def head_as_utf8(head: bytes, encoding: str) -> bytes:
    """The beginning of a text of another encoding, without a byte order mark, in UTF-8. What is wrong is replaced."""
    return codecs.getincrementaldecoder(encoding)("replace").decode(head).encode("utf-8", "replace")
