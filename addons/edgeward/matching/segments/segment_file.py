"""Immutable files of arrays that are mapped into memory, so that all processes of a machine share one copy.

A file is a header of one page, then the arrays, each beginning at a page. The header holds a magic number, its own
checksum, the length of the file, and of each array the type, shape, place and checksum. All numbers are
little-endian. A file is written under another name, flushed to disk, and renamed: it is whole or not there.

Opening reads the header alone. What is read later is not checked again, `verify` does that for all bytes.
"""

import json
import math
import mmap
import os
import struct
import sys
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeward.errors import DamagedSegment

MAGIC = b"EDGEWSEG"
FORMAT = 1
PAGE_BYTES = 4096
PARTIAL_SUFFIX = ".partial"
"""Ends the name of a file that is not whole yet, or was left by a crash."""
CHECKED_BYTES = 1 << 24
"""Bytes per step of a verification: some milliseconds."""
_HEADER_PREFIX = struct.Struct("<8sII")
"""Magic number, length of the header's text, CRC-32 of that text."""

type Array = NDArray[Any]
type Identity = tuple[int, int, int]
"""Of a file: device, inode, and time of its last change in nanoseconds."""


class Section(NamedTuple):
    """Type (such as "<u4") and shape of an array."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Bytes of the array."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


class SegmentFile:
    """A file that is open for reading.

    Attributes:
        path: where it was. It stays readable if it is removed.
        identity: of the file that is open.
        facts: what the writer said about it.
        arrays: the arrays by name. They can't be written to.
    """

    def __init__(self, path: Path) -> None:
        """Map the file.

        Raises:
            DamagedSegment: it is no segment, of another format, cut short, or its header is damaged.
            FileNotFoundError: there is none.
        """
        self.path = path
        with path.open("rb") as file:
            header = _read_header(path, file.read(PAGE_BYTES))
            found = os.fstat(file.fileno())
            length, self.identity = found.st_size, _identity(found)
            if length != header["length"]:  # before it is mapped: to read beyond its end would kill the process
                raise DamagedSegment(f"{path}: it has {length} bytes instead of {header['length']}")
            mapped = _map_to_read(file.fileno(), length)
        self.facts: Mapping[str, Any] = header["facts"]
        self._sections: Mapping[str, Mapping[str, Any]] = header["sections"]
        self._bytes = memoryview(mapped)
        self.arrays: Mapping[str, Array] = {name: _array(mapped, section) for name, section in self._sections.items()}

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self._bytes)

    def is_current(self) -> bool:
        """Whether the file that is open is the one at `path`: it may have been removed, or another be in its place."""
        try:
            return _identity(self.path.stat()) == self.identity
        except FileNotFoundError:
            return False

    def verify(self) -> Iterator[None]:
        """Compare all arrays with their checksums, in steps of some milliseconds.

        The file is read, not the memory to which it is mapped: a disk that fails, or a file that was cut short, would
        end the process there.

        Raises:
            DamagedSegment: one differs, or can't be read. The message says what.
            FileNotFoundError: the file was removed. What is mapped stays as it is.
        """
        try:
            with self.path.open("rb", buffering=0) as file:
                if _identity(os.fstat(file.fileno())) != self.identity:
                    raise DamagedSegment(f"{self.path}: it was changed, or another is in its place")
                for name, section in self._sections.items():
                    yield from self._verify(file, name, section)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DamagedSegment(f"{self.path}: {error.strerror}") from None

    def _verify(self, file: RawIOBase, name: str, section: Mapping[str, Any]) -> Iterator[None]:
        found, left = 0, section["bytes"]
        file.seek(section["offset"])
        while left and (part := file.read(min(CHECKED_BYTES, left))):
            found, left = zlib.crc32(part, found), left - len(part)
            yield
        if left or found != section["crc32"]:
            raise DamagedSegment(f"{self.path}: {name} does not match its checksum")

    def read_ahead(self) -> Iterator[None]:
        """Read a byte of each page, in steps, so that later reads wait for no disk and map no page.

        A step takes a millisecond if the file is in memory, and as long as the disk takes if not: use a thread.
        """
        everything = np.frombuffer(self._bytes, np.uint8)
        for start in range(0, len(everything), CHECKED_BYTES):
            everything[start : start + CHECKED_BYTES : PAGE_BYTES].max()
            yield


class SegmentWriter:
    """A file that is being written: fill `arrays`, then `finish`."""

    def __init__(self, path: Path, file: int, facts: Mapping[str, Any], sections: Mapping[str, Section]) -> None:
        self._path, self._file, self._facts = path, file, facts
        self._sections: dict[str, dict[str, Any]] = {}
        end = PAGE_BYTES
        for name, section in sections.items():
            self._sections[name] = {**section._asdict(), "offset": end, "bytes": section.bytes}
            end += -(-section.bytes // PAGE_BYTES) * PAGE_BYTES
        self._length = end
        os.posix_fallocate(file, 0, end)  # or a full disk would kill the process that writes to the mapped file
        self._mapped = mmap.mmap(file, end)
        self.arrays: Mapping[str, Array] = {
            name: _array(self._mapped, section) for name, section in self._sections.items()
        }

    def finish(self) -> Iterator[None]:
        """Write the header, flush all to disk, and give the file its name; in steps. Nothing may be written after."""
        everything = memoryview(self._mapped)
        for section in self._sections.values():
            section["crc32"], end = 0, section["offset"] + section["bytes"]
            for start in range(section["offset"], end, CHECKED_BYTES):
                part = everything[start : min(start + CHECKED_BYTES, end)]
                section["crc32"] = zlib.crc32(part, section["crc32"])
                yield
        header = {"format": FORMAT, "length": self._length, "facts": self._facts, "sections": self._sections}
        text = json.dumps(header).encode()
        if _HEADER_PREFIX.size + len(text) > PAGE_BYTES:
            raise ValueError(f"{self._path}: its header has {len(text)} bytes")
        self._mapped[: _HEADER_PREFIX.size + len(text)] = _HEADER_PREFIX.pack(MAGIC, len(text), zlib.crc32(text)) + text
        self._mapped.flush()
        os.fsync(self._file)
        partial_path(self._path).rename(self._path)
        sync_directory(self._path.parent)


@contextmanager
def new_file(path: Path, facts: Mapping[str, Any], sections: Mapping[str, Section]) -> Generator[SegmentWriter]:
    """A writer for a file with these arrays, which are zero at first. What is not finished is removed.

    Raises:
        OSError: the disk is full, or the directory can't be written to.
    """
    partial = partial_path(path)
    file = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        yield SegmentWriter(path, file, facts, sections)
    finally:
        os.close(file)
        partial.unlink(missing_ok=True)


def partial_path(path: Path) -> Path:
    """Where a file is while it is written."""
    return path.with_name(path.name + PARTIAL_SUFFIX)


def sync_directory(directory: Path) -> None:
    """Flush the names in a directory to disk."""
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _read_header(path: Path, page: bytes) -> dict[str, Any]:
    if len(page) < PAGE_BYTES:
        raise DamagedSegment(f"{path}: it is cut short within its header")
    magic, size, checksum = _HEADER_PREFIX.unpack_from(page)
    if magic != MAGIC:
        raise DamagedSegment(f"{path}: it is not a segment file")
    text = page[_HEADER_PREFIX.size : _HEADER_PREFIX.size + size]
    if zlib.crc32(text) != checksum:
        raise DamagedSegment(f"{path}: its header does not match its checksum")
    header: dict[str, Any] = json.loads(text)
    if header["format"] != FORMAT:
        raise DamagedSegment(f"{path}: it has format {header['format']}, this release reads {FORMAT}")
    return header


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _array(mapped: mmap.mmap, section: Mapping[str, Any]) -> Array:
    """The bytes of a section as the array it is."""
    shape = section["shape"]
    return np.frombuffer(mapped, section["dtype"], math.prod(shape), section["offset"]).reshape(shape)


def _map_to_read(file: int, length: int) -> mmap.mmap:
    if sys.version_info >= (3, 13):
        return mmap.mmap(file, length, access=mmap.ACCESS_READ, trackfd=False)  # or each would hold a descriptor
    return mmap.mmap(file, length, access=mmap.ACCESS_READ)
