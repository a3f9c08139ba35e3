"""Recent changes and small segments become one larger segment, while all go on reading the old ones.

The new files are written first, then the manifest is replaced, then what it no longer names is removed. Whenever the
process ends, there is the old manifest with its files or the new one. A lock on the directory keeps two processes from
doing this at once; it ends with the process.
"""

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from edgeward.errors import Conflict
from edgeward.matching.segments.digest_segment import write_digest_segment
from edgeward.matching.segments.hamming_segment import write_hamming_segment
from edgeward.matching.segments.manifest import (
    REMOVED_SUFFIX,
    SEGMENT_SUFFIX,
    LiveSegment,
    Manifest,
    remove_left_overs,
    write_manifest,
)
from edgeward.matching.segments.segment_rows import Rows, ValueType
from edgeward.matching.segments.segment_set import OpenSegment, SegmentSet

LOCK = "lock"
MERGED_FACTOR = 8
"""A segment is merged with newer rows if it has at most so many times as many. So sizes grow geometrically: there are
few segments, and a row is seldom copied."""
MAX_REMOVED_SHARE = 1 / 4
"""Of a segment's rows; with more it is written anew."""


class DirectoryLock:
    """The right to write to a directory of segments, which one process has at a time. Makes the directory."""

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
            raise Conflict(f"{directory}: another process is writing segments there") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)


class Compaction:
    """One compaction. Make it where changes are applied; `steps` may be run in another thread.

    It holds the directory's lock until `with` ends. Afterwards each process, this one too, goes over to the result by
    `SegmentSet.refresh`.
    """

    def __init__(self, segments: SegmentSet, *, whole: bool = False) -> None:
        """Note what there is to compact: all changes that were applied. `whole`: into one segment.

        This goes over to the present manifest, which takes no time if `segments.refresh_steps` was run before.

        Raises:
            Conflict: another process compacts this directory, or a version is applied in part.
            DamagedSegment: the present manifest or one of its files is damaged.
        """
        self._directory, self._kind = segments.directory, segments.kind
        self._lock = DirectoryLock(self._directory)
        try:
            segments.refresh()
            if segments.is_partial:
                raise Conflict(f"{self._directory}: a version of the lists is applied in part")
            self._version = segments.version
            self._added = segments.recent.added_rows()
            copies = [each._replace(removed=each.removed.copy()) for each in segments.segments]
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        self._merged = copies if whole else to_merge(copies, len(self._added.refs))
        files = {each.live.file for each in self._merged}
        self._kept = [each for each in copies if each.live.file not in files]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.__exit__(kind, error, trace)

    def steps(self) -> Iterator[float]:
        """Do it. Yields the share that is done, some times a second; close it to give up: nothing is changed then.

        Raises:
            OSError: the disk is full, or the directory can't be written to.
        """
        live = []
        for each in self._kept:
            removed = each.live.removed
            if each.removed.changed:
                removed = _new_name(REMOVED_SUFFIX)
                for _ in each.removed.write(self._directory / removed):
                    yield 0.0
            live.append(each.live._replace(removed=removed))
        count = len(self._added.refs) + sum(len(each.segment) - each.removed.count for each in self._merged)
        if count:
            name = _new_name(SEGMENT_SUFFIX)
            yield from write_segment(self._directory / name, self._kind, count, self._rows())
            live.append(LiveSegment(name, "", count))
        _publish(self._directory, Manifest(self._kind.signal, self._kind.bits, self._version, tuple(live)))

    def _rows(self) -> Iterator[Rows]:
        for each in self._merged:
            yield from each.rows()
        yield self._added


def to_merge(segments: Iterable[OpenSegment], added: int) -> list[OpenSegment]:
    """The segments that become one with `added` new rows."""
    merged, total = [], added
    for each in sorted(segments, key=lambda each: len(each.segment) - each.removed.count):
        left = len(each.segment) - each.removed.count
        if left <= MERGED_FACTOR * total or each.removed.count > MAX_REMOVED_SHARE * len(each.segment):
            merged.append(each)
            total += left
    return merged


def build(directory: Path, kind: ValueType, version: int, count: int, rows: Iterable[Rows]) -> Iterator[float]:
    """Write all values of a list, as of a version of the lists, in place of what the directory holds.

    Yields the share that is done, some times a second; close it to give up: nothing is changed then.

    Raises:
        Conflict: another process writes to the directory.
        OSError: the disk is full, or the directory can't be written to.
        ValueError: there are more or fewer than `count` rows.
    """
    with DirectoryLock(directory):
        live = []
        if count:
            name = _new_name(SEGMENT_SUFFIX)
            yield from write_segment(directory / name, kind, count, rows)
            live.append(LiveSegment(name, "", count))
        _publish(directory, Manifest(kind.signal, kind.bits, version, tuple(live)))


def write_segment(path: Path, kind: ValueType, count: int, rows: Iterable[Rows]) -> Iterator[float]:
    """Write rows as a segment of their kind."""
    write = write_hamming_segment if kind.has_distance else write_digest_segment
    return write(path, kind, count, rows)


def _new_name(suffix: str) -> str:
    """A name that no file of any directory ever had: a process keeps what it has mapped by its name."""
    return f"{secrets.token_hex(8)}{suffix}"


def _publish(directory: Path, manifest: Manifest) -> None:
    write_manifest(directory, manifest)
    remove_left_overs(directory, manifest)
