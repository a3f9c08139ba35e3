"""The requests in progress, in a file: when a worker is killed, the next worker repeats them.

A request is overwritten with zeros as soon as it has ended. A mark says that somebody has seen the headers of its
response: a cache can't have stored a response that never began. Nothing is synced to disk: what a process has written
outlives the process, though not a power failure.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct

logger = logging.getLogger(__name__)

COMPACT_BYTES = 1024 * 1024
"""A file that has grown by this much is rewritten with the requests that are still under way."""
MAX_FILE_BYTES = 64 * 1024 * 1024
"""More is not written: those requests are known to this process alone. Also the most that is read of a file."""
MAX_MEMORY_BYTES = 64 * 1024 * 1024
"""Of requests that this process remembers; see `Journal.is_full`."""
REQUEST_BYTES = 500
"""What a request takes in memory beside its record, about."""
RETRY_SECONDS = 1.0
"""After a failure to write, such as a full disk, the file is written anew, at most once in this time."""
DRAFT_SECONDS = 60.0
"""A draft older than this, whose worker is dead, is deleted."""
MAX_ZEROS = 64 * 1024
_NO_FILE = -1
_RECORD = Struct(">QI")
"""Number and length of a request, whose bytes follow. Number 0: it has ended. (Length 0, as written by earlier
versions: the request of that number has ended.) Behind the last one there are only zeros."""
_UNANSWERED = 1 << 63
"""Added to the number while no headers of the response were seen. Earlier versions never add it: all that they have
written counts as answered, and they read it as a part of the number."""
_ANSWERED_BYTE = bytes(1)
"""Written over the first byte of a number, which has the bit _UNANSWERED and no other: no number is that large."""


class Journal:
    """One worker's file in `directory`, locked while the worker lives. `upstream`: only workers of the same upstream
    take over each other's files. Directory and files are readable by their owner alone.

    Attributes:
        taken_over: names of the journals whose requests are in this one by now. The caller clears it.

    A directory that can't be made or written, at the start too, is logged and tried again: traffic goes on without.
    """

    def __init__(self, directory: Path, upstream: str) -> None:
        self._prefix = hashlib.sha256(upstream.encode()).hexdigest()[:8]
        self.path = directory / f"{self._prefix}-{os.getpid()}-{secrets.token_hex(8)}.requests"
        self.taken_over: list[str] = []
        self._kept: set[Path] = set()
        self._requests: dict[int, bytes] = {}
        self._unanswered: set[int] = set()
        self._offsets: dict[int, int] = {}
        self._number = self._size = self._memory = 0
        self._compact_at = COMPACT_BYTES
        self._write_failed = False
        self._retry_at = 0.0
        self._file = _NO_FILE
        try:
            self._file = self._create(b"")
        except OSError as error:
            self._note_failure(error)

    @property
    def is_full(self) -> bool:
        """Whether the requests take more memory than they should: the caller decides which of them end."""
        return self._memory > MAX_MEMORY_BYTES

    @property
    def name(self) -> str:
        """Unique among all."""
        return self.path.stem

    def begin(self, request: bytes, *, answered: bool = False) -> int:
        """Record a request; returns its number. `answered`: headers of its response were seen."""
        self._number += 1
        self._requests[self._number] = request
        self._memory += len(request) + REQUEST_BYTES
        if not answered:
            self._unanswered.add(self._number)
        if not self._write_failed:
            self._append(self._number, request)
        elif time.monotonic() >= self._retry_at:
            # Everything is written again: some requests are missing in the file.
            self._compact()
        return self._number

    def answer(self, number: int) -> None:
        """Headers of its response were seen. To be called before anybody gets them."""
        if number not in self._unanswered:
            return
        self._unanswered.discard(number)
        if (offset := self._offsets.get(number)) is not None:
            try:
                self._write(offset, _ANSWERED_BYTE)
            except OSError as error:
                self._note_failure(error)

    def is_answered(self, number: int) -> bool:
        """Whether headers of the response were seen, or nobody knows: the request has ended, or an earlier version of
        Edgeward has recorded it."""
        return number not in self._unanswered

    def end(self, number: int) -> None:
        """The request is done: nothing of it stays in the file."""
        request = self._requests.pop(number, None)
        self._unanswered.discard(number)
        offset = self._offsets.pop(number, None)
        if request is not None:
            self._memory -= len(request) + REQUEST_BYTES
        if request is None or offset is None:
            return
        try:
            if not self._offsets:
                self._free_from(0)
            elif offset + _RECORD.size + len(request) == self._size:
                self._free_from(offset)
            else:
                self._write(offset, _RECORD.pack(0, len(request)) + bytes(len(request)))
        except OSError as error:
            self._note_failure(error)
        if self._size > self._compact_at:
            self._compact()

    def _free_from(self, offset: int) -> None:
        """Leave nothing of the file from here on. Zeros, where they are few: to cut a file takes longer."""
        if self._size - offset > MAX_ZEROS:
            self._truncate(offset)
        else:
            self._write(offset, bytes(self._size - offset))
            self._size = offset

    def __getitem__(self, number: int) -> bytes:
        """A request under way. KeyError: it has ended."""
        return self._requests[number]

    def __contains__(self, number: int) -> bool:
        return number in self._requests

    def __len__(self) -> int:
        return len(self._requests)

    def take_over(self, pack_again: Callable[[bytes], bytes] = bytes) -> list[int]:
        """Take over the requests of dead workers; returns their numbers here.

        Args:
            pack_again: makes the record of a request that is written here. It raises ValueError for a damaged one,
                which is dropped.
        """
        numbers: list[int] = []
        try:
            for path in self.path.parent.glob(f"{self._prefix}-*.requests"):
                if path != self.path and path not in self._kept:
                    numbers += self._take_over_file(path, pack_again)
            for path in self.path.parent.glob("*.draft"):
                _delete_abandoned(path)
        except OSError as error:
            logger.error("requests that dead workers had in progress can't be taken over: %s", error.strerror)
        return numbers

    def _take_over_file(self, path: Path, pack_again: Callable[[bytes], bytes]) -> list[int]:
        numbers: list[int] = []
        with _opened_by_us_alone(path) as file:
            if file is None:  # its worker is alive, or another one took it over
                return []
            for request, answered in _unfinished(os.pread(file, MAX_FILE_BYTES, 0)):
                try:
                    numbers.append(self.begin(pack_again(request), answered=answered))
                except ValueError:
                    logger.warning("a damaged record of a request in progress was dropped")
            # What could not be written here stays there, for the next worker.
            if self._write_failed:
                self._kept.add(path)
            else:
                path.unlink()
            self.taken_over.append(path.stem)
        return numbers

    def close(self) -> None:
        """Requests still under way stay in the file, for the next worker."""
        if self._file == _NO_FILE:
            return
        if not self._requests:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
        os.close(self._file)

    def _record_of(self, number: int, request: bytes) -> bytes:
        mark = _UNANSWERED if number in self._unanswered else 0
        return _RECORD.pack(number | mark, len(request)) + request

    def _append(self, number: int, request: bytes) -> None:
        record = self._record_of(number, request)
        try:
            if self._size + len(record) > MAX_FILE_BYTES:
                raise OSError(0, "too many are in progress")
            self._write(self._size, record)
        except OSError as error:
            self._note_failure(error)
            # A part of a record would hide those that come after it.
            with contextlib.suppress(OSError):
                self._truncate(self._size)
            return
        self._offsets[number] = self._size
        self._size += len(record)

    def _write(self, offset: int, data: bytes) -> None:
        """Raises OSError if not all could be written."""
        written = os.pwrite(self._file, data, offset)
        if written < len(data):
            _write_all(self._file, offset + written, data[written:])

    def _truncate(self, size: int) -> None:
        os.ftruncate(self._file, size)
        self._size = size

    def _note_failure(self, error: OSError) -> None:
        # A full disk must not stop traffic. It is logged once, not for each request.
        if not self._write_failed:
            logger.error("requests in progress can't be recorded: %s", error.strerror)
        self._write_failed, self._retry_at = True, time.monotonic() + RETRY_SECONDS

    def _compact(self) -> None:
        """Rewrite the file. A kill in the middle leaves the old file, or the complete new one."""
        offsets: dict[int, int] = {}
        data = bytearray()
        for number, request in self._requests.items():
            if len(data) + len(request) > MAX_FILE_BYTES:
                break
            offsets[number] = len(data)
            data += self._record_of(number, request)
        try:
            file = self._create(bytes(data))
        except OSError as error:
            self._note_failure(error)
            self._compact_at = self._size + COMPACT_BYTES
            return
        if self._file != _NO_FILE:
            os.close(self._file)
        self._file, self._offsets, self._size = file, offsets, len(data)
        self._compact_at = COMPACT_BYTES + 2 * len(data)
        self._write_failed = len(offsets) < len(self._requests)

    def _create(self, data: bytes) -> int:
        """Put a new file with these bytes at the path, locked before others can see it there."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.parent.chmod(0o700)
        draft = self.path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _lock(file)
            _write_all(file, 0, data)
            draft.replace(self.path)
        except BaseException:
            os.close(file)
            draft.unlink(missing_ok=True)
            raise
        return file


def _write_all(file: int, offset: int, data: bytes) -> None:
    """Write at an offset. Raises OSError if the system does not take all of it."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        if not written:
            raise OSError(0, "nothing was written")
        view, offset = view[written:], offset + written


def _lock(file: int) -> None:
    """Lock the open file until this process ends. BlockingIOError: another process has locked it."""
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def _opened_by_us_alone(path: Path) -> Iterator[int | None]:
    """The file at the path, locked. None: a living process has it, or it is not there any more."""
    try:
        file = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield None
        return
    try:
        yield file if _lock_at(file, path) else None
    finally:
        os.close(file)


def _lock_at(file: int, path: Path) -> bool:
    """Lock the open file. False: another process has it, or its worker has put another file at the path meanwhile."""
    try:
        _lock(file)
        mine, there = os.fstat(file), path.stat()
    except (BlockingIOError, FileNotFoundError):
        return False
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


def _delete_abandoned(path: Path) -> None:
    """Delete a draft that a killed worker left."""
    with _opened_by_us_alone(path) as file:
        if file is not None and os.fstat(file).st_mtime < time.time() - DRAFT_SECONDS:
            path.unlink(missing_ok=True)


def _unfinished(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """The requests of a journal that have not ended, and whether each was answered. An incomplete last record is
    ignored."""
    requests: dict[int, tuple[bytes, bool]] = {}
    at = 0
    while at + _RECORD.size <= len(data):
        marked, length = _RECORD.unpack_from(data, at)
        number = marked & ~_UNANSWERED
        at += _RECORD.size
        if at + length > len(data):
            break
        if number and length:
            requests[number] = data[at : at + length], number == marked
        elif number:
            requests.pop(number, None)
        at += length
    yield from requests.values()
