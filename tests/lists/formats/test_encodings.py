"""Text in other encodings of Unicode."""

import codecs

import pytest

from edgeward.errors import UserError
from edgeward.lists.formats.encodings import as_utf8, byte_order_mark, head_as_utf8


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (b"", "utf-8"),
    ],
)
def test_the_byte_order_mark_tells_the_encoding(mark: bytes, encoding: str) -> None:
    """Text without one is UTF-8. Characters that two pieces share are read."""
    text = "md5:ab\n\N{SNOWMAN}\N{PILE OF POO}"
    body = text.encode(encoding)
    assert byte_order_mark(mark + body) == (mark, encoding)
    assert b"".join(as_utf8((body[at : at + 3] for at in range(0, len(body), 3)), encoding)).decode() == text


def test_text_that_is_not_of_its_encoding() -> None:
    """It is refused with the place; a head of it is shown as far as it goes."""
    body = "ab".encode("utf-16-le") + b"\x00\xdc" + "cd".encode("utf-16-le")
    with pytest.raises(UserError, match="mark of UTF-16-LE but is not such text"):
        list(as_utf8(iter([body]), "utf-16-le"))
    with pytest.raises(UserError, match="UTF-16-LE"):
        list(as_utf8(iter([b"a\0b"]), "utf-16-le"))
    assert head_as_utf8(body, "utf-16-le").startswith(b"ab")
    assert head_as_utf8(b"a\0b", "utf-16-le") == b"a"
