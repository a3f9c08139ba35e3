"""JSON lines: one object a line."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from edgeward.lists.formats import BadRow, HashRow, ReadOptions, Row, WithdrawnSource
from edgeward.lists.formats.fields import can_be_written
from edgeward.lists.formats.lines import first_lines, read_lines
from edgeward.quantities import excerpt

KEYS = frozenset({"value", "type", "quality", "reason", "source_id", "tags", "withdrawn"})


def looks_like(head: bytes) -> bool:
    """Whether the first line is a whole JSON object with a text "value", or one that withdraws a source's id."""
    first = next(iter(first_lines(head, 1)), "")
    if not first.startswith("{"):
        return False
    try:
        found = json.loads(first)
    except (ValueError, RecursionError):
        return False
    if not isinstance(found, dict):
        return False
    return isinstance(found.get("value"), str) or (found.get("withdrawn") is True and "source_id" in found)


def rows(stream: BinaryIO, _options: ReadOptions) -> Iterator[Row]:
    """The objects. A key that is null counts as missing, and empty lines are skipped."""
    for line in read_lines(stream):
        if isinstance(line, BadRow):
            yield line
            continue
        number, text = line
        if not text.strip():
            continue
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            yield BadRow(number, "not JSON")
            continue
        yield row_of(number, found) if isinstance(found, dict) else BadRow(number, "not a JSON object")


def row_of(number: int, found: Mapping[str, Any]) -> Row:
    """The row that an object stands for, with the keys of KEYS."""
    known = {key: value for key, value in found.items() if value is not None}
    if unknown := sorted(known.keys() - KEYS):
        return BadRow(number, f"unknown key {excerpt(unknown[0])}")
    source_id, tags, withdrawn = known.get("source_id", ""), known.get("tags", []), known.get("withdrawn", False)
    if not isinstance(source_id, str):
        return BadRow(number, "source_id must be text")
    if not isinstance(tags, list) or not all(isinstance(each, str) for each in tags):
        return BadRow(number, "tags must be a list of texts")
    if not isinstance(withdrawn, bool):
        return BadRow(number, "withdrawn must be true or false")
    if "value" not in known and withdrawn and source_id and can_be_written(source_id):
        return WithdrawnSource(number, source_id)
    if "value" not in known:
        return BadRow(number, "there is no value")
    texts = (known["value"], known.get("type"), known.get("reason"), source_id, *tags)
    if not all(can_be_written(each) for each in texts if isinstance(each, str)):
        return BadRow(number, "text with half a surrogate pair")
    return HashRow(
        number,
        known["value"],
        known.get("type", ""),
        known.get("quality"),
        known.get("reason", ""),
        source_id,
        tuple(tags),
        withdrawn,
    )
