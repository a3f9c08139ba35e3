"""The requests in progress, in a file: when a worker is killed, the next worker repeats them.

Nothing is synced to disk: what a process has written outlives the process, though not a power failure.
"""

import fcntl
import hashlib
import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

logger = logging.getLogger(__name__)

COMPACT_BYTES = 4 * 1024 * 1024
"""A file that has grown by this much is rewritten with the requests that are still under way."""
_RECORD = Struct(">QI")
"""Number and length of a request that begins, whose bytes follow; length 0: the request has ended."""


class Journal:
    """One worker's file in `directory`, locked while the worker lives. `upstream`: only workers of the same upstream
    take over each other's files.

    Raises:
        OSError: the directory can't be made or written.
    """

    def __init__(self, directory: Path, upstream: str) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        prefix = hashlib.sha256(upstream.encode()).hexdigest()[:8]
        self._file_pattern = f"{prefix}-*.requests"
        self.path = directory / f"{prefix}-{os.getpid()}-{secrets.token_hex(3)}.requests"
        self._file = _open_locked(self.path, os.O_CREAT | os.O_EXCL)
        self._requests: dict[int, bytes] = {}
        self._number = self._written = 0
        self._compact_at = COMPACT_BYTES
        self._write_failed = False

    def begin(self, request: bytes) -> int:
        """Record a request; returns its number."""
        self._number += 1
        self._requests[self._number] = request
        self._write(_RECORD.pack(self._number, len(request)) + request)
        return self._number

    def end(self, number: int) -> None:
        """The request is done."""
        if self._requests.pop(number, None) is None:
            return
        self._write(_RECORD.pack(number, 0))
        if self._written > self._compact_at:
            self._compact()

    def __getitem__(self, number: int) -> bytes:
        """A request under way. KeyError: it has ended."""
        return self._requests[number]

    def __contains__(self, number: int) -> bool:
        return number in self._requests

    def __len__(self) -> int:
        return len(self._requests)

    def take_over(self) -> list[int]:
        """Take over the requests of dead workers; returns their numbers here."""
        numbers: list[int] = []
        for path in self.path.parent.glob(self._file_pattern):
            if path != self.path:
                numbers += self._take_over_file(path)
        return numbers

    def _take_over_file(self, path: Path) -> list[int]:
        try:
            file = os.open(path, os.O_RDWR)
        except FileNotFoundError:  # another worker took it over
            return []
        try:
            _lock(file)
            numbers = [self.begin(request) for request in _unfinished(path.read_bytes())]
            path.unlink()
        except (BlockingIOError, FileNotFoundError):  # its worker is alive, or another one took it over
            return []
        finally:
            os.close(file)
        return numbers

    def close(self) -> None:
        """Requests still under way stay in the file, for the next worker."""
        if not self._requests:
            self.path.unlink(missing_ok=True)
        os.close(self._file)

    def _write(self, record: bytes) -> None:
        try:
            os.write(self._file, record)
            self._written += len(record)
            self._write_failed = False
        except OSError as error:
            # A full disk must not stop traffic. It is logged once, not for each request.
            if not self._write_failed:
                logger.error("requests in progress can't be recorded: %s", error.strerror)
            self._write_failed = True

    def _compact(self) -> None:
        """Rewrite the file. A kill in the middle leaves the old file, or the complete new one."""
        draft = self.path.with_suffix(".draft")
        data = b"".join(_RECORD.pack(number, len(each)) + each for number, each in self._requests.items())
        try:
            draft.write_bytes(data)
            file = _open_locked(draft, 0)
            draft.replace(self.path)
        except OSError:
            self._compact_at += COMPACT_BYTES
            return
        os.close(self._file)
        self._file, self._written = file, len(data)
        self._compact_at = COMPACT_BYTES + 2 * len(data)


def _open_locked(path: Path, flags: int) -> int:
    return _lock(os.open(path, os.O_RDWR | os.O_APPEND | flags, 0o600))


def _lock(file: int) -> int:
    """Lock the open file until this process ends, and return it. BlockingIOError: another process has locked it."""
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _unfinished(data: bytes) -> Iterator[bytes]:
    """The requests of a journal that have not ended. An incomplete last record is ignored."""
    requests: dict[int, bytes] = {}
    at = 0
    while at + _RECORD.size <= len(data):
        number, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if length:
            requests[number] = data[at : at + length]
        else:
            requests.pop(number, None)
        at += length
    yield from requests.values()
