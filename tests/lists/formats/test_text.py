"""Hashes as plain text."""

import io

import pytest

from edgeward.lists.formats import HashRow, ReadOptions, Row
from edgeward.lists.formats.text import looks_like, rows

MD5 = "9e107d9d372bb6826bd81d3542a419d6"


def read(text: str) -> list[Row]:
    return [*rows(io.BytesIO(text.encode()), ReadOptions())]


def test_each_line_is_a_row() -> None:
    """TYPE:HASH, TYPE HASH and bare HASH, with any line end and space around; comments and empty lines are skipped but
    counted."""
    text = "# ours\r\nmd5:12\n\n  ab  \n#md5:13\npdq:cd # note\nsha1 ef\npdq\tcd\nmd5: 12"
    assert read(text) == [
        HashRow(2, "12", "md5"),
        HashRow(4, "ab"),
        HashRow(6, "cd", "pdq"),
        HashRow(7, "ef", "sha1"),
        HashRow(8, "cd", "pdq"),
        HashRow(9, " 12", "md5"),
    ]


def test_only_line_ends_end_lines() -> None:
    """A form feed or another character that Python counts as a line end is part of the line."""
    assert [row.number for row in read("ab\x0ccd\u2028ef\ngh")] == [1, 2]


def test_an_empty_text_has_no_rows() -> None:
    """Nothing comes of nothing."""
    assert read("") == read("\n \n") == read("# nothing\n") == []


def test_details_that_hash_prints_are_read() -> None:
    """The quality counts; of which frame a hash is does not matter for a list. Anything else is part of the value."""
    text = "pdq:cd  quality 90\ncd quality 80\npdq:cd  quality 70  frame 2\nmd5:12  frame 1\npdq:cd  quality 70  inner"
    assert read(text) == [
        HashRow(1, "cd", "pdq", "90"),
        HashRow(2, "cd", quality="80"),
        HashRow(3, "cd", "pdq", "70"),
        HashRow(4, "12", "md5"),
        HashRow(5, "cd  quality 70  inner", "pdq"),
    ]


@pytest.mark.parametrize(
    "text",
    [f"md5:{MD5}", f"# a\n\nmd5 {MD5}", MD5, f"junk\n{MD5}", f"MD-5:{MD5}", "sha1:L7I3YJQ3LIXHFZ3H7QXCJU5FAAB3CDEF"],
)
def test_it_is_recognised(text: str) -> None:
    """By a hash in one of the first lines."""
    assert looks_like(text.encode())


@pytest.mark.parametrize(
    "text", ["", "# md5:12\n", "hello world\n", "a sentence: of words\n", f"{MD5},name\n", "internationalization\n"]
)
def test_other_text_is_not(text: str) -> None:
    """Words, comments and other formats are no hashes."""
    assert not looks_like(text.encode())
