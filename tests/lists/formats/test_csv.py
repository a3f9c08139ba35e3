"""Hashes as CSV."""

import pytest

from edgeward.errors import UserError
from edgeward.lists.formats.csv import csv_rows


def test_columns_come_in_any_order() -> None:
    """The header names them in any case; cells may be quoted, with commas and line ends; empty cells are left out."""
    text = 'reason,Value , TYPE\r\n"a, ""b""\nc",12,md5\n,13,\n'
    assert [*csv_rows(text)] == [(3, {"reason": 'a, "b"\nc', "value": "12", "type": "md5"}), (4, {"value": "13"})]


def test_a_row_of_another_length_is_bad() -> None:
    """It is reported, an empty line is skipped, and the rows after it are read."""
    rows = [*csv_rows("type,value\nmd5,12,3\n\nmd5,13\n")]
    assert rows == [(2, "3 columns where the header has 2"), (4, {"type": "md5", "value": "13"})]


def test_an_unclosed_quote_ends_the_file() -> None:
    """It is reported with a line number, and nothing after it is taken for a row."""
    *_, (number, why) = csv_rows('type,value\nmd5,12\nmd5,"13\nmd5,14\n')
    assert number >= 3
    assert isinstance(why, str) and why.startswith("not CSV")


@pytest.mark.parametrize("text", ["", "type,hash\n", "type\n", "value,value\n", "md5,12\n"])
def test_a_file_without_the_header_is_refused(text: str) -> None:
    """Also one with a column twice, or with an unknown one."""
    with pytest.raises(UserError, match="first line must name the columns"):
        list(csv_rows(text))
