"""The right to write to a directory of files that processes share, which one process has at a time."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from edgeward.errors import Conflict

LOCK = "lock"


class DirectoryLock:
    """A lock on a directory. It ends with the process. Makes the directory."""

    def __init__(self, directory: Path, name: str = LOCK) -> None:
        """Take it. `name` is that of the lock's file.

        Raises:
            Conflict: another process has it.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise Conflict(f"{directory}: another process is writing there") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)
