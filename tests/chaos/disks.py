"""Disks that are full or read-only for a while: small file systems in memory, each mounted on one directory."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

SIZE = "192m"
"""Enough for all that a run writes."""
BLOCK = bytes(64 * 1024)


def can_mount() -> bool:
    """Whether this user may mount file systems."""
    return os.geteuid() == 0


class Disk:
    """A file system on `directory`, which it makes. Frozen: it is full. Killed: it is read-only until it is started.

    What a process has open for writing stays writable; whatever it opens from then on does not.
    `repaired` is called once the disk can be written again.
    """

    def __init__(self, directory: Path, repaired: Callable[[], None] = lambda: None) -> None:
        self._directory, self._repaired = directory, repaired
        self._filler = directory / "filler"
        self._mounts = 0

    def mount(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._mount("-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "edgeward-chaos")

    def unmount(self) -> None:
        """The files of the disk stay, in the directory itself."""
        with tempfile.TemporaryDirectory(dir=self._directory.parent) as kept:
            with contextlib.suppress(shutil.Error):  # some file could not be read
                shutil.copytree(self._directory, kept, ignore=_not_files, dirs_exist_ok=True)
            while self._mounts:
                self._unmount()
            shutil.copytree(kept, self._directory, dirs_exist_ok=True)

    def kill(self) -> None:
        self._mount("--bind", str(self._directory))
        self._run("mount", "-o", "remount,bind,ro", str(self._directory))

    def start(self) -> None:
        if self._mounts > 1:
            self._unmount()
        self._repaired()

    def stop(self) -> None:
        self.resume()

    def pause(self) -> None:
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while file.write(BLOCK):
                pass

    def resume(self) -> None:
        self._filler.unlink(missing_ok=True)
        self._repaired()

    def _mount(self, *options: str) -> None:
        self._run("mount", *options, str(self._directory))
        self._mounts += 1

    def _unmount(self) -> None:
        """Lazily: a process may still have files of it open."""
        self._run("umount", "-l", str(self._directory))
        self._mounts -= 1

    @staticmethod
    def _run(*command: str) -> None:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _not_files(directory: str, names: Iterable[str]) -> list[str]:
    """Sockets, and what is gone again."""
    paths = {name: Path(directory) / name for name in names}
    return [name for name, path in paths.items() if not (path.is_file() or path.is_dir())]
