"""What commands print: the JSON of the API, or aligned tables with times in ISO 8601, UTC."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

EMPTY_CELL = "-"


def print_json(value: object) -> None:
    """Print a value as indented JSON, in ASCII: valid in every locale, whatever bytes a URL or a file name holds."""
    print(json.dumps(value, indent=2))


def print_json_line(value: object) -> None:
    """Print a value as JSON on one line, at once: for output that goes on."""
    print(json.dumps(value), flush=True)


def print_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table with aligned columns. None and "" become "-"; a table without rows is printed as "none"."""
    cells = [[printable(value) for value in row] for row in rows]
    if not cells:
        print("none")
        return
    lines = [[title.upper() for title in titles], *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    for line in lines:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def print_fields(fields: Sequence[tuple[str, object]]) -> None:
    """Print (name, value) pairs, one per line, with aligned values."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        print(f"{name.ljust(width)}  {printable(value)}")


def print_note(text: str) -> None:
    """Print a message to standard error, so that standard output holds results only."""
    print(f"edgeward: {text}", file=sys.stderr)


def print_not_matching(answer: Mapping[str, Any]) -> None:
    """Warn of the hashes in an answer of the API that match nothing. The list looks as if they did."""
    for each in answer.get("not_matching", ()):
        print_note(f"warning: {each['text']}")


def iso_time(seconds: float | None) -> str:
    """Unix seconds as ISO 8601 with milliseconds: 2026-01-31T12:00:00.000Z."""
    if not seconds:
        return EMPTY_CELL
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def printable(value: object) -> str:
    """A value as one line of printable text: text from the network must not control the terminal."""
    if value is None or value == "":
        return EMPTY_CELL
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))
