"""Entries as lines of files: what `edgeward import` reads, and spreadsheets and other tools.

jsonl  one object a line, with all that an import reads: value, type, quality, reason, source_id, tags. Exact.
csv    the same columns (RFC 4180), tags separated by ";". A cell that a spreadsheet would take for a formula begins
       with an apostrophe.
text   TYPE:HEX, and the quality where there is one
"""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from edgeward.types import Entry

COLUMNS = ("type", "value", "quality", "reason", "source_id", "tags")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""What a cell begins with that a spreadsheet calculates, or that stands for such a one."""


class ExportFormat(NamedTuple):
    """A format of exported files. `header`: the first line, "" for none; `line`: that of an entry. With their ends."""

    media_type: str
    header: str
    line: Callable[[Entry], str]


def _jsonl(entry: Entry) -> str:
    signal = entry.signal
    values: dict[str, Any] = {"value": signal.value, "type": signal.type, "quality": signal.quality}
    values |= {"reason": entry.reason, "source_id": entry.source_id, "tags": entry.tags}
    given = {name: value for name, value in values.items() if value not in (None, "", ())}
    return json.dumps(given, separators=(",", ":")) + "\n"


def _csv(entry: Entry) -> str:
    signal, quality = entry.signal, entry.signal.quality
    texts = entry.reason, entry.source_id, ";".join(entry.tags)
    return _row([signal.type, signal.value, "" if quality is None else str(quality), *map(_no_formula, texts)])


def _no_formula(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _row(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def _text(entry: Entry) -> str:
    signal = entry.signal
    return f"{signal.type}:{signal.value}{'' if signal.quality is None else f' quality {signal.quality}'}\n"


EXPORT_FORMATS: Mapping[str, ExportFormat] = {
    "jsonl": ExportFormat("application/jsonl", "", _jsonl),
    "csv": ExportFormat("text/csv", _row(list(COLUMNS)), _csv),
    "text": ExportFormat("text/plain", "", _text),
}
