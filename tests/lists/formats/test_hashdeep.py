"""Output of hashdeep."""

import io

import pytest

from edgeward.errors import UserError
from edgeward.lists.formats import BadRow, HashRow, LeftOut, ReadOptions, Row
from edgeward.lists.formats.hashdeep import looks_like, rows

MD5 = "9e107d9d372bb6826bd81d3542a419d6"
SHA256 = "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592"
HEAD = "%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n## Invoked from: /home/a\n## $ hashdeep *\n##\n"


def read(text: str) -> list[Row]:
    return [*rows(io.BytesIO(text.encode()), ReadOptions())]


def test_each_digest_is_a_row() -> None:
    """Sizes and names are dropped; a name may hold commas; other digests are left out."""
    assert looks_like(HEAD.encode())
    assert read(f"{HEAD}9,{MD5},{SHA256},/a/b, c.jpg\n\n9,{MD5}\n") == [
        HashRow(6, MD5, "md5"),
        HashRow(6, SHA256, "sha256"),
        BadRow(8, "2 columns where the header has 4"),
    ]
    assert read(f"%%%% HASHDEEP-1.0\n%%%% size,tiger,md5,filename\n9,12,{MD5},a\n") == [
        LeftOut(3, "tiger"),
        HashRow(3, MD5, "md5"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%%%% HASHDEEP-2.0\n", "line 1: an unknown version of hashdeep: HASHDEEP-2.0"),
        (f"%%%% HASHDEEP-1.0\n9,{MD5},a\n", "line 2: a row before the line that names the columns"),
        ("%%%% HASHDEEP-1.0\n%%%% size,filename\n", "line 2: these are no columns of hashdeep"),
        ("%%%% HASHDEEP-1.0\n%%%% filename,md5\n", "line 2: these are no columns of hashdeep"),
        ("%%%% HASHDEEP-1.0\n%%%% " + "md5," * 5000 + "filename\n", "line 2: these are no columns of hashdeep"),
    ],
)
def test_headers_that_are_not_clear(text: str, message: str) -> None:
    """Without the columns nothing can be read."""
    with pytest.raises(UserError, match=message) as raised:
        read(text)
    assert len(str(raised.value)) < 250
