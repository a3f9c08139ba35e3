"""ThreatExchange's CSV of descriptors, as its web interface exports it: columns td_indicator, td_status, ...

It has no column for the type of an indicator: the length of a hash tells it. That of 64 digits may be SHA-256 or PDQ,
so such files need the type to be given. Indicators that are no hashes, such as URLs, are left out.
"""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from edgeward.errors import UserError
from edgeward.hashing.signals import types_of_length
from edgeward.lists.formats import BadRow, HashRow, LeftOut, ReadOptions, Row
from edgeward.lists.formats.csv_cells import cells_of
from edgeward.lists.formats.fields import reason_of, tags_of
from edgeward.lists.formats.lines import first_lines
from edgeward.lists.formats.type_names import common_type_named

_INDICATORS = ("td_raw_indicator", "td_indicator")
_NOT_MALICIOUS = "NON_MALICIOUS"


def looks_like(head: bytes) -> bool:
    """Whether the first line names the column of the indicator."""
    return any(name in line.lower() for line in first_lines(head, 1) for name in _INDICATORS)


def rows(stream: BinaryIO, _options: ReadOptions) -> Iterator[Row]:
    """The hashes, by line.

    Raises:
        UserError: the first line does not name the columns, or the CSV can't be read on.
    """
    columns: list[str] = []
    for row in cells_of(stream):
        if isinstance(row, BadRow):
            yield row
        elif columns:
            yield _row(*row, columns)
        else:
            columns = [name.strip().lower() for name in row[1]]
            if not set(_INDICATORS) & set(columns):
                raise UserError(f"line {row[0]}: the first line must name the columns, {' or '.join(_INDICATORS)} too")


def _row(number: int, cells: list[str], columns: list[str]) -> Row:
    if len(cells) != len(columns):
        return BadRow(number, f"{len(cells)} columns where the header has {len(columns)}")
    found: Mapping[str, str] = {name: text for name, cell in zip(columns, cells, strict=True) if (text := cell.strip())}
    value = next((found[name] for name in _INDICATORS if name in found), "")
    types = [each for each in types_of_length(value) if common_type_named(each)]
    if not types:
        return LeftOut(number, "indicator that is no hash")
    if found.get("td_status", "").upper() == _NOT_MALICIOUS:
        return LeftOut(number, f"indicator of status {_NOT_MALICIOUS}")
    owner = found.get("td_owner_name") or found.get("td_owner_id")
    tags = tags_of([*found.get("td_subjective_tags", "").split(";"), f"owner:{owner}" if owner else ""])
    signal_type = types[0] if len(types) == 1 else ""
    reason, source_id = reason_of(found.get("td_description")), found.get("td_id", "")
    return HashRow(number, value, signal_type, reason=reason, source_id=source_id, tags=tags)
