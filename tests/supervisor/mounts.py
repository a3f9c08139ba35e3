"""Small and read-only file systems for tests; skips where this user may not mount."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mount is not permitted here: {done.stderr.strip()}")


def _unmount(directory: Path) -> None:
    subprocess.run(["umount", "-l", str(directory)], check=True)


@contextmanager
def small_disk(directory: Path, megabytes: int = 8) -> Iterator[None]:
    """A file system of this size at `directory`, which is made."""
    directory.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "edgeward-test", str(directory))
    try:
        yield
    finally:
        _unmount(directory)


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """What is opened in `directory` from now on can't be written. Files that are open stay as they are."""
    _mount("--bind", str(directory), str(directory))
    try:
        _mount("-o", "remount,bind,ro", str(directory))
        yield
    finally:
        _unmount(directory)


def fill(directory: Path) -> Path:
    """Take all that is free on the disk of `directory`; returns the file that does."""
    path = directory / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)) == 4096:
                pass
        except OSError:
            return path
    return path
