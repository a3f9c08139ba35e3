"""Lines of a file of UTF-8 text, in bounded memory, whatever the file is."""

from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from edgeward.lists.formats import HEAD_BYTES, BadRow

MAX_LINE_BYTES = 1024 * 1024
"""Bytes of the longest line that is read. A longer one is a bad row."""
BLOCK_BYTES = 64 * 1024
"""Bytes that are read at a time."""

type NumberedLine = tuple[int, str] | BadRow
"""The number of a line, from 1, and its text without the line end; or what is wrong with it."""


def read_lines(stream: BinaryIO) -> Iterator[NumberedLine]:
    """The lines of a stream. They end with LF, CRLF or CR.

    A line that is longer than MAX_LINE_BYTES or not UTF-8 is a BadRow, and the next one is read.
    """
    number = 1
    for block in _whole_lines(stream):
        if block is None:
            yield BadRow(number, f"the line is longer than {MAX_LINE_BYTES} bytes")
            number += 1
            continue
        try:
            texts = block.decode().split("\n")
        except UnicodeDecodeError:
            for at, line in enumerate(block.split(b"\n"), number):
                yield _decoded(at, line)
            number += block.count(b"\n") + 1
        else:
            yield from enumerate(texts, number)
            number += len(texts)


def first_lines(head: bytes, count: int = 20) -> list[str]:
    """The first lines of a file that begins with `head`, without white space around them: see `first_whole_lines`."""
    return [line.strip() for line in first_whole_lines(head, count)]


def first_whole_lines(head: bytes, count: int) -> list[str]:
    """The first lines of a file that begins with `head`, without those that are empty or begin with "#".

    What is not UTF-8 in them is replaced. A line that `head` cuts off is left out.
    """
    lines = _normalized(head).split(b"\n")
    if len(head) >= HEAD_BYTES:
        del lines[-1]
    texts = (line.decode("utf-8", "replace") for line in lines)
    return list(islice((text for text in texts if text.strip() and not text.lstrip().startswith("#")), count))


def _decoded(number: int, line: bytes) -> NumberedLine:
    try:
        return number, line.decode()
    except UnicodeDecodeError as error:
        column = len(line[: error.start].decode()) + 1
        return BadRow(number, f"not UTF-8 text: byte 0x{line[error.start]:02x} in column {column}")


def _normalized(data: bytes) -> bytes:
    """The same with LF at the end of each line."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def _whole_lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """The stream in blocks of whole lines, without the last line end of each. None stands for a line that is too long.

    At most one block and a line of MAX_LINE_BYTES are held.
    """
    rest, is_skipping = b"", False
    while data := stream.read(BLOCK_BYTES):
        if data.endswith(b"\r"):
            # Together with the next byte this may be one line end.
            data += stream.read(1)
        data = _normalized(data)
        if is_skipping:
            _, end, data = data.partition(b"\n")
            if not end:
                continue
            is_skipping = False
        block, end, cut = (rest + data).rpartition(b"\n")
        if end:
            first, more, others = block.partition(b"\n")
            if len(first) > MAX_LINE_BYTES:
                yield None
                block = others
            if more or len(first) <= MAX_LINE_BYTES:
                yield block
        rest = cut
        if len(rest) > MAX_LINE_BYTES:
            yield None
            rest, is_skipping = b"", True
    if rest:
        yield rest
