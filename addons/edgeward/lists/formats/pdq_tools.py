"""What the PDQ tools of Meta in C++ print: HASH,QUALITY,NAME, or fields such as hash=HASH,quality=N,filename=NAME.

With --pdqdih they print the hashes of the eight rotations and reflections too: each is read. File names are dropped.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from edgeward.lists.formats import BadRow, HashRow, ReadOptions, Row
from edgeward.lists.formats.lines import first_lines, read_lines

_HASH = r"[0-9a-fA-F]{64}"
_PLAIN = re.compile(rf"({_HASH}(?:,{_HASH}){{0,7}})(?:,(\d{{1,3}})(?=,|$))?(?:,.*)?")
_DETAILED = re.compile(rf"hash={_HASH},(?:\w+=[^,]*,)*filename=.*")
_FIELD = re.compile(r"(\w+)=([^,]*),")
_ROTATED = ("rot90", "rot180", "rot270", "flipx", "flipy", "flipp", "flipm")


def looks_like(head: bytes) -> bool:
    """Whether the first lines that have a hash have a quality from 0 to 100 too, or fields.

    HASH,NAME alone does not say that the hash is a PDQ: it may be a SHA-256, and HASH,SIZE,NAME too.
    """
    found = [line for line in first_lines(head) if _PLAIN.fullmatch(line) or _DETAILED.fullmatch(line)]
    return bool(found) and all(map(_is_sure, found))


def rows(stream: BinaryIO, _options: ReadOptions) -> Iterator[Row]:
    """A row for each hash of each line. Empty lines and comments (#) are skipped."""
    for line in read_lines(stream):
        if isinstance(line, BadRow):
            yield line
        elif (text := line[1].strip()) and not text.startswith("#"):
            yield from _rows_of(line[0], text)


def _rows_of(number: int, text: str) -> Iterator[Row]:
    if found := _PLAIN.fullmatch(text):
        for value in found[1].split(","):
            yield HashRow(number, value, "pdq", found[2])
    elif _DETAILED.fullmatch(text):
        fields = dict(_FIELD.findall(text.partition("filename=")[0]))
        for name in ("hash", *_ROTATED):
            if name in fields:
                yield HashRow(number, fields[name], "pdq", fields.get("quality"))
    else:
        yield BadRow(number, "neither HASH,QUALITY,NAME nor hash=HASH,...,filename=NAME with a hash of 64 digits")


def _is_sure(line: str) -> bool:
    found = _PLAIN.fullmatch(line)
    has_quality = bool(found and found[2] and int(found[2]) <= 100)
    return has_quality or bool(_DETAILED.fullmatch(line))
