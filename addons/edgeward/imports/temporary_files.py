"""Temporary files of imports in state_dir. They have no name, so that nothing is left of them when a controller dies,
and they leave room on the disk: the embedded store may write there too."""

import errno
import io
import os
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from edgeward.errors import Unavailable

KEPT_FREE_SHARE = 0.05
KEPT_FREE_BYTES = 1024**3
"""As much of the disk stays free: this share of it, or this many bytes if that is less."""


class NoDiskSpace(Unavailable):
    """The disk of state_dir has too little room for a file, or can't be written."""


def unnamed_file(directory: Path) -> BinaryIO:
    """A new file that only this process can read. Raises NoDiskSpace."""
    try:
        return cast("BinaryIO", tempfile.TemporaryFile(dir=directory))
    except OSError as error:
        raise no_disk_space(directory, error) from None


def append(file: BinaryIO, part: bytes, directory: Path) -> None:
    """Write to the end of such a file. Raises NoDiskSpace."""
    require_free_space(directory)
    try:
        file.write(part)
        file.flush()
    except OSError as error:
        raise no_disk_space(directory, error) from None


def appended(file: BinaryIO, part: bytes, directory: Path, memory_bytes: int) -> BinaryIO:
    """A file with a part at its end: in memory (io.BytesIO) up to `memory_bytes`, then on disk. Raises NoDiskSpace."""
    if isinstance(file, io.BytesIO):
        if file.tell() + len(part) <= memory_bytes:
            file.write(part)
            return file
        file = _moved_to_disk(file, directory)
    append(file, part, directory)
    return file


def _moved_to_disk(file: io.BytesIO, directory: Path) -> BinaryIO:
    moved = unnamed_file(directory)
    try:
        append(moved, file.getvalue(), directory)
    except BaseException:
        moved.close()
        raise
    return moved


def require_free_space(directory: Path) -> None:
    """Raises NoDiskSpace if the disk of the directory is nearly full."""
    try:
        disk = os.statvfs(directory)
    except OSError as error:
        raise no_disk_space(directory, error) from None
    kept = min(KEPT_FREE_BYTES, int(disk.f_blocks * disk.f_frsize * KEPT_FREE_SHARE))
    if disk.f_bavail * disk.f_frsize < kept:
        raise no_disk_space(directory, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def no_disk_space(directory: Path, error: OSError) -> NoDiskSpace:
    """What a caller learns of an error of the disk."""
    return NoDiskSpace(f"the file can't be kept in state_dir ({directory}): {error.strerror}; nothing was imported")
