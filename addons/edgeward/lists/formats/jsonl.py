"""JSON lines: one object a line."""

import json
from collections.abc import Iterator

from edgeward.lists.formats import COLUMNS, Row


def jsonl_rows(text: str) -> Iterator[Row]:
    """The objects, without keys that are null. Empty lines are skipped."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield number, "not JSON"
            continue
        if not isinstance(row, dict):
            yield number, "not a JSON object"
        elif unknown := sorted(row.keys() - set(COLUMNS)):
            yield number, f"unknown key {unknown[0]}"
        else:
            yield number, {name: value for name, value in row.items() if value is not None}
