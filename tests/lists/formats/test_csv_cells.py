"""Cells of CSV."""

import io

import pytest

from edgeward.errors import UserError
from edgeward.lists.formats import BadRow
from edgeward.lists.formats.csv_cells import MAX_FIELD, cells_of


def cells(text: str | bytes, separator: str = ",") -> list[tuple[int, list[str]] | BadRow]:
    return list(cells_of(io.BytesIO(text if isinstance(text, bytes) else text.encode()), separator))


def test_cells_with_their_lines() -> None:
    """Quotes, separators and line ends in quotes; empty lines and the comments before the first are passed over."""
    found = cells('# note\n\na,"b ""x"", c"\r\n\n"two\nlines",d\n#,e\n')
    assert found == [(3, ["a", 'b "x", c']), (6, ["two\nlines", "d"]), (7, ["#", "e"])]
    assert cells("a;b", ";") == [(1, ["a", "b"])]
    assert cells("") == []


def test_a_line_that_is_no_text_is_a_bad_row() -> None:
    """The next ones are read."""
    first, second, third = cells(b"a,b\n\xff,c\nd,e\n")
    assert (first, third) == ((1, ["a", "b"]), (3, ["d", "e"]))
    assert isinstance(second, BadRow)
    assert second.number == 2


def test_a_quote_without_an_end_is_an_error() -> None:
    """With the line in which it begins."""
    with pytest.raises(UserError, match="line 2: not CSV"):
        cells('a,b\n"c,d\ne,f\n')
    with pytest.raises(UserError, match="line 1: not CSV"):
        cells('"' + "x" * (MAX_FIELD + 1))
