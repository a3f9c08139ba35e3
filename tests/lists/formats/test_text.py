"""Hashes as plain text."""

from edgeward.lists.formats.text import text_rows


def test_each_line_is_a_row() -> None:
    """TYPE:HEX and bare HEX, with any line end and space around; comments and empty lines are skipped but counted."""
    text = "# ours\r\nmd5:12\n\n  ab  \n#md5:13\npdq:cd"
    assert [*text_rows(text)] == [
        (2, {"type": "md5", "value": "12"}),
        (4, {"value": "ab"}),
        (6, {"type": "pdq", "value": "cd"}),
    ]


def test_only_line_feeds_end_lines() -> None:
    """A form feed or another character that Python counts as a line end is part of the line."""
    assert [number for number, _ in text_rows("ab\x0ccd\u2028ef\ngh")] == [1, 2]


def test_an_empty_text_has_no_rows() -> None:
    """Nothing comes of nothing."""
    assert [*text_rows("")] == [*text_rows("\n \n")] == []
