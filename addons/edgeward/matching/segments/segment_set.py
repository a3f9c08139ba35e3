"""The values of one type of one list: segments that a machine's processes share, and recent changes of this process.

The manifest of the directory names the segments, and the version of the lists that they hold. A process applies the
changes since then to its own copy: a value that is removed or added again is marked in the segments, what is added is
kept beside them. When another process has compacted the changes into segments (compaction.py), `refresh` goes over to
those, and keeps only the changes since.
"""

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgeward.errors import DamagedSegment
from edgeward.matching.segments.digest_segment import DigestSegment
from edgeward.matching.segments.hamming_segment import HammingSegment
from edgeward.matching.segments.manifest import LiveSegment, Manifest, Stamp, read_manifest, stamp
from edgeward.matching.segments.recent_changes import RecentChanges
from edgeward.matching.segments.removed_rows import RemovedRows
from edgeward.matching.segments.segment_file import SegmentFile
from edgeward.matching.segments.segment_rows import Changes, Numbers, Refs, Rows, Values, ValueType
from edgeward.matching.time_slicing import run_to_end

ROWS_PER_STEP = 1 << 16
"""Rows that are read together."""
CHANGES_PER_STEP = 1 << 11
"""Changes that are applied together: a few milliseconds."""
MAX_RECENT_CHANGES = 1 << 15
"""Changes above which they are worth a segment: they are compared one by one."""
_MAX_TRIES = 10


class OpenSegment(NamedTuple):
    """A segment and which of its rows are removed, in this process."""

    live: LiveSegment
    segment: HammingSegment | DigestSegment
    removed: RemovedRows

    def rows(self) -> Iterator[Rows]:
        """The rows that are not removed, in pieces."""
        for start in range(0, len(self.segment), ROWS_PER_STEP):
            numbers = np.arange(start, min(start + ROWS_PER_STEP, len(self.segment)))
            there = numbers[self.removed.without(numbers)]
            yield Rows(self.segment.values[there], self.segment.refs[there])


class SegmentSet:
    """All values of one type and length of one list. Each value is there once, with its reference.

    Attributes:
        directory: where the segments are. It need not exist.
        kind: type and length of the values.
        version: version of the lists whose changes have all been applied.
        manifest: the manifest that was read last.
        is_partial: whether a version is applied in part.
    """

    def __init__(self, directory: Path, kind: ValueType) -> None:
        """Open the live segments; none if the directory has no manifest.

        Raises:
            DamagedSegment: a file is damaged or missing: remove the directory, and build it from the store.
        """
        self.directory, self.kind = directory, kind
        self.manifest, self._stamp, self._segments = self._open({})
        self._recent = RecentChanges(kind.size)
        self.version = self.manifest.version
        self.is_partial = False

    def __len__(self) -> int:
        return sum(len(each.segment) - each.removed.count for each in self._segments) + self._recent.added

    @property
    def segments(self) -> Sequence[OpenSegment]:
        """The segments, oldest first."""
        return self._segments

    @property
    def recent(self) -> RecentChanges:
        """The changes that are in no segment."""
        return self._recent

    @property
    def needs_compaction(self) -> bool:
        """Whether there are so many recent changes that searches get slower."""
        return self._recent.rows > MAX_RECENT_CHANGES

    def apply(self, version: int, changes: Changes, *, last: bool = True) -> None:
        """Make the changes of a version of the lists; those of one that was applied already are passed over.

        Many changes are best given in parts of CHANGES_PER_STEP: `last` is false for all but the last part.
        """
        if version <= self.version:
            return
        self._mark_removed(self._segments, changes.values)
        self._recent.append(version, changes)
        self.is_partial = not last
        if last:
            self.version = version

    def near(self, values: Values, radius: int) -> Iterator[tuple[Numbers, Refs, Numbers]]:
        """Every pair within the radius: positions in `values`, references, distances; in pieces of a few milliseconds.

        Some pairs may come twice. A change that is made before the last piece was taken may be found or not.
        """
        recent = self._recent
        for each in self._segments:
            if isinstance(each.segment, DigestSegment):
                raise TypeError(f"{self.kind.signal} has no distance")
            for numbers, rows, distances in each.segment.near(values, radius):
                there = each.removed.without(rows)
                yield numbers[there], each.segment.refs[rows[there]], distances[there]
        # Last: a value that was added again meanwhile is removed from its segment, but found here.
        yield from recent.near(values, radius, self.kind.metric)

    def equal(self, values: Values) -> Iterator[tuple[Numbers, Refs]]:
        """The values that are listed: their positions in `values`, and references; in pieces as by `near`."""
        recent = self._recent
        for each in self._segments:
            for numbers, rows in each.segment.equal(values):
                there = each.removed.without(rows)
                yield numbers[there], each.segment.refs[rows[there]]
        yield recent.equal(values)

    def rows(self) -> Iterator[Rows]:
        """All values with their references, in pieces. Nothing may be changed until the last is taken."""
        for each in self._segments:
            yield from each.rows()
        yield self._recent.added_rows()

    def verify(self) -> Iterator[None]:
        """Compare all files with their checksums, in steps of some milliseconds.

        Raises:
            DamagedSegment: one differs.
        """
        for each in self._segments:
            yield from each.segment.file.verify()

    def read_ahead(self) -> Iterator[None]:
        """Read all files once, in steps (`SegmentFile.read_ahead`). Searches before that take milliseconds more."""
        for each in self._segments:
            yield from each.segment.file.read_ahead()

    def refresh(self) -> bool:
        """Go over to the present manifest's segments. Returns whether there was a new one."""
        return run_to_end(self.refresh_steps())

    def refresh_steps(self) -> Generator[None, None, bool]:
        """The same in steps of a few milliseconds. Until the last, all is as before; changes may be applied meanwhile.

        If the segments hold a later version than was applied, `version` becomes that one.

        Raises:
            DamagedSegment: a file is damaged or missing. All stays as it was.
        """
        if stamp(self.directory) == self._stamp:
            return False
        manifest, found, segments = self._open({each.live.file: each for each in self._segments})
        recent, done = RecentChanges(self.kind.size), 0
        while done < self._recent.rows:
            changes, done = self._recent.since(manifest.version, done, CHANGES_PER_STEP)
            for version, some in changes:
                self._mark_removed(segments, some.values)
                recent.append(version, some)
            yield
        self.manifest, self._stamp, self._segments, self._recent = manifest, found, segments, recent
        if manifest.version >= self.version:
            self.version, self.is_partial = manifest.version, self.is_partial and recent.rows > 0
        return True

    def _mark_removed(self, segments: Sequence[OpenSegment], values: Values) -> None:
        for each in segments:
            for _, rows in each.segment.equal(values):
                each.removed.add(rows)

    def _open(self, known: dict[str, OpenSegment]) -> tuple[Manifest, Stamp, Sequence[OpenSegment]]:
        """The manifest and its segments. A segment that is in `known` is not opened again."""
        for tried in range(_MAX_TRIES):
            found = stamp(self.directory)
            manifest = read_manifest(self.directory, self.kind.signal, self.kind.bits)
            try:
                segments = [self._opened(live, known.get(live.file)) for live in manifest.segments]
            except FileNotFoundError as error:
                # A compaction that ended just now has removed it, and there is a new manifest.
                if stamp(self.directory) == found or tried == _MAX_TRIES - 1:
                    raise DamagedSegment(f"{error.filename}: it is missing") from None
                continue
            return manifest, found, segments
        raise AssertionError("unreachable")

    def _opened(self, live: LiveSegment, known: OpenSegment | None) -> OpenSegment:
        segment = known.segment if known else open_segment(self.directory / live.file, self.kind)
        if len(segment) != live.rows:
            raise DamagedSegment(f"{segment.file.path}: it has {len(segment)} rows instead of {live.rows}")
        removed = SegmentFile(self.directory / live.removed) if live.removed else None
        return OpenSegment(live, segment, RemovedRows(live.rows, removed))


def open_segment(path: Path, kind: ValueType) -> HammingSegment | DigestSegment:
    """The segment in a file.

    Raises:
        DamagedSegment: it is damaged, or of another type or length.
    """
    file = SegmentFile(path)
    facts = (file.facts.get("signal"), file.facts.get("bits"), file.facts.get("leading_words", 0))
    if facts != (kind.signal, kind.bits, kind.metric.leading_words):
        raise DamagedSegment(f"{path}: it is not of {kind.signal} of {kind.bits} bits")
    return HammingSegment(file, kind.metric) if kind.has_distance else DigestSegment(file)
