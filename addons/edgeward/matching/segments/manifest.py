"""The manifest of a directory of segments: which files are live, and which version of the lists they hold.

It is replaced by renaming, so a reader sees the old one or the new one, and files that neither names are left-overs. A
reader notices a new one by the file's identity, which takes a microsecond.
"""

import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edgeward.errors import DamagedSegment
from edgeward.matching.segments.segment_file import PARTIAL_SUFFIX, sync_directory

MANIFEST = "manifest.json"
FORMAT = 1
SEGMENT_SUFFIX, REMOVED_SUFFIX = ".segment", ".removed"
_OWN_SUFFIXES = (SEGMENT_SUFFIX, REMOVED_SUFFIX, PARTIAL_SUFFIX)

type Stamp = tuple[int, int] | None
"""Identity of the file: inode and time of its last change, in nanoseconds. None: there is none."""


class LiveSegment(NamedTuple):
    """Names of a segment's file and of the file of its removed rows ("": none are), and the number of its rows."""

    file: str
    removed: str
    rows: int


class Manifest(NamedTuple):
    """What a directory holds.

    Attributes:
        signal, bits: type and length of all values.
        version: version of the lists up to which all changes are in the segments.
        segments: the live ones, oldest first.
    """

    signal: str
    bits: int
    version: int = 0
    segments: Sequence[LiveSegment] = ()

    @property
    def files(self) -> set[str]:
        """Names of all live files."""
        return {name for segment in self.segments for name in (segment.file, segment.removed) if name}


def stamp(directory: Path) -> Stamp:
    """The identity of the present manifest."""
    try:
        facts = (directory / MANIFEST).stat()
    except FileNotFoundError:
        return None
    return facts.st_ino, facts.st_mtime_ns


def read_manifest(directory: Path, signal: str, bits: int) -> Manifest:
    """The present manifest; an empty one if there is none.

    Raises:
        DamagedSegment: it is damaged, of another format, or of values of another type or length.
    """
    path = directory / MANIFEST
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Manifest(signal, bits)
    checksum, _, body = text.partition(b"\n")
    if checksum != _checksum(body):
        raise DamagedSegment(f"{path}: it does not match its checksum")
    fields = json.loads(body)
    if (found := fields.pop("format")) != FORMAT:
        raise DamagedSegment(f"{path}: it has format {found}, this release reads {FORMAT}")
    if (fields["signal"], fields["bits"]) != (signal, bits):
        raise DamagedSegment(f"{path}: it is of {fields['signal']} of {fields['bits']} bits, not {signal} of {bits}")
    fields["segments"] = tuple(LiveSegment(*segment) for segment in fields["segments"])
    return Manifest(**fields)


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Replace the manifest; it is on disk when this returns."""
    body = json.dumps({"format": FORMAT, **manifest._asdict()}, indent=1).encode()
    partial = directory / f"{MANIFEST}{PARTIAL_SUFFIX}"
    with partial.open("wb") as file:
        file.write(_checksum(body) + b"\n" + body)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(directory / MANIFEST)
    sync_directory(directory)


def remove_left_overs(directory: Path, manifest: Manifest) -> int:
    """Remove the files of segments that the manifest does not name; returns their number.

    Only for the holder of the directory's lock. Processes that have such a file mapped can go on reading it.
    """
    live, removed = manifest.files, 0
    for path in directory.iterdir():
        if path.suffix in _OWN_SUFFIXES and path.name not in live:
            path.unlink()
            removed += 1
    return removed


def _checksum(body: bytes) -> bytes:
    return b"%08x" % zlib.crc32(body)
