"""What hashdeep prints: version and columns in lines with %%%% before, comments with ##, then CSV without quotes."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from edgeward.errors import UserError
from edgeward.lists.formats import BadRow, HashRow, LeftOut, ReadOptions, Row
from edgeward.lists.formats.lines import read_lines
from edgeward.lists.formats.type_names import signal_type_named
from edgeward.quantities import excerpt

VERSIONS = "HASHDEEP-1."
NAME_CHARACTERS = 20
MAX_COLUMNS = 20

_HEADER = "%%%% "


def looks_like(head: bytes) -> bool:
    """Whether it begins with the line of the version."""
    return head.startswith(f"{_HEADER}HASHDEEP-".encode())


def rows(stream: BinaryIO, _options: ReadOptions) -> Iterator[Row]:
    """A row for each digest of each line. Sizes and file names are dropped; digests of other types are left out.

    Raises:
        UserError: another version, or rows before the columns are named.
    """
    columns: Sequence[str] = ()
    for line in read_lines(stream):
        if isinstance(line, BadRow):
            yield line
            continue
        number, text = line
        if text.startswith(_HEADER):
            columns = _columns(number, text.removeprefix(_HEADER).strip()) or columns
        elif text.strip() and not text.startswith("##"):
            if not columns:
                raise UserError(
                    f'line {number}: a row before the line that names the columns: "%%%% size,md5,filename"'
                )
            yield from _rows_of(number, text, columns)


def _columns(number: int, header: str) -> Sequence[str]:
    """The columns that a header names; none if it is that of the version."""
    if header.startswith("HASHDEEP-"):
        if not header.startswith(VERSIONS):
            raise UserError(f"line {number}: an unknown version of hashdeep: {excerpt(header, NAME_CHARACTERS)}")
        return ()
    columns = [name.strip().lower() for name in header.split(",")]
    if columns[-1] != "filename" or len(columns) > MAX_COLUMNS or not any(map(signal_type_named, columns)):
        raise UserError(f"line {number}: these are no columns of hashdeep: {excerpt(header)}")
    return columns


def _rows_of(number: int, text: str, columns: Sequence[str]) -> Iterator[Row]:
    # A file name may hold commas. It is the last.
    cells = text.split(",", len(columns) - 1)
    if len(cells) < len(columns):
        yield BadRow(number, f"{len(cells)} columns where the header has {len(columns)}")
        return
    for name, cell in zip(columns, cells, strict=True):
        if name in ("size", "filename"):
            continue
        signal_type = signal_type_named(name)
        yield HashRow(number, cell, signal_type) if signal_type else LeftOut(number, excerpt(name, NAME_CHARACTERS))
