"""The hosts of a worker's lost sightings on disk, until they are in the store: they survive the worker.

One file for each worker, `state_dir`/lost-hosts/NAME, locked (flock) while the worker lives. It holds one JSON line
[scheme, host] for each host. A worker that starts takes over the files that are not locked.
"""

import fcntl
import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edgeward.sightings.forgotten import EVERYWHERE
from edgeward.types import Target

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 256 * 1024
"""Of a file that is taken over: more is no file of this program."""


class LostHostsFile:
    """This worker's file. It is made with the first host.

    Args:
        directory: made if it is missing; other workers of this machine have their files there.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / f"{os.getpid()}-{os.urandom(6).hex()}"
        self._file: int | None = None

    def add(self, host: Target) -> None:
        """Write down a host: a prefix of the path "/". A failure is logged: the worker still knows the host."""
        line = json.dumps([host.scheme, host.host]).encode() + b"\n"
        try:
            if self._file is None:
                self._file = self._open()
            if os.write(self._file, line) != len(line):
                logger.error("the host of a lost sighting can't be kept in %s: no space", self._path)
        except OSError as error:
            logger.error("the host of a lost sighting can't be kept in %s: %s", self._path, error.strerror)

    def clear(self) -> None:
        """All hosts are in the store."""
        if self._file is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._file)
            self._file = None

    def take_over(self, add: Callable[[Target], None]) -> None:
        """Call `add` with the hosts of workers that have died, and then remove their files."""
        with suppress(OSError):
            for path in sorted(self._directory.iterdir()):
                if path != self._path:
                    _take_over(path, add)

    def _open(self) -> int:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink:
                return file
            # Another worker took the empty file over before it was locked.
            os.close(file)


def _take_over(path: Path, add: Callable[[Target], None]) -> None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_nlink:
            for line in os.read(file, MAX_FILE_BYTES).splitlines():
                add(_host(line))
            path.unlink()
    except OSError:
        # It is locked: its worker is alive.
        return
    finally:
        os.close(file)


def _host(line: bytes) -> Target:
    """EVERYWHERE stands for a line that can't be read."""
    try:
        scheme, host = json.loads(line)
        return Target(str(scheme), str(host), "/")
    except (ValueError, TypeError):
        return EVERYWHERE
