"""What commands print: JSON as the API gave it, or small aligned tables with times in ISO 8601, UTC."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

NONE = "-"


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns as wide as their widest cell. None and "" show as "-"; no rows at all as "none"."""
    cells = [[cell(value) for value in row] for row in rows]
    if not cells:
        print("none")
        return
    lines = [[title.upper() for title in titles], *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    for line in lines:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def print_fields(fields: Sequence[tuple[str, object]]) -> None:
    """Print one thing, a line for each of its properties."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        print(f"{name.ljust(width)}  {cell(value)}")


def note(text: str) -> None:
    """Tell the person at the terminal something that is no result."""
    print(f"edgeward: {text}", file=sys.stderr)


def moment(seconds: float | None) -> str:
    """Unix seconds as ISO 8601 with milliseconds: 2026-01-31T12:00:00.000Z."""
    if not seconds:
        return NONE
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cell(value: object) -> str:
    """One value as one line of printable text: what comes from the net must not steer a terminal."""
    if value is None or value == "":
        return NONE
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))
