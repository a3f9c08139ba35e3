"""A file for each replica on this machine, locked while its process lives.

So the other processes that use the same state_dir learn when one was killed: the kernel then releases its lock. A
process that can't write its file is not known to have ended, once it is killed.

Only the kernel that held the lock can say so, of the very file that was locked. So the name of the file says where that
is: the boot of the machine, the machine, and the inode. A copy of the file proves nothing, nor does the file itself on
another machine, where the process may live on elsewhere.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote

logger = logging.getLogger(__name__)

LOCKS_DIRECTORY = "processes"
"""Its name in state_dir."""
DRAFT_SECONDS = 60.0
"""A draft older than this, whose process is dead, is deleted."""
ELSEWHERE_SECONDS = 86400.0
"""So is the file of a process of another machine."""
_SUFFIX = ".lock"
_TAKEN = -1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process runs. `boot`: id of the kernel's start, "" if it is not known; `machine`: of the machine, which
    outlives that."""

    boot: str
    machine: str

    @classmethod
    def here(cls) -> Self:
        """That of this process."""
        boot = _read("/proc/sys/kernel/random/boot_id").replace("-", "")
        # Containers have no id of a machine; one that is started anew in place of another has its host name.
        machine = _read("/etc/machine-id") or socket.gethostname()
        # A digest: machine-id(5) asks not to show the id itself.
        return cls(boot, hashlib.sha256(f"edgeward {machine}".encode()).hexdigest()[:16])

    def ended_with(self, other: Self) -> bool:
        """Whether a process there has ended if nobody has its lock here."""
        # Another boot of this machine: all that ran before it has ended.
        return bool(self.boot) and (self.boot == other.boot or self.machine == other.machine)


@dataclass(frozen=True, slots=True)
class Survey:
    """By their files, the replicas whose process has ended, and those whose process lives; without one's own."""

    ended: Sequence[str]
    living: Sequence[str]


class LockFiles:
    """The files in `directory`, which is made when it is needed. They are readable by their owner alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._place = Place.here()
        self._own: tuple[Path, int] | None = None
        self._failed = False

    def acquire(self, name: str) -> None:
        """Lock a file for the replica `name`, unless that is done. A failure is logged once; the next call retries."""
        if self._own is not None and self._own[0].exists():
            return
        self.release(delete=False)
        draft = self._directory / f"{quote(name, safe='')}.draft"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(draft, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                # Before others can see it.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path = self._directory / _file_name(name, self._place, os.fstat(file).st_ino)
                draft.replace(path)
            except BaseException:
                os.close(file)
                raise
        except OSError as error:
            if not self._failed:
                logger.warning("%s: others will not know when this process has ended: %s", draft, error.strerror)
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
            _unlink(path)
        os.close(file)

    def survey(self) -> Survey:
        """Look at all files. What proves nothing any more is deleted: drafts and copies."""
        for draft in self._directory.glob("*.draft"):
            with _locked(draft) as file:
                if file is not None and file != _TAKEN and _age(file) > DRAFT_SECONDS:
                    _unlink(draft)
        ended, living = [], []
        for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
            name = name_of(path)
            if self._own is not None and path == self._own[0]:
                continue
            with _locked(path) as file:
                if file == _TAKEN:
                    living.append(name)
                elif file is not None and self._proves_end(path, file):
                    ended.append(name)
        return Survey(ended, living)

    def _proves_end(self, path: Path, file: int) -> bool:
        """Whether the process of this file, which nobody has locked here, has ended."""
        found = _place_of(path)
        if found is None or found[1] != os.fstat(file).st_ino:
            logger.info("%s is a copy, and does not tell whether that process has ended", path)
        elif self._place.ended_with(found[0]):
            return True
        elif _age(file) < ELSEWHERE_SECONDS:
            return False
        _unlink(path)
        return False

    def delete(self, name: str) -> None:
        """Delete the file of a replica that has ended and is off the record."""
        for path in self._directory.glob(f"*{_SUFFIX}"):
            if name_of(path) == name:
                _unlink(path)


def name_of(path: Path) -> str:
    """The name of the replica whose file it is."""
    return unquote(path.name.removesuffix(_SUFFIX).rsplit(".", 3)[0])


def _file_name(name: str, place: Place, inode: int) -> str:
    return f"{quote(name, safe='')}.{place.boot}.{place.machine}.{inode}{_SUFFIX}"


def _place_of(path: Path) -> tuple[Place, int] | None:
    """Where a file was locked, and its inode; None if its name does not say so."""
    parts = path.name.removesuffix(_SUFFIX).rsplit(".", 3)
    if len(parts) != 4 or not parts[3].isdecimal():
        return None
    return Place(parts[1], parts[2]), int(parts[3])


def _age(file: int) -> float:
    """Seconds since it was made."""
    return time.time() - os.fstat(file).st_mtime


def _read(path: str) -> str:
    """A short text of the system; "" if it can't be read."""
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""


def _unlink(path: Path) -> None:
    """Where state_dir is read-only, it stays."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int | None]:
    """The open file, locked; _TAKEN if a living process has it; None if that is not known."""
    try:
        file = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        yield None
        return
    try:
        yield _lock(file)
    finally:
        os.close(file)


def _lock(file: int) -> int | None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _TAKEN
    except OSError:
        return None
    return file
