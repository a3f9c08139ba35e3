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


def test_details_that_hash_prints_are_read() -> None:
    """The quality counts; of which frame a hash is does not matter for a list. Anything else is part of the value."""
    text = "pdq:cd  quality 90\ncd quality 80\npdq:cd  quality 70  frame 2\nmd5:12  frame 1\npdq:cd  quality 70  inner"
    assert [row for _, row in text_rows(text)] == [
        {"type": "pdq", "value": "cd", "quality": "90"},
        {"value": "cd", "quality": "80"},
        {"type": "pdq", "value": "cd", "quality": "70"},
        {"type": "md5", "value": "12"},
        {"type": "pdq", "value": "cd  quality 70  inner"},
    ]
