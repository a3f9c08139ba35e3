"""The cells of CSV (RFC 4180), line by line, in bounded memory."""

import csv
from collections.abc import Iterator
from typing import BinaryIO

from edgeward.errors import UserError
from edgeward.lists.formats import BadRow
from edgeward.lists.formats.lines import NumberedLine, read_lines

MAX_FIELD = 131_072
"""Characters of the longest field, so that a quote that is not closed does not take the rest of the file."""


def cells_of(stream: BinaryIO, separator: str = ",") -> Iterator[tuple[int, list[str]] | BadRow]:
    """The number of each line that is not empty, of its last line where it has several, and its cells.

    Comments (#) before the first line are passed over. A line that can't be read as text is a BadRow.

    Raises:
        UserError: a quoted field has no end: where lines end after it is not known.
    """
    lines = _CsvLines(read_lines(stream))
    begun = 0
    try:
        for cells in csv.reader(lines, delimiter=separator, strict=True):
            yield from lines.take_bad()
            if cells:
                yield lines.number, cells
            begun = lines.number
    except csv.Error:
        raise UserError(
            f"line {begun + 1}: not CSV: a quoted field is not closed, goes on after its second quote, or has "
            f"more than {MAX_FIELD} characters"
        ) from None
    yield from lines.take_bad()


class _CsvLines:
    """The lines that the reader of CSV takes, and those that it can't be given."""

    def __init__(self, lines: Iterator[NumberedLine]) -> None:
        self._lines = lines
        self._bad: list[BadRow] = []
        self._is_begun = False
        self.number = 0
        """Of the line that was taken last."""

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.number = line[0]
            if isinstance(line, BadRow):
                self._bad.append(line)
                # An empty line: the reader gives control back, and bad lines do not pile up.
                yield "\n"
            elif self._is_begun or not line[1].startswith("#"):
                self._is_begun = self._is_begun or bool(line[1].strip())
                yield line[1] + "\n"

    def take_bad(self) -> list[BadRow]:
        """The bad lines since the last call."""
        bad, self._bad = self._bad, []
        return bad
