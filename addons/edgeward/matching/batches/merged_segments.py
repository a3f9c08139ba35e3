"""Merged segments: which there are on this machine, and of which batches they hold the values.

A file names them. It is replaced by renaming, so a reader sees the old one or the new one. A merged segment holds what
the segments of its batches hold too, so it can be ignored, and nothing is lost if it is damaged.
"""

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from edgeward.errors import DamagedSegment
from edgeward.matching.batches.value_search import ValueSearch
from edgeward.matching.segments.segment_file import PARTIAL_SUFFIX, sync_directory

MANIFEST = "merged.json"
FORMAT = 1
MERGED_SUFFIX = ".merged"
_MAX_TRIES = 10

type Stamp = tuple[int, int] | None
"""Identity of the file: inode and time of its last change, in nanoseconds. None: there is none."""


class MergedSegment(NamedTuple):
    """A segment of the values of one type and length of several batches of one list.

    The reference of a value is the position of its batch in `batches`, times 2**32, plus its row.
    """

    file: str
    type: str
    size: int
    batches: Sequence[str]
    rows: int


class OpenMerged(NamedTuple):
    """A merged segment that is open."""

    merged: MergedSegment
    search: ValueSearch


def stamp(directory: Path) -> Stamp:
    """The identity of the present file that names the segments."""
    try:
        facts = (directory / MANIFEST).stat()
    except FileNotFoundError:
        return None
    return facts.st_ino, facts.st_mtime_ns


def read_merged(directory: Path) -> Sequence[MergedSegment]:
    """The merged segments that there are. Raises DamagedSegment."""
    path = directory / MANIFEST
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return ()
    checksum, _, body = text.partition(b"\n")
    if checksum != _checksum(body):
        raise DamagedSegment(f"{path}: it does not match its checksum")
    fields = json.loads(body)
    if (found := fields["format"]) != FORMAT:
        raise DamagedSegment(f"{path}: it has format {found}, this release reads {FORMAT}")
    return tuple(MergedSegment(*segment)._replace(batches=tuple(segment[3])) for segment in fields["segments"])


def write_merged(directory: Path, segments: Sequence[MergedSegment]) -> None:
    """Name these segments; that is on disk when this returns. Only for the holder of the lock. Raises OSError."""
    body = json.dumps({"format": FORMAT, "segments": segments}, indent=1).encode()
    partial = directory / f"{MANIFEST}{PARTIAL_SUFFIX}"
    with partial.open("wb") as file:
        file.write(_checksum(body) + b"\n" + body)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(directory / MANIFEST)
    sync_directory(directory)


def remove_left_overs(directory: Path, live: Sequence[MergedSegment]) -> None:
    """Remove the files of merged segments that are not live. Only for the holder of the lock.

    Processes that have one open can go on reading it.
    """
    names = {segment.file for segment in live}
    for path in directory.iterdir():
        if is_of_merged(path.name) and path.name not in names:
            path.unlink(missing_ok=True)


def is_of_merged(name: str) -> bool:
    """Whether a file is that of a merged segment, whole or not."""
    return MERGED_SUFFIX in name or name.startswith(f"{MANIFEST}.")


def open_merged(directory: Path, known: Mapping[str, OpenMerged]) -> tuple[Stamp, Mapping[str, OpenMerged]]:
    """All merged segments by the names of their files; those in `known` are not opened again.

    Raises:
        DamagedSegment: one is damaged or missing.
    """
    for _ in range(_MAX_TRIES):
        found = stamp(directory)
        segments = read_merged(directory)
        try:
            return found, {segment.file: known.get(segment.file) or _open(directory, segment) for segment in segments}
        except FileNotFoundError as error:
            # Others have been written just now in its place.
            missing = error.filename
            if stamp(directory) == found:
                break
    raise DamagedSegment(f"{missing}: it is missing")


def _open(directory: Path, segment: MergedSegment) -> OpenMerged:
    path = directory / segment.file
    search = ValueSearch(path, segment.type, segment.size)
    if len(search) != segment.rows:
        raise DamagedSegment(f"{path}: it has {len(search)} rows instead of {segment.rows}")
    return OpenMerged(segment, search)


def _checksum(body: bytes) -> bytes:
    return b"%08x" % zlib.crc32(body)
