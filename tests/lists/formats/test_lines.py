"""Lines of text, in bounded memory."""

import io
import tracemalloc
from collections.abc import Iterator

import pytest

from edgeward.lists.formats import HEAD_BYTES, BadRow
from edgeward.lists.formats.lines import (
    BLOCK_BYTES,
    MAX_LINE_BYTES,
    NumberedLine,
    first_lines,
    first_whole_lines,
    read_lines,
)
from edgeward.lists.formats.piece_stream import stream_of


def read(text: bytes) -> list[NumberedLine]:
    return [*read_lines(io.BytesIO(text))]


def test_any_line_end() -> None:
    """LF, CRLF and CR end a line, and the last line needs none. Form feeds end none."""
    assert read(b"a\nb\r\nc\rd\n\ne\x0cf") == [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, ""), (6, "e\x0cf")]
    assert read(b"a\n") == [(1, "a")]
    assert read(b"") == []


def test_a_line_end_that_two_blocks_share() -> None:
    """CR at the end of one block and LF at the beginning of the next are one line end."""
    for before in range(BLOCK_BYTES - 3, BLOCK_BYTES + 3):
        assert [number for number, _ in read(b"x" * before + b"\r\ny\r\nz")] == [1, 2, 3]
        assert [number for number, _ in read(b"x" * before + b"\r\ry")] == [1, 2, 3]


def test_bytes_that_are_not_utf_8() -> None:
    """They are named with line and column, and the lines around are read."""
    assert read("a\näö".encode() + b"\xff\nb") == [
        (1, "a"),
        BadRow(2, "not UTF-8 text: byte 0xff in column 3"),
        (3, "b"),
    ]


@pytest.mark.parametrize("more", [1, BLOCK_BYTES, 5 * MAX_LINE_BYTES])
def test_a_line_that_is_too_long(more: int) -> None:
    """It is a bad row, whatever comes before and after, and the numbers go on."""
    long = b"x" * (MAX_LINE_BYTES + more)
    bad = f"the line is longer than {MAX_LINE_BYTES} bytes"
    assert read(b"a\n" + long + b"\nb\nc\n") == [(1, "a"), BadRow(2, bad), (3, "b"), (4, "c")]
    assert read(long) == [BadRow(1, bad)]
    assert read(long + b"\n" + long + b"\n\nb") == [BadRow(1, bad), BadRow(2, bad), (3, ""), (4, "b")]


def test_the_longest_line_is_read() -> None:
    """MAX_LINE_BYTES are one line."""
    assert [len(text) for _, text in read(b"x" * MAX_LINE_BYTES + b"\ny")] == [MAX_LINE_BYTES, 1]


def test_memory_is_bounded() -> None:
    """A line of 64 MiB takes a few MiB."""

    def pieces() -> Iterator[bytes]:
        for _ in range(1024):
            yield b"x" * 65536

    tracemalloc.start()
    try:
        assert [type(line) for line in read_lines(stream_of(pieces()))] == [BadRow]
        assert tracemalloc.get_traced_memory()[1] < 6 * MAX_LINE_BYTES
    finally:
        tracemalloc.stop()


def test_first_lines() -> None:
    """Without comments and empty lines, and without a line that the head cuts off."""
    assert first_lines(b"# c\r\n\r\n a \nb\nc", 2) == ["a", "b"]
    assert first_lines(b"a\nb") == ["a", "b"]
    assert first_lines(b"a\n" + b"b" * HEAD_BYTES) == ["a"]
    assert first_whole_lines(b"\ta\t\n #\n\t\n\xff", 9) == ["\ta\t", "\ufffd"]
