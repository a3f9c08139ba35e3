"""Requests that are under way, in a file: what a worker leaves when it is killed, its successor finds.

Nothing is synced to the disk: what a process has written outlives it. A machine that loses its power loses it.
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

TIDY_BYTES = 4 * 1024 * 1024
"""A file that has grown by so much is written anew, with what is still under way."""
_RECORD = Struct(">QI")
"""Number and length of a request that begins, which follows; the length is 0 when it has ended."""


class Journal:
    """One worker's file in `directory`. `upstream`: workers with another leave each other's files alone.

    Raises:
        OSError: the directory can't be made or written.
    """

    def __init__(self, directory: Path, upstream: str) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        kind = hashlib.sha256(upstream.encode()).hexdigest()[:8]
        self._others = f"{kind}-*.requests"
        self.path = directory / f"{kind}-{os.getpid()}-{secrets.token_hex(3)}.requests"
        self._file = _opened(self.path, os.O_CREAT | os.O_EXCL)
        self._open: dict[int, bytes] = {}
        self._number = self._written = 0
        self._most = TIDY_BYTES
        self._full = False

    def begin(self, request: bytes) -> int:
        """Write down a request; returns its number."""
        self._number += 1
        self._open[self._number] = request
        self._write(_RECORD.pack(self._number, len(request)) + request)
        return self._number

    def end(self, number: int) -> None:
        """Nothing is left to be done for it."""
        if self._open.pop(number, None) is None:
            return
        self._write(_RECORD.pack(number, 0))
        if self._written > self._most:
            self._tidy()

    def __getitem__(self, number: int) -> bytes:
        """A request under way. KeyError: it has ended."""
        return self._open[number]

    def __contains__(self, number: int) -> bool:
        return number in self._open

    def __len__(self) -> int:
        return len(self._open)

    def adopt(self) -> list[int]:
        """Take over what dead workers left; returns the numbers that it has here."""
        numbers: list[int] = []
        for path in self.path.parent.glob(self._others):
            if path != self.path:
                numbers += self._adopt(path)
        return numbers

    def _adopt(self, path: Path) -> list[int]:
        try:
            file = os.open(path, os.O_RDWR)
        except FileNotFoundError:  # another one was faster
            return []
        try:
            _locked(file)
            numbers = [self.begin(request) for request in _left(path.read_bytes())]
            path.unlink()
        except (BlockingIOError, FileNotFoundError):  # its worker lives; or another one was faster
            return []
        finally:
            os.close(file)
        return numbers

    def close(self) -> None:
        """What is still under way stays for the next worker."""
        if not self._open:
            self.path.unlink(missing_ok=True)
        os.close(self._file)

    def _write(self, record: bytes) -> None:
        try:
            os.write(self._file, record)
            self._written += len(record)
            self._full = False
        except OSError as error:
            if not self._full:
                logger.error("requests under way can't be written down: %s", error.strerror)
            self._full = True

    def _tidy(self) -> None:
        """Write the file anew. A kill meanwhile leaves the old one, or the new one whole."""
        draft = self.path.with_suffix(".draft")
        data = b"".join(_RECORD.pack(number, len(each)) + each for number, each in self._open.items())
        try:
            draft.write_bytes(data)
            file = _opened(draft, 0)
            draft.replace(self.path)
        except OSError:
            self._most += TIDY_BYTES
            return
        os.close(self._file)
        self._file, self._written = file, len(data)
        self._most = TIDY_BYTES + 2 * len(data)


def _opened(path: Path, flags: int) -> int:
    return _locked(os.open(path, os.O_RDWR | os.O_APPEND | flags, 0o600))


def _locked(file: int) -> int:
    """The open file, locked until this process ends. BlockingIOError: another one has it."""
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _left(data: bytes) -> Iterator[bytes]:
    """The requests of a journal that have not ended."""
    found: dict[int, bytes] = {}
    at = 0
    while at + _RECORD.size <= len(data):
        number, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if length:
            found[number] = data[at : at + length]
        else:
            found.pop(number, None)
        at += length
    yield from found.values()
