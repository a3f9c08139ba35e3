"""What md5sum, sha1sum and sha256sum print, also with --tag as on BSD, and what openssl prints; names are dropped."""

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from edgeward.lists.formats import BadRow, HashRow, LeftOut, ReadOptions, Row
from edgeward.lists.formats.lines import first_lines, read_lines
from edgeward.lists.formats.type_names import other_kind, signal_type_named

TYPES: Mapping[int, str] = {32: "md5", 40: "sha1", 64: "sha256"}
"""By number of digits: the format has no other types of these lengths."""

# A backslash before the line says that the name has escapes. " *" is for a file that was read as binary.
_PLAIN = re.compile(r"\\?([0-9a-fA-F]{8,}) [ *](?!quality \d)\S.*")
_TAGGED = re.compile(r"\\?([A-Za-z0-9-]{2,20}) ?\(.*\) ?= ?([0-9a-fA-F]+)")


def looks_like(head: bytes) -> bool:
    """Whether one of the first lines is HASH, two characters and a name, or TYPE (NAME) = HASH."""
    return any(isinstance(_row(0, line), HashRow) for line in first_lines(head))


def rows(stream: BinaryIO, _options: ReadOptions) -> Iterator[Row]:
    """A row for each line. Empty lines and comments (#) are skipped; digests of other lengths are left out."""
    for line in read_lines(stream):
        if isinstance(line, BadRow):
            yield line
        elif (text := line[1].strip()) and not text.startswith("#"):
            yield _row(line[0], text)


def _row(number: int, text: str) -> Row:
    if found := _PLAIN.fullmatch(text):
        signal_type = TYPES.get(len(found[1]))
        return HashRow(number, found[1], signal_type) if signal_type else _left_out(number, found[1])
    if found := _TAGGED.fullmatch(text):
        if signal_type := signal_type_named(found[1]):
            return HashRow(number, found[2], signal_type)
        if other_kind(found[1]):
            return _left_out(number, found[2])
    return BadRow(number, "neither HASH, two spaces and a name, nor TYPE (NAME) = HASH")


def _left_out(number: int, digest: str) -> LeftOut:
    return LeftOut(number, f"a digest of {len(digest)} digits" if len(digest) <= 128 else "a longer digest")
