"""Reads a file of hashes into a spool. It runs in a thread, and leaves the interpreter to the event loop often."""

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from edgeward.errors import UserError
from edgeward.imports.spool import Spool, SpoolCounts
from edgeward.lists.formats import HEAD_BYTES, BadRow, FileFormat, LeftOut, ReadOptions
from edgeward.lists.formats.hash_files import format_of, open_file, read_rows

MAX_BAD_KEPT = 1000
"""Bad rows that are named; all are counted."""
MAX_KINDS = 100
"""Kinds of what is left out that are counted apart."""
OTHER_KINDS = "other kinds"
ROWS_PER_TURN = 200
"""Rows that are read at a time, two or three milliseconds. Then the event loop gets the interpreter."""
PAUSE_SECONDS = 0.0001


class Abandoned(UserError):
    """The one who asked for the import is gone, or has cancelled it, before it was recorded."""


@dataclass(slots=True)
class Reading:
    """How far the reading of one file is, for whoever waits for it. Written by one thread at a time.

    Attributes:
        stage: "receiving", "reading", "comparing", "searching", "recording" or "done".
        done: of this stage: bytes received or read, hashes compared, searched for or recorded.
        total: of this stage; 0 if that is not known.
        cancelled: set to stop.
    """

    stage: str = "receiving"
    done: int = 0
    total: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)

    def begin(self, stage: str, total: int = 0) -> None:
        self.stage, self.done, self.total = stage, 0, total

    def check(self) -> None:
        """Raises Abandoned."""
        if self.cancelled.is_set():
            raise Abandoned("the import was given up before it was recorded: nothing was imported")


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """How a file is to be read.

    Attributes:
        format: its name, or "" to recognise it.
        signal_type: of rows that do not say it.
        quality: of hashes that can have one, and whose rows do not say it.
        min_quality: a row with a PDQ hash of less is bad.
    """

    format: str = ""
    options: ReadOptions = field(default_factory=ReadOptions)
    signal_type: str | None = None
    quality: int | None = None
    min_quality: int = 0


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What a file holds. Its hashes are in the spool.

    Attributes:
        bad: the first MAX_BAD_KEPT rows that can't be listed; `bad_count` is how many there are.
        left_out: how many hashes or records were left out, by kind.
        columns: which columns were read and which passed over, for people; "" if the format has none.
    """

    file_format: FileFormat
    compression: str
    counts: SpoolCounts
    bad: Sequence[BadRow]
    bad_count: int
    left_out: Mapping[str, int]
    columns: str = ""


def _is_blank(head: bytes) -> bool:
    """Whether there are only empty lines and comments: the whole file, if it is short."""
    lines = map(bytes.strip, head.splitlines())
    return len(head) < HEAD_BYTES and all(not line or line.startswith(b"#") for line in lines)


def read_into(spool: Spool, file: BinaryIO, asked: ReadRequest, reading: Reading) -> ReadFile:
    """Read a whole file.

    Args:
        file: seekable, at its beginning.

    Raises:
        UserError: it can't be read, or is not a file of hashes.
        NoDiskSpace: the spool has no room.
        Abandoned: it was cancelled.
    """
    opened = open_file(file)
    # A file without any row is no error: its format does not matter.
    is_blank = _is_blank(opened.head)
    file_format = format_of(opened.head, asked.format or ("text" if is_blank else ""))
    describe = file_format.describe
    columns = describe(opened.head, asked.options) if describe and not is_blank else ""
    bad: list[BadRow] = []
    bad_count = 0
    left_out: Counter[str] = Counter()
    rows = read_rows(opened.stream, file_format, asked.options, asked.signal_type, asked.quality, asked.min_quality)
    for number, row in enumerate(rows):
        if number % ROWS_PER_TURN == 0:
            reading.check()
            reading.done = file.tell()
            time.sleep(PAUSE_SECONDS)
        if isinstance(row, BadRow):
            bad_count += 1
            if len(bad) < MAX_BAD_KEPT:
                bad.append(row)
        elif isinstance(row, LeftOut):
            left_out[row.what if row.what in left_out or len(left_out) < MAX_KINDS else OTHER_KINDS] += 1
        else:
            spool.add(row)
    return ReadFile(file_format, opened.compression, spool.finish(), bad, bad_count, left_out, columns)
