"""CSV (RFC 4180) with a header."""

import csv
import io
from collections.abc import Iterator

from edgeward.errors import UserError
from edgeward.lists.formats import COLUMNS, Row


def csv_rows(text: str) -> Iterator[Row]:
    """The rows after the header. Empty cells are left out.

    Raises:
        UserError: the first line is not a header of known columns.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        unknown = sorted(set(header) - set(COLUMNS))
        if unknown or "value" not in header or len(set(header)) < len(header):
            raise UserError(
                f"the first line must name the columns: value, and any of type, quality, reason; not {header}"
            )
        for cells in reader:
            if len(cells) == len(header):
                yield reader.line_num, {name: cell for name, cell in zip(header, cells, strict=True) if cell}
            elif cells:
                yield reader.line_num, f"{len(cells)} columns where the header has {len(header)}"
    except csv.Error as error:
        # The rest is not read: after an unclosed quote it is unknown where lines end.
        yield reader.line_num, f"not CSV: {error}"
