"""A file for each replica on this machine, locked while its process lives.

So the other processes that use the same state_dir learn when one was killed: the kernel then releases its lock. A
process that can't write its file is not known to have ended, once it is killed.
"""

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

logger = logging.getLogger(__name__)

LOCKS_DIRECTORY = "processes"
"""Its name in state_dir."""
DRAFT_SECONDS = 60.0
"""A draft older than this, whose process is dead, is deleted."""


class LockFiles:
    """The files in `directory`, which is made when it is needed. They are readable by their owner alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._own: tuple[Path, int] | None = None
        self._failed = False

    def acquire(self, name: str) -> None:
        """Lock a file for the replica `name`, unless that is done. A failure is logged once; the next call retries."""
        if self._own is not None and self._own[0].exists():
            return
        self.release(delete=False)
        path = self._directory / f"{quote(name, safe='')}.lock"
        draft = path.with_suffix(".draft")
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(draft, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                # Before others can see it.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                draft.replace(path)
            except BaseException:
                os.close(file)
                raise
        except OSError as error:
            if not self._failed:
                logger.warning("%s: others will not know when this process has ended: %s", path, error.strerror)
            self._failed = True
            return
        self._own, self._failed = (path, file), False

    def release(self, delete: bool) -> None:
        """The process ends. `delete`: it is off the record; else others find that it has ended."""
        if self._own is None:
            return
        path, file = self._own
        self._own = None
        if delete:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        os.close(file)

    def ended(self) -> list[str]:
        """Names of the replicas whose process has ended and whose file is still there."""
        for draft in self._directory.glob("*.draft"):
            with _locked(draft) as file:
                if file is not None and os.fstat(file).st_mtime < time.time() - DRAFT_SECONDS:
                    draft.unlink(missing_ok=True)
        return [unquote(path.stem) for path in sorted(self._directory.glob("*.lock")) if _is_free(path)]

    def delete(self, name: str) -> None:
        """Delete the file of a replica that has ended and is off the record."""
        with contextlib.suppress(OSError):
            (self._directory / f"{quote(name, safe='')}.lock").unlink(missing_ok=True)


def _is_free(path: Path) -> bool:
    with _locked(path) as file:
        return file is not None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int | None]:
    """The open file, locked. None: a living process has it, or it can't be opened."""
    try:
        file = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        yield None
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file
    except OSError:
        yield None
    finally:
        os.close(file)
