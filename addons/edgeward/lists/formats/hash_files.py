"""Reads a file of hashes of any format. What is wrong with a line is reported with its number."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from edgeward.errors import BadSignal, UserError
from edgeward.hashing.signals import validate
from edgeward.lists.formats import Row
from edgeward.lists.formats.csv import csv_rows
from edgeward.lists.formats.jsonl import jsonl_rows
from edgeward.lists.formats.text import text_rows
from edgeward.types import MIN_PDQ_QUALITY, TYPES_WITH_QUALITY, Signal

type Format = Literal["text", "csv", "jsonl"]

_ROWS: Mapping[Format, Callable[[str], Iterator[Row]]] = {"text": text_rows, "csv": csv_rows, "jsonl": jsonl_rows}

MAX_REASON = 2000
"""Characters of a reason."""
BAD_LINES_NAMED = 100
"""Bad lines that an error message names."""


class ParsedHash(NamedTuple):
    """A signal to list. `reason` is "" if the line has none of its own."""

    signal: Signal
    reason: str = ""


class BadLine(NamedTuple):
    """The number of a line that can't be listed, from 1, and what is wrong with it."""

    number: int
    why: str


class BadLines(UserError):
    """Some lines can't be listed."""

    def __init__(self, bad: list[BadLine]) -> None:
        lines = [f"line {each.number}: {each.why}" for each in bad[:BAD_LINES_NAMED]]
        noun = "line" if len(bad) == 1 else "lines"
        more = [f"and {len(bad) - BAD_LINES_NAMED} more"] if len(bad) > BAD_LINES_NAMED else []
        super().__init__("\n".join([f"{len(bad)} bad {noun}, nothing was imported:", *lines, *more]))


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What a file holds.

    Attributes:
        listed: each signal once, in the order of the file.
        bad: the lines that can't be listed.
        repeated: how many lines repeat a signal of an earlier line.
    """

    listed: list[ParsedHash]
    bad: list[BadLine]
    repeated: int


def read(
    body: bytes,
    file_format: Format,
    signal_type: str | None = None,
    quality: int | None = None,
    min_quality: int = MIN_PDQ_QUALITY,
) -> ParsedFile:
    """Read the hashes of a file.

    Args:
        body: UTF-8, with or without a byte order mark.
        signal_type: of lines that do not say it.
        quality: of PDQ hashes whose lines do not say it.
        min_quality: a line with a PDQ hash of less is bad: it would never match.

    Raises:
        UserError: it is not UTF-8, or a CSV without the header. (Single bad lines are in `bad` of the result.)
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"the file is not UTF-8 text: byte {error.start} can't be read") from None
    found: dict[tuple[str, str], ParsedHash] = {}
    bad: list[BadLine] = []
    count = 0
    for number, row in _ROWS[file_format](text):
        if isinstance(row, str):
            bad.append(BadLine(number, row))
            continue
        try:
            parsed = _parse(row, signal_type, quality, min_quality)
        except BadSignal as error:
            bad.append(BadLine(number, str(error)))
            continue
        count += 1
        found.setdefault((parsed.signal.type, parsed.signal.value), parsed)
    return ParsedFile(list(found.values()), bad, count - len(found))


def _parse(row: Mapping[str, object], default_type: str | None, quality: int | None, min_quality: int) -> ParsedHash:
    """Raises BadSignal, which says what is wrong with the row."""
    signal_type, value, reason = row.get("type", default_type), row.get("value"), row.get("reason", "")
    if not isinstance(value, str) or not isinstance(reason, str):
        raise BadSignal("there is no value" if value is None else "value and reason must be text")
    if not isinstance(signal_type, str):
        raise BadSignal(f"{value!r} has no type: give TYPE:HEX, or a type for all lines")
    if len(reason) > MAX_REASON:
        raise BadSignal(f"the reason has more than {MAX_REASON} characters")
    own_quality = _quality(row.get("quality"))
    # The quality given for all is meant for those types that have one; the row's own must be right.
    has_quality = signal_type.strip().lower() in TYPES_WITH_QUALITY
    given_quality = quality if has_quality else None
    signal = validate(Signal(signal_type, value, given_quality if own_quality is None else own_quality))
    if signal.quality is not None and signal.quality < min_quality:
        raise BadSignal(
            f"{signal.type}:{signal.value} has quality {signal.quality}: below {min_quality} it never matches"
        )
    return ParsedHash(signal, reason)


def _quality(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    # No quality has ten digits, and int() raises ValueError for thousands of them.
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
        return int(value)
    raise BadSignal(f"{value!r} is not a quality")
