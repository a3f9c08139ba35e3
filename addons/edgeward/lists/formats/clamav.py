"""Signatures of ClamAV: digests of files (.hdb, .hsb, .hdu, .hsu), and image hashes in logical signatures (.ldb).

`fuzzy_img` in logical signatures is a hash of 64 bits made after imagehash's phash, but with another scaling and
another rounding: nothing shows that it equals the phash of Edgeward, so it is left out and counted.
"""

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from edgeward.lists.formats import BadRow, HashRow, LeftOut, ReadOptions, Row
from edgeward.lists.formats.lines import first_lines, read_lines

TYPES: Mapping[int, str] = {32: "md5", 40: "sha1", 64: "sha256"}
"""By number of digits: the format has no other types."""
FUZZY_IMAGE = "fuzzy_img, ClamAV's own image hash, which matches nothing here"
SECTION = "the digest of a section of a program"
OTHER = "a signature without an image hash"

_FILE = re.compile(r"([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}):(?:\d+|\*):([^:]+)(?::\d*){0,2}")
_SECTION = re.compile(r"(?:\d+|\*):(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}):[^:]+(?::\d*){0,2}")
_FUZZY_IMAGE = re.compile(r"fuzzy_img#[0-9a-fA-F]{16}(?:#\d+)?")


def looks_like(head: bytes) -> bool:
    """Whether one of the first lines is DIGEST:SIZE:NAME, or a logical signature with an image hash."""
    return any(_FILE.fullmatch(line) or _is_fuzzy(line) for line in first_lines(head))


def rows(stream: BinaryIO, _options: ReadOptions) -> Iterator[Row]:
    """A row for each digest of a file; the name of the signature is the reason. Comments (#) are skipped."""
    for line in read_lines(stream):
        if isinstance(line, BadRow):
            yield line
        elif (text := line[1].strip()) and not text.startswith("#"):
            yield from _rows_of(line[0], text)


def _rows_of(number: int, text: str) -> Iterator[Row]:
    if found := _FILE.fullmatch(text):
        yield HashRow(number, found[1], TYPES[len(found[1])], reason=found[2])
    elif _SECTION.fullmatch(text):
        yield LeftOut(number, SECTION)
    elif parts := _logical(text):
        images = sum(map(bool, map(_FUZZY_IMAGE.fullmatch, parts)))
        yield from [LeftOut(number, FUZZY_IMAGE)] * images or [LeftOut(number, OTHER)]
    else:
        yield BadRow(number, "neither DIGEST:SIZE:NAME with 32, 40 or 64 digits nor a logical signature")


def _logical(text: str) -> list[str]:
    """The parts of a logical signature, NAME;TARGET;EXPRESSION;PART;...; none if it is no such signature."""
    name, target, _, *parts = [*text.split(";"), "", "", ""]
    return parts[:-3] if name and "Target:" in target else []


def _is_fuzzy(line: str) -> bool:
    return any(map(_FUZZY_IMAGE.fullmatch, _logical(line)))
