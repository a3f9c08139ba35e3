"""Reads a file of hashes of any format, as a stream. What is wrong with a row is reported with its number."""

import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from edgeward.errors import BadSignal, UserError
from edgeward.hashing.signal_registry import listable_types
from edgeward.hashing.signals import types_of_length, validate
from edgeward.lists.formats import HEAD_BYTES, BadRow, FileFormat, HashRow, LeftOut, ReadOptions, WithdrawnSource
from edgeward.lists.formats import compression as compressed_files
from edgeward.lists.formats.encodings import as_utf8, byte_order_mark, head_as_utf8
from edgeward.lists.formats.piece_stream import pieces_of, stream_of
from edgeward.lists.formats.table import FORMATS, recognize
from edgeward.lists.formats.type_names import other_kind, signal_type_named
from edgeward.lists.formats.unknown_files import binary_kind, text_kind
from edgeward.quantities import counted, excerpt
from edgeward.types import MIN_PDQ_QUALITY, TYPES_WITH_QUALITY, Signal

type Format = str
"""A name of table.FORMATS."""

MAX_REASON = 2000
"""Characters of a reason."""
MAX_SOURCE_ID = 200
"""Characters of the id that a programme gave."""
_LONG_SOURCE_ID = f"the source's id has more than {MAX_SOURCE_ID} characters"
MAX_TAGS, MAX_TAG = 100, 200
"""Tags of one hash, and characters of one tag."""
BAD_LINES_NAMED = 100
"""Bad lines that an error message names."""


class OpenedFile(NamedTuple):
    """A file of hashes.

    Attributes:
        stream: its content, decompressed, without a byte order mark; in UTF-8, or XML that says its encoding.
        head: the first HEAD_BYTES of the content, in UTF-8. The stream has them too.
        compression: what was undone: "gzip", "zstd", "zip" or "".
    """

    stream: BinaryIO
    head: bytes
    compression: str


class ParsedHash(NamedTuple):
    """A signal to list, or to remove from the list if `withdrawn`. `reason` is "" if the row has none of its own."""

    signal: Signal
    reason: str = ""
    source_id: str = ""
    tags: tuple[str, ...] = ()
    withdrawn: bool = False


BadLine = BadRow
"""What is wrong with a row, in answers and messages that say "line"."""

type ParsedRow = ParsedHash | BadRow | LeftOut | WithdrawnSource


class BadLines(UserError):
    """Some rows can't be listed. `count`: how many, if `bad` are not all. `unit`: what their number counts."""

    def __init__(self, bad: Sequence[BadLine], count: int = 0, unit: str = "line") -> None:
        total = max(count, len(bad))
        lines = [f"{unit} {each.number}: {each.why}" for each in bad[:BAD_LINES_NAMED]]
        more = [f"and {total - BAD_LINES_NAMED} more"] if total > BAD_LINES_NAMED else []
        super().__init__("\n".join([f"{counted(total, f'bad {unit}')}, nothing was imported:", *lines, *more]))


def open_file(stream: BinaryIO, max_bytes: int = compressed_files.MAX_UNPACKED_BYTES) -> OpenedFile:
    """The content of a file that is compressed or not, in any Unicode encoding with a byte order mark.

    Args:
        stream: at its beginning; it must be seekable for zip.
        max_bytes: of the decompressed content of a compressed file.

    Raises:
        UserError: it is compressed twice. What else is wrong is raised here or while the stream is read.
    """
    magic = stream.read(compressed_files.MAGIC_BYTES)
    source = _unread(magic, stream)
    if compression := compressed_files.compression_of(magic):
        source = stream_of(compressed_files.decompressed(source, compression, max_bytes))
    first = source.read(HEAD_BYTES)
    if compression and (inner := compressed_files.compression_of(first)):
        raise UserError(f"there is a {inner} file in the {compression} file: decompress it first")
    mark, encoding = byte_order_mark(first)
    pieces = itertools.chain((first[len(mark) :],), pieces_of(source))
    if encoding == "utf-8":
        return OpenedFile(stream_of(pieces), first[len(mark) :], compression)
    head = head_as_utf8(first[len(mark) :], encoding)[:HEAD_BYTES]
    if head.lstrip().startswith(b"<"):
        # XML says its encoding itself: its parser reads it with the mark.
        return OpenedFile(stream_of(itertools.chain((first,), pieces_of(source))), head, compression)
    return OpenedFile(stream_of(as_utf8(pieces, encoding)), head, compression)


def format_of(head: bytes, name: str = "") -> FileFormat:
    """The format of a file, by its name, or recognised by the first bytes of its content.

    Raises:
        UserError: there is no such format, the file is not text, or its format is not recognised.
    """
    known = ", ".join(FORMATS)
    if name and name not in FORMATS:
        raise UserError(f"unknown format {excerpt(name)!r}; known: {known}")
    if what := binary_kind(head):
        raise UserError(f"the file is not a file of hashes: it looks like {what}")
    found = FORMATS[name] if name else recognize(head)
    if found is None:
        raise UserError(f"the format is not recognised: this looks like {text_kind(head)}; known formats: {known}")
    return found


def read_rows(
    stream: BinaryIO,
    file_format: FileFormat,
    options: ReadOptions | None = None,
    signal_type: str | None = None,
    quality: int | None = None,
    min_quality: int = MIN_PDQ_QUALITY,
) -> Iterator[ParsedRow]:
    """The rows of an opened file as they are read. Nothing of them is kept.

    Types may be named as others write them; rows of types that are known and can't be listed are left out.

    Args:
        stream: that of `open_file`.
        signal_type: of rows that do not say it. Without it the length of the hash decides where one type has it.
        quality: of PDQ hashes whose rows do not say it.
        min_quality: a row with a PDQ hash of less is bad: it would never match.

    Raises:
        UserError: the file can't be read on. What was read of it must not be imported.
    """
    for row in file_format.rows(stream, options or ReadOptions()):
        if not isinstance(row, HashRow):
            too_long = isinstance(row, WithdrawnSource) and len(row.source_id) > MAX_SOURCE_ID
            yield BadRow(row.number, _LONG_SOURCE_ID) if too_long else row
            continue
        if isinstance(row.type, str) and row.type not in listable_types() and (kind := other_kind(row.type)):
            yield LeftOut(row.number, kind)
            continue
        try:
            yield _parse(row, signal_type, quality, min_quality)
        except BadSignal as error:
            yield BadRow(row.number, str(error))


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
    """The hashes of a file that only adds. The arguments are those of `read_rows`.

    Raises:
        UserError: it can't be read, or it withdraws hashes. (Single bad lines are in `bad` of the result.)
    """
    opened = open_file(io.BytesIO(body))
    known = format_of(opened.head, file_format)
    found: dict[tuple[str, str], ParsedHash] = {}
    bad: list[BadLine] = []
    count = 0
    for row in read_rows(opened.stream, known, None, signal_type, quality, min_quality):
        if isinstance(row, BadRow):
            bad.append(row)
        elif isinstance(row, WithdrawnSource) or (isinstance(row, ParsedHash) and row.withdrawn):
            raise UserError("the file withdraws hashes: only additions can be imported")
        elif isinstance(row, ParsedHash):
            count += 1
            found.setdefault((row.signal.type, row.signal.value), row)
    return ParsedFile(list(found.values()), bad, count - len(found))


def _unread(first: bytes, stream: BinaryIO) -> BinaryIO:
    """The stream from where it was before `first` was read. A pipe can't be set back: it gets a new stream."""
    if stream.seekable():
        stream.seek(-len(first), io.SEEK_CUR)
        return stream
    return stream_of(itertools.chain((first,), pieces_of(stream)))


def _parse(row: HashRow, default_type: str | None, quality: int | None, min_quality: int) -> ParsedHash:
    """Raises BadSignal, which says what is wrong with the row."""
    value, reason = row.value, row.reason
    if not isinstance(value, str) or not isinstance(reason, str) or not isinstance(row.type, str):
        raise BadSignal("value, type and reason must be text")
    if not value.strip():
        raise BadSignal("there is no value")
    signal_type = row.type or default_type or _type_by_length(value)
    if signal_type not in listable_types():
        signal_type = signal_type_named(signal_type) or signal_type
    if row.reason or row.source_id or row.tags:
        _check_lengths(row)
    own_quality = row.quality if row.quality is None else _quality(row.quality)
    if own_quality is None and quality is not None and signal_type.strip().lower() in TYPES_WITH_QUALITY:
        # The quality given for all is meant for those types that have one; the row's own must be right.
        own_quality = quality
    signal = validate(Signal(signal_type, value, own_quality))
    if signal.quality is not None and signal.quality < min_quality and not row.withdrawn:
        raise BadSignal(
            f"{signal.type}:{signal.value} has quality {signal.quality}: below {min_quality} it never matches"
        )
    return ParsedHash(signal, reason, row.source_id, row.tags, row.withdrawn)


def _type_by_length(value: str) -> str:
    """The one type whose values have this length in hexadecimal. Raises BadSignal if there is none, or more."""
    found = types_of_length(value)
    if len(found) == 1:
        return found[0]
    if found:
        raise BadSignal(f"{excerpt(value)!r} has no type, and may be {' or '.join(found)}: say which (--type)")
    raise BadSignal(f"{excerpt(value)!r} has no type: give TYPE:HEX, or a type for all lines")


def _check_lengths(row: HashRow) -> None:
    if len(str(row.reason)) > MAX_REASON:
        raise BadSignal(f"the reason has more than {MAX_REASON} characters")
    if len(row.source_id) > MAX_SOURCE_ID:
        raise BadSignal(_LONG_SOURCE_ID)
    if len(row.tags) > MAX_TAGS or any(len(tag) > MAX_TAG for tag in row.tags):
        raise BadSignal(f"there are more than {MAX_TAGS} tags, or one has more than {MAX_TAG} characters")


def _quality(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    # No quality has ten digits, and int() raises ValueError for thousands of them.
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
        return int(value)
    raise BadSignal(f"{excerpt(str(value))!r} is not a quality")
