"""The data of a batch in a file of their own: written once, then read by all processes of a machine.

This is where it is read who listed an entry, when and why: only if something matches it, so none of it is in memory.
It is SQLite, since that is in the standard library, one file holds all data of a batch, any number of processes can
read it at once, and a read takes a tenth of a millisecond. What is written never changes, so the file is opened as
immutable: no locks, no journal, no shared memory. SQLite has no checksums, so each value has one beside it.
"""

import errno
import os
import sqlite3
import threading
import weakref
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from edgeward.errors import DamagedSegment
from edgeward.matching.segments.segment_file import partial_path, sync_directory

FORMAT = 1
APPLICATION_ID = 0x45644277
PAGE_BYTES = 1 << 14
"""A bucket takes 10 to 100 KB."""
_READING_CACHE_KB, _WRITING_CACHE_KB = 128, 8192
_VALUES_PER_TRANSACTION = 1000
_CREATE = "CREATE TABLE data (name TEXT PRIMARY KEY, crc32 INTEGER NOT NULL, value BLOB NOT NULL)"


class BatchDatabase:
    """A file that is open for reading. Any thread may read; the file stays readable if it is removed."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            FileNotFoundError: there is none.
            DamagedSegment: it is no such file, or of another format.
        """
        self.path = path
        if not path.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        self._lock = threading.Lock()
        address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None)
        weakref.finalize(self, self._connection.close)
        self._run(f"PRAGMA cache_size = -{_READING_CACHE_KB}")
        if self._run("PRAGMA application_id") != (APPLICATION_ID,):
            raise DamagedSegment(f"{path}: it holds no batch")
        if (found := self._run("PRAGMA user_version")) != (FORMAT,):
            raise DamagedSegment(f"{path}: it has format {found[0] if found else 0}, this release reads {FORMAT}")

    def read(self, name: str) -> bytes:
        """The data of this name.

        Raises:
            DamagedSegment: the file is damaged, or has none.
        """
        row = self._run("SELECT crc32, value FROM data WHERE name = ?", name)
        if row is None:
            raise DamagedSegment(f"{self.path}: it has no {name}")
        checksum, value = row
        if not isinstance(value, bytes) or zlib.crc32(value) != checksum:
            raise DamagedSegment(f"{self.path}: {name} does not match its checksum")
        return value

    def _run(self, statement: str, *values: str) -> tuple[object, ...] | None:
        try:
            with self._lock:
                row: tuple[object, ...] | None = self._connection.execute(statement, values).fetchone()
        except sqlite3.DatabaseError as error:
            raise DamagedSegment(f"{self.path}: {error}") from None
        return row


class DatabaseWriter:
    """A file that is being written: `add` all data, then `finish`."""

    def __init__(self, path: Path) -> None:
        self._path, self._added = path, 0
        partial_path(path).unlink(missing_ok=True)
        with self._errors():
            self._connection = sqlite3.connect(partial_path(path), check_same_thread=False, isolation_level=None)
        partial_path(path).chmod(0o600)
        # Until the file has its name, nobody reads it: it needs no journal, and is flushed once, at the end.
        for setting in (
            *(f"page_size = {PAGE_BYTES}", "journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"),
            *(f"cache_size = -{_WRITING_CACHE_KB}", f"application_id = {APPLICATION_ID}", f"user_version = {FORMAT}"),
        ):
            self._run(f"PRAGMA {setting}")
        self._run(_CREATE)
        self._run("BEGIN")

    def add(self, name: str, value: bytes) -> None:
        """Write data under a name. Raises OSError: the disk is full, or the directory can't be written to."""
        self._run("INSERT INTO data VALUES (?, ?, ?)", name, zlib.crc32(value), value)
        self._added += 1
        if self._added % _VALUES_PER_TRANSACTION == 0:
            self._run("COMMIT")
            self._run("BEGIN")

    def finish(self) -> None:
        """Flush all to disk, and give the file its name. Nothing may be added after. Raises OSError."""
        self._run("COMMIT")
        self._connection.close()
        partial = partial_path(self._path)
        file = os.open(partial, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)
        partial.rename(self._path)
        sync_directory(self._path.parent)

    def close(self) -> None:
        """Remove what is not finished."""
        self._connection.close()
        partial_path(self._path).unlink(missing_ok=True)

    def _run(self, statement: str, *values: object) -> None:
        with self._errors():
            self._connection.execute(statement, values)

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
            raise OSError(errno.ENOSPC if full else errno.EIO, str(error), str(self._path)) from error


@contextmanager
def new_database(path: Path) -> Generator[DatabaseWriter]:
    """A writer for a file of this name. What is not finished is removed. Raises OSError."""
    writer = DatabaseWriter(path)
    try:
        yield writer
    finally:
        writer.close()
