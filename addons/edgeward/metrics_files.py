"""The files in which the processes of a machine share their metrics, made so that a disk can't end a process.

prometheus-client maps sparse files into memory: if the disk is full when a page is first written, the kernel sends
SIGBUS. Here each page has its place on disk before it is mapped. Where there is none, or the directory is read-only or
deleted, the process keeps its metrics in memory of its own: they are then missing in the sum, and the log says so.
"""

import logging
import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

logger = logging.getLogger(__name__)

FILE_BYTES = 64 * 1024
"""Size of a new file. It is doubled when it is full."""
_VALUE_BYTES = 4 + 8 + 16
"""What a value takes beside its key: the length, the padding, two doubles."""


class MetricsFile(MmapedDict):
    """In place of prometheus-client's, on whose private parts it is built; tests/test_metrics_files.py tests these."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        self._f: Any = None
        self._m: Any
        try:
            if not read_mode:
                _reserve(Path(filename))
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]
        except OSError as error:
            self._fname, self._positions = filename, {}
            self._capacity, self._used = FILE_BYTES, 8
            self._move_to_memory(error, b"")

    def _init_value(self, key: str) -> None:
        while self._used + len(key.encode()) + _VALUE_BYTES > self._capacity:
            self._grow()
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _grow(self) -> None:
        old, self._capacity = self._m, 2 * self._capacity
        if self._f is not None:
            try:
                os.posix_fallocate(self._f.fileno(), 0, self._capacity)
                self._m = mmap.mmap(self._f.fileno(), self._capacity)
            except OSError as error:
                self._move_to_memory(error, old[: self._used])
        else:
            self._m = _memory(self._capacity, old[: self._used])
        old.close()

    def _move_to_memory(self, error: OSError, data: bytes) -> None:
        logger.error(
            "metrics can't be shared in %s (%s): those of this process are missing in /metrics until it is restarted",
            Path(self._fname).parent, error.strerror or error,
        )  # fmt: skip
        if self._f is not None:
            self._f.close()
            self._f = None
        self._m = _memory(self._capacity, data or self._used.to_bytes(8, "little"))

    def close(self) -> None:
        if self._f is None:
            self._m.close()
        super().close()  # type: ignore[no-untyped-call]


def _memory(size: int, data: bytes) -> mmap.mmap:
    memory = mmap.mmap(-1, size)
    memory[: len(data)] = data
    return memory


def _reserve(path: Path) -> None:
    """Make the file with its place on disk, unless it is there. Other processes see it only when it is complete.

    Raises:
        OSError: no space, no directory, or it is read-only.
    """
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.new")
    try:
        with draft.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise


def install() -> None:
    """Have prometheus-client use these files. To be called before the first metric is made."""
    values.MmapedDict = MetricsFile  # type: ignore[attr-defined]
