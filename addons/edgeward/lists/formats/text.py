"""Plain text: one hash a line, with or without its type."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from edgeward.lists.formats import BadRow, HashRow, ReadOptions, Row
from edgeward.lists.formats.lines import first_lines, read_lines
from edgeward.lists.formats.type_names import signal_type_named

_HEX = re.compile(r"[0-9a-fA-F]{16,}")
_BASE64 = re.compile(r"[0-9a-zA-Z+/]{11,}={0,2}")
"""Of 8 bytes or more."""


def looks_like(head: bytes) -> bool:
    """Whether one of the first lines is TYPE:HASH or TYPE HASH, or HASH in hexadecimal."""
    rows = (_row(0, line) for line in first_lines(head))
    return any(_is_hash(row) for row in rows)


def rows(stream: BinaryIO, _options: ReadOptions) -> Iterator[Row]:
    """TYPE:HASH, TYPE HASH, or HASH alone; then perhaps the quality and the frame, as `edgeward hash` prints them.

    Empty lines, and what follows a "#" at the beginning of a line or after white space, are skipped.
    """
    for line in read_lines(stream):
        if isinstance(line, BadRow):
            yield line
            continue
        text = line[1].strip()
        if "#" in text:
            text = "" if text[0] == "#" else re.split(r"\s#", text, maxsplit=1)[0]
        if text:
            yield _row(line[0], text)


def _row(number: int, text: str) -> HashRow:
    quality = None
    words = text.split()
    if len(words) > 2:
        kept, quality = _without_details(words)
        text = text if kept == words else " ".join(kept)
        words = kept
    signal_type, _, value = text.rpartition(":")
    if len(words) == 2 and not words[0].endswith(":"):
        signal_type, value = words
    return HashRow(number, value, signal_type, quality)


def _without_details(words: list[str]) -> tuple[list[str], str | None]:
    """The words without what `edgeward hash` prints after a hash, "quality N" and "frame N"; and the quality."""
    if words[-2] == "frame" and words[-1].isdecimal():
        words = words[:-2]
    if len(words) > 2 and words[-2] == "quality" and words[-1].isdecimal():
        return words[:-2], words[-1]
    return words, None


def _is_hash(row: HashRow) -> bool:
    value = str(row.value).strip()
    if not row.type:
        return bool(_HEX.fullmatch(value))
    return bool(signal_type_named(str(row.type)) and (_HEX.fullmatch(value) or _BASE64.fullmatch(value)))
