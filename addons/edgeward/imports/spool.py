"""The spool: the rows of one file, each hash once, on disk. It takes little memory, however long the file is.

The last row of a hash decides: it is listed after all if a later row lists it, and withdrawn if a later row withdraws
it, or all that has its source id.
"""

import errno
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from edgeward.imports.temporary_files import no_disk_space, require_free_space
from edgeward.lists.formats import WithdrawnSource
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.matching.batches.packed_rows import Row
from edgeward.types import Signal, entry_id

CACHE_KIB = 64 * 1024
"""Memory for pages of the database."""
ROWS_PER_READ = 1000
ROWS_PER_WRITE = 250
ROWS_PER_LOOK = 50_000
"""After so many rows it is looked whether the disk has room."""

_SCHEMA = """
CREATE TABLE hashes (
  type TEXT, size INT, id BLOB, value BLOB, quality INT, reason TEXT, source_id TEXT, tags TEXT, withdrawn INT, row INT,
  conflicts INT, UNIQUE (type, size, id)
);
CREATE TABLE sources (source_id TEXT PRIMARY KEY, row INT) WITHOUT ROWID;
"""
_ADD_HASH = """
INSERT INTO hashes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
ON CONFLICT (type, size, id) DO UPDATE SET
  conflicts = conflicts + ((quality, reason, source_id, tags, withdrawn)
    IS NOT (excluded.quality, excluded.reason, excluded.source_id, excluded.tags, excluded.withdrawn)),
  quality = excluded.quality, reason = excluded.reason, source_id = excluded.source_id, tags = excluded.tags,
  withdrawn = excluded.withdrawn, row = excluded.row
"""
# `withdrawn` is 0 for what is to be listed, 1 for what is to be withdrawn, 2 for what the source lists already.
_FIND = "SELECT withdrawn FROM hashes WHERE type = ? AND size = ? AND id = ?"
_LEAVE_OUT = """
UPDATE hashes SET withdrawn = 2
WHERE type = ? AND size = ? AND id = ? AND withdrawn = 0 AND ? NOT IN (SELECT source_id FROM sources)
"""
_ADD_MISSING = "INSERT INTO hashes VALUES (?, ?, ?, ?, NULL, '', '', '', 1, 0, 0)"
_ADD_SOURCE = "INSERT INTO sources VALUES (?, ?) ON CONFLICT (source_id) DO UPDATE SET row = excluded.row"
_WITHDRAW_SOURCES = """
UPDATE hashes SET withdrawn = 1
WHERE source_id <> '' AND row < (SELECT row FROM sources WHERE sources.source_id = hashes.source_id)
"""


class SpoolCounts(NamedTuple):
    """What a file holds: hashes to be listed, as parts: signal type, bytes of a value, and how many; how many are to
    be withdrawn; source ids of which all is withdrawn; rows that repeat an earlier one, and how many of those say
    something else than it. `masked`: how many entries are listed, and taken off, by masks (row_masks.py) besides."""

    parts: Sequence[tuple[str, int, int]]
    withdrawn: int
    sources: int
    repeated: int
    conflicting: int
    masked: tuple[int, int] = 0, 0

    @property
    def total(self) -> int:
        return sum(number for _, _, number in self.parts) + self.masked[0]

    @property
    def off(self) -> int:
        """How many hashes are withdrawn or taken off."""
        return self.withdrawn + self.masked[1]

    @property
    def by_type(self) -> dict[str, int]:
        return {signal_type: number for signal_type, _, number in self.parts}


class ListedHash(NamedTuple):
    """A hash that a source has on the list. `alone`: nobody else lists it. `source_id`: that of its entry."""

    signal: Signal
    alone: bool
    source_id: str = ""


class Compared(NamedTuple):
    """Of hashes that a source has on the list: those that its file has too, those to be withdrawn, and those that stay
    since others list them."""

    known: int
    missing: int
    kept: int


class Spool:
    """The rows of a file, in a database of its own. Only one thread may use it at a time.

    Args:
        directory: where its file is; the file has no name. None: in memory, for a small file of hashes.
        list_name: the list that the file is for.

    Every method raises NoDiskSpace if the disk is full or can't be written.
    """

    def __init__(self, directory: Path | None, list_name: str) -> None:
        self._directory, self._list_name = directory, list_name
        self._rows, self._source_rows = 0, 0
        # By type, the bytes of a value: all values of a type are of one length.
        self._sizes: dict[str, int] = {}
        self._hashes: list[tuple[object, ...]] = []
        with self._disk_errors():
            self._database = _opened(":memory:") if directory is None else _without_name(directory)

    def close(self) -> None:
        """Drop everything."""
        self._database.close()

    def add(self, row: ParsedHash | WithdrawnSource) -> None:
        """Add the next row of the file."""
        self._rows += 1
        if isinstance(row, WithdrawnSource):
            self._source_rows += 1
            with self._disk_errors():
                self._database.execute(_ADD_SOURCE, (row.source_id, self._rows))
            return
        signal = row.signal
        value = bytes.fromhex(signal.value)
        self._sizes[signal.type] = len(value)
        key = signal.type, len(value), self._id(signal)
        tags = json.dumps(row.tags) if row.tags else ""
        self._hashes.append((*key, value, signal.quality, row.reason, row.source_id, tags, row.withdrawn, self._rows))
        if len(self._hashes) >= ROWS_PER_WRITE:
            self._flush()

    def _id(self, signal: Signal) -> bytes:
        """The id of the entry, which orders the rows of a batch."""
        return bytes.fromhex(entry_id(self._list_name, signal))

    def _flush(self) -> None:
        with self._disk_errors():
            self._database.executemany(_ADD_HASH, self._hashes)
            self._hashes.clear()
            if self._directory and self._rows % ROWS_PER_LOOK < ROWS_PER_WRITE:
                require_free_space(self._directory)

    def finish(self) -> SpoolCounts:
        """All rows are added: decide on each hash, and count."""
        self._flush()
        with self._disk_errors():
            (sources,) = self._database.execute("SELECT count(*) FROM sources").fetchone()
            if sources:
                self._database.execute(_WITHDRAW_SOURCES)
        return self.count()

    def count(self) -> SpoolCounts:
        """Count again, after `compare`."""
        with self._disk_errors():
            (sources,) = self._database.execute("SELECT count(*) FROM sources").fetchone()
            # One pass, without sorting.
            of_types = "".join(f", total(type = '{each}' AND NOT withdrawn)" for each in sorted(self._sizes))
            count, conflicting, withdrawn, *listed = map(
                int,
                self._database.execute(
                    "SELECT total(row > 0), total(conflicts), "  # noqa: S608
                    f"total(withdrawn = 1){of_types} FROM hashes"
                ).fetchone(),
            )
        sizes = sorted(self._sizes.items())
        parts = [(*of_type, number) for of_type, number in zip(sizes, listed, strict=True) if number]
        return SpoolCounts(parts, withdrawn, sources, self._rows - self._source_rows - count, conflicting)

    def compare(self, listed: Sequence[ListedHash], is_whole: bool) -> Compared:
        """Leave out what a source has on the list already. If the file is its whole list, what is missing is to be
        withdrawn. A hash may be given twice.

        One whose entry has an id that the file withdraws stays: the withdrawal would take it off the list.
        """
        known = missing = kept = 0
        with self._disk_errors():
            for signal, alone, source_id in listed:
                value = bytes.fromhex(signal.value)
                key = signal.type, len(value), self._id(signal)
                found = self._database.execute(_FIND, key).fetchone()
                if found is not None:
                    known += not found[0]
                    self._database.execute(_LEAVE_OUT, (*key, source_id))
                elif is_whole and alone:
                    missing += 1
                    self._database.execute(_ADD_MISSING, (*key, value))
                else:
                    kept += is_whole
        return Compared(known, missing, kept)

    def hashes(self) -> Iterator[ParsedHash]:
        """What is to be listed, in the order in which the file named it first."""
        for signal_type, value, quality, reason, source_id, tags in self._read(
            "SELECT rowid, type, value, quality, reason, source_id, tags FROM hashes "
            "WHERE rowid > ? AND NOT withdrawn ORDER BY rowid"
        ):
            signal = Signal(signal_type, value.hex(), quality)
            yield ParsedHash(signal, reason, source_id, tuple(json.loads(tags)) if tags else ())

    def rows(self, signal_type: str, size: int) -> Iterator[Row]:
        """What is to be listed of one type and length, in the order of the ids of the entries."""
        last = b""
        while True:
            with self._disk_errors():
                found = self._database.execute(
                    "SELECT id, value, quality, reason, source_id, tags, withdrawn FROM hashes "
                    "WHERE type = ? AND size = ? AND id > ? ORDER BY id LIMIT ?",
                    (signal_type, size, last, ROWS_PER_READ),
                ).fetchall()
            for _, value, quality, reason, source_id, tags, withdrawn in found:
                if not withdrawn:
                    yield Row(value, quality, reason, source_id, tuple(json.loads(tags)) if tags else ())
            if len(found) < ROWS_PER_READ:
                return
            last = found[-1][0]

    def withdrawn(self) -> Iterator[Signal]:
        """What is to be taken off the list."""
        for signal_type, value in self._read(
            "SELECT rowid, type, value FROM hashes WHERE rowid > ? AND withdrawn = 1 ORDER BY rowid"
        ):
            yield Signal(signal_type, value.hex())

    def has(self, signal: Signal) -> bool:
        """Whether the file lists or withdraws this hash."""
        key = signal.type, len(signal.value) // 2, self._id(signal)
        with self._disk_errors():
            found = self._database.execute(
                "SELECT 1 FROM hashes WHERE type = ? AND size = ? AND id = ?", key
            ).fetchone()
        return found is not None

    def sources(self) -> Iterator[str]:
        """The source ids of which everything is to be taken off the list."""
        last = ""
        while True:
            with self._disk_errors():
                found = self._database.execute(
                    "SELECT source_id FROM sources WHERE source_id > ? ORDER BY source_id LIMIT ?",
                    (last, ROWS_PER_READ),
                ).fetchall()
            yield from (source for (source,) in found)
            if len(found) < ROWS_PER_READ:
                return
            (last,) = found[-1]

    def _read(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, some at a time, without their number, which the query names first."""
        last = 0
        while True:
            with self._disk_errors():
                found = self._database.execute(f"{query} LIMIT {ROWS_PER_READ}", (last,)).fetchall()
            yield from (row[1:] for row in found)
            if len(found) < ROWS_PER_READ:
                return
            last = found[-1][0]

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Errors of the disk in our words."""
        try:
            yield
        except OSError as error:
            raise no_disk_space(self._directory or Path(), error) from None
        except sqlite3.OperationalError as error:
            code = errno.ENOSPC if error.sqlite_errorcode == sqlite3.SQLITE_FULL else errno.EIO
            raise no_disk_space(self._directory or Path(), OSError(code, os.strerror(code))) from None


def _without_name(directory: Path) -> sqlite3.Connection:
    """A database in a file that loses its name at once. It is open by then, and is written to as soon as that."""
    require_free_space(directory)
    handle, name = tempfile.mkstemp(dir=directory, prefix=".import-")
    try:
        os.close(handle)
        return _opened(name)
    finally:
        Path(name).unlink()


def _opened(name: str) -> sqlite3.Connection:
    """An empty database. Nothing of it is read after a crash, so it has no journal."""
    database = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
    database.executescript(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; "
        f"PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{CACHE_KIB}; {_SCHEMA} BEGIN;"
    )
    return database
