"""CSV (RFC 4180) with any separator, with or without a header, whose columns are given or found out."""

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from edgeward.errors import UserError
from edgeward.hashing.signal_registry import listable_types
from edgeward.lists.formats import HEAD_BYTES, BadRow, HashRow, ReadOptions, Row, WithdrawnSource
from edgeward.lists.formats.csv_cells import cells_of
from edgeward.lists.formats.csv_columns import Columns, columns_of, is_withdrawn
from edgeward.lists.formats.lines import first_lines, first_whole_lines
from edgeward.lists.formats.piece_stream import pieces_of, stream_of
from edgeward.lists.formats.type_names import signal_type_named
from edgeward.quantities import excerpt
from edgeward.types import TYPES_WITH_QUALITY

SEPARATORS = ",;\t|"
SAMPLE_ROWS = 20
"""Rows by which the separator and the columns are found out."""
WORD_CHARACTERS = 30

_BETWEEN_TAGS = re.compile(r"[;,|]")


def looks_like(head: bytes) -> bool:
    """Whether columns of hashes are found by the header, or by what is in the first rows."""
    try:
        _, columns = _shape(head, ReadOptions())
    except UserError:
        return False
    return columns.width > 1 or bool(columns.names)


def describe(head: bytes, options: ReadOptions) -> str:
    """Which columns are read, for people. Raises UserError like `rows`."""
    return _shape(head, options)[1].describe()


def rows(stream: BinaryIO, options: ReadOptions) -> Iterator[Row]:
    """A row for each hash of each line. Empty cells are passed over, and so are comments (#) before the first line.

    Raises:
        UserError: it is not known which columns hold hashes, or a quoted field has no end: where lines end after it is
            not known.
    """
    head = stream.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES and not first_lines(head, 1):
        return
    separator, columns = _shape(head, options)
    is_header = bool(columns.names)
    for row in cells_of(stream_of(itertools.chain((head,), pieces_of(stream))), separator):
        if isinstance(row, BadRow):
            yield row
        elif is_header:
            is_header = False
        else:
            yield from _rows_of(*row, columns)


def _shape(head: bytes, options: ReadOptions) -> tuple[str, Columns]:
    """The separator and the columns of a file that begins with `head`. Raises UserError."""
    lines = first_whole_lines(head, SAMPLE_ROWS)
    if options.delimiter:
        if len(options.delimiter) != 1 or options.delimiter in '"\r\n':
            raise UserError("the separator must be one character, and neither a quote nor a line end")
        separator = options.delimiter
    else:
        separator = max(SEPARATORS, key=lambda each: min((len(row) for row in _parsed(lines, each)), default=0))
    sample = _parsed(lines, separator)
    if not sample:
        raise UserError(f"there is no whole row in the first {HEAD_BYTES} bytes of the file")
    return separator, columns_of(sample, options)


def _parsed(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The rows of the first lines, as far as they can be read."""
    found = []
    try:
        for row in csv.reader((line + "\n" for line in lines), delimiter=separator):
            found.append(row)
    except csv.Error:
        pass  # what can't be read is told when the file is read
    return [row for row in found if row]


def _rows_of(number: int, cells: Sequence[str], columns: Columns) -> Iterator[Row]:
    if len(cells) != columns.width:
        what = "the header" if columns.names else "the first line"
        yield BadRow(number, f"{len(cells)} columns where {what} has {columns.width}")
        return
    found = {what: text for what, at in columns.places.items() if (text := cells[at].strip())}
    if not found:
        return
    if (withdrawn := is_withdrawn(found.get("withdrawn", ""))) is None:
        word = excerpt(found["withdrawn"], WORD_CHARACTERS)
        yield BadRow(number, f"{word!r} does not say whether the hash is withdrawn: true or false, delete or add, ...")
        return
    source_id = found.get("source_id", "")
    labels = ";".join([found.get("tags", ""), *(cells[at] for at in columns.more_tags)])
    tags = tuple(dict.fromkeys(tag for each in _BETWEEN_TAGS.split(labels) if (tag := each.strip())))
    hashes = [(what, found[what]) for what in found if what in listable_types()]
    if value := found.get("value"):
        named = found.get("type", "")
        hashes.append((signal_type_named(named) or named, value))
    for signal_type, value in hashes:
        if value[0] in "=@":
            yield BadRow(number, f"a formula in place of a hash{f' ({signal_type})' if signal_type else ''}")
            continue
        quality = found.get("quality") if signal_type in (*TYPES_WITH_QUALITY, "") or len(hashes) == 1 else None
        hash_text, reason = "".join(value.split()), found.get("reason", "")
        yield HashRow(number, hash_text, signal_type, quality, reason, source_id, tags, withdrawn)
    if not hashes:
        yield (
            WithdrawnSource(number, source_id) if withdrawn and source_id else BadRow(number, "there is no hash in it")
        )
