"""Plain files of hashes: text, CSV or JSON lines, read line by line. What is wrong with a line is said with its number.

text   TYPE:HEX, or HEX where a type is given; empty lines and those that begin with # are passed over
csv    a header with `type` and `value`, and `quality` and `reason` where known (RFC 4180)
jsonl  one object a line with the same keys
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from edgeward.errors import BadSignal, UserError
from edgeward.hashing.signals import validate
from edgeward.types import MIN_PDQ_QUALITY, RATED, Signal

type Format = Literal["text", "csv", "jsonl"]

COLUMNS = ("type", "value", "quality", "reason")
MAX_REASON = 2000
SHOWN = 100
"""Bad lines that a message names."""


class Listed(NamedTuple):
    """A signal to list. `reason` is "" where the line has none of its own."""

    signal: Signal
    reason: str = ""


class BadLine(NamedTuple):
    number: int
    why: str


class BadLines(UserError):
    """Some lines can't be listed."""

    def __init__(self, bad: list[BadLine]) -> None:
        lines = [f"line {each.number}: {each.why}" for each in bad[:SHOWN]]
        more = [f"and {len(bad) - SHOWN} more"] if len(bad) > SHOWN else []
        super().__init__("\n".join([f"{len(bad)} bad lines, so that nothing was imported:", *lines, *more]))


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds: each signal once, and the lines that hold none."""

    listed: list[Listed]
    bad: list[BadLine]
    repeated: int


def read(
    body: bytes,
    kind: Format,
    signal_type: str | None = None,
    quality: int | None = None,
    min_quality: int = MIN_PDQ_QUALITY,
) -> Read:
    """The hashes of a file.

    Args:
        signal_type: of lines that do not say it.
        quality: of PDQ hashes whose lines do not say it.
        min_quality: a PDQ hash of less is wrong, as it would never match.

    Raises:
        UserError: it is no UTF-8, or a CSV without the header. (A single line that is wrong is in `bad`.)
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"the file is no UTF-8 text: byte {error.start} can't be read") from None
    found: dict[tuple[str, str], Listed] = {}
    bad: list[BadLine] = []
    count = 0
    for number, row in _ROWS[kind](text):
        if isinstance(row, str):
            bad.append(BadLine(number, row))
            continue
        try:
            listed = _listed(row, signal_type, quality, min_quality)
        except BadSignal as error:
            bad.append(BadLine(number, str(error)))
            continue
        count += 1
        found.setdefault((listed.signal.type, listed.signal.value), listed)
    return Read(list(found.values()), bad, count - len(found))


type _Row = tuple[int, Mapping[str, object] | str]
"""Number of a line, and its columns, or why it has none."""


def _text(text: str) -> Iterator[_Row]:
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        if line and not line.startswith("#"):
            signal_type, colon, value = line.rpartition(":")
            yield number, {"type": signal_type, "value": value} if colon else {"value": line}


def _csv(text: str) -> Iterator[_Row]:
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
        # What follows an unclosed quote can't be told apart into lines.
        yield reader.line_num, f"no CSV: {error}"


def _jsonl(text: str) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield number, "no JSON"
            continue
        if not isinstance(row, dict):
            yield number, "no JSON object"
        elif unknown := sorted(row.keys() - set(COLUMNS)):
            yield number, f"unknown key {unknown[0]}"
        else:
            yield number, {name: value for name, value in row.items() if value is not None}


_ROWS: Mapping[Format, Callable[[str], Iterator[_Row]]] = {"text": _text, "csv": _csv, "jsonl": _jsonl}


def _listed(row: Mapping[str, object], signal_type: str | None, quality: int | None, min_quality: int) -> Listed:
    """Raises BadSignal, which says what is wrong with the row."""
    kind, value, reason = row.get("type", signal_type), row.get("value"), row.get("reason", "")
    if not isinstance(value, str) or not isinstance(reason, str):
        raise BadSignal("there is no value" if value is None else "value and reason must be text")
    if not isinstance(kind, str):
        raise BadSignal(f"{value!r} has no type, and none is given for all")
    if len(reason) > MAX_REASON:
        raise BadSignal(f"a reason of more than {MAX_REASON} characters")
    own = _quality(row.get("quality"))
    is_rated = kind.strip().lower() in RATED
    signal = validate(Signal(kind, value, own if own is not None else quality if is_rated else None))
    if signal.quality is not None and signal.quality < min_quality:
        raise BadSignal(
            f"{signal.type}:{signal.value} has quality {signal.quality}: below {min_quality} it never matches"
        )
    return Listed(signal, reason)


def _quality(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
        return int(value)
    raise BadSignal(f"{value!r} is no quality")
