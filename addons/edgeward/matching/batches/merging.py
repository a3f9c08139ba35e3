"""Segments of several batches become one, so that many batches are searched as fast as one.

A segment is merged with smaller ones if it has at most MERGED_FACTOR times as many rows as those together. So sizes
grow geometrically: there are few segments, and a row is seldom copied. New segments are written first, then named, then
what is no more named is removed; whenever the process ends, the old ones or the new ones are whole. Others go on
searching the old ones until they notice (`BatchFiles.merged`).
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgeward.errors import DamagedSegment
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.merged_segments import (
    MERGED_SUFFIX,
    MergedSegment,
    open_merged,
    remove_left_overs,
    write_merged,
)
from edgeward.matching.batches.value_search import ValueSearch, value_type
from edgeward.matching.segments.directory_lock import DirectoryLock
from edgeward.matching.segments.segment_rows import Rows
from edgeward.matching.segments.segment_writing import write_segment
from edgeward.types import Batch

LOCK = "merged.lock"
MERGED_FACTOR = 8
MAX_REMOVED_SHARE = 1 / 4
"""Of a merged segment's rows; with more of batches that are gone it is written anew."""
MAX_ROWS = (1 << 32) - 1
"""Of a segment."""
ROWS_PER_STEP = 1 << 16
"""Rows that are read together."""

type Kind = tuple[str, str, int]
"""Name of the list, signal type and bytes of a value."""


class Source(NamedTuple):
    """A segment that can be merged: that of a part of a batch, or a merged one.

    Attributes:
        batches: those whose rows it has; "" for one that is gone.
        live: how many rows it has of batches that are not gone.
    """

    search: ValueSearch
    batches: Sequence[str]
    live: int
    merged: MergedSegment | None

    @property
    def is_wasteful(self) -> bool:
        """Whether too many of its rows are of batches that are gone."""
        return len(self.search) - self.live > MAX_REMOVED_SHARE * len(self.search)


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What there is to do.

    Attributes:
        kept: merged segments that stay.
        merges: sources that become one segment each, by what they are of.
        changed: whether there is anything to do.
    """

    kept: Sequence[MergedSegment]
    merges: Sequence[tuple[Kind, Sequence[Source]]]
    changed: bool


def plan(files: BatchFiles) -> MergePlan:
    """What there is to merge of the files that are whole now. Raises DamagedSegment."""
    batches = {batch.id: batch for batch in files.batches()}
    try:
        _, opened = open_merged(files.directory, {})
    except DamagedSegment:
        opened = {}  # they are made anew
    groups: dict[Kind, list[Source]] = {}
    covered = set[tuple[str, str, int]]()
    gone = 0
    for merged, search in opened.values():
        owners = [batch_id if batch_id in batches else "" for batch_id in merged.batches]
        alive = [batches[batch_id] for batch_id in owners if batch_id]
        if not alive:
            gone += 1
            continue
        covered |= {(batch.id, merged.type, merged.size) for batch in alive}
        live = sum(_rows(batch, merged.type, merged.size) for batch in alive)
        kind = alive[0].list, merged.type, merged.size
        groups.setdefault(kind, []).append(Source(search, owners, live, merged))
    for batch in batches.values():
        for number, part in enumerate(batch.parts):
            if part.rows and (batch.id, part.type, part.size) not in covered:
                source = Source(files.open_part(batch, number), (batch.id,), part.rows, None)
                groups.setdefault((batch.list, part.type, part.size), []).append(source)
    kept: list[MergedSegment] = []
    merges: list[tuple[Kind, Sequence[Source]]] = []
    for kind, sources in groups.items():
        chosen = to_merge(sources)
        if chosen:
            merges.append((kind, chosen))
        kept += [source.merged for source in sources if source.merged and source not in chosen]
    return MergePlan(kept, merges, bool(merges or gone))


def to_merge(sources: Sequence[Source]) -> Sequence[Source]:
    """Those of the sources of one kind that become one segment; none if it is not worth it."""
    by_size = sorted(sources, key=lambda source: source.live)
    merged, total = list[Source](), 0
    for source in by_size:
        worth_it = not merged or source.live <= MERGED_FACTOR * total or source.is_wasteful
        if worth_it and total + source.live <= MAX_ROWS:
            merged.append(source)
            total += source.live
    return merged if len(merged) > 1 or (merged and merged[0].is_wasteful) else []


def merge(files: BatchFiles) -> Iterator[float]:
    """Do it. Yields the share that is done, some times a second; close it to give up: nothing is changed then.

    Raises:
        Conflict: another process is at it.
        DamagedSegment: a file of a batch is damaged.
        OSError: the disk is full, or the directory can't be written to.
    """
    with DirectoryLock(files.directory, LOCK):
        todo = plan(files)
        if not todo.changed:
            return
        made: list[MergedSegment] = []
        total = max(1, sum(source.live for _, sources in todo.merges for source in sources))
        done = 0
        try:
            for kind, sources in todo.merges:
                segment = _merged(kind, sources)
                own = value_type(segment.type, segment.size)
                path: Path = files.directory / segment.file
                for share in write_segment(path, own, segment.rows, _rows_of(sources, segment.batches)):
                    yield (done + share * segment.rows) / total
                made.append(segment)
                done += segment.rows
            write_merged(files.directory, [*todo.kept, *made])
        finally:
            remove_left_overs(files.directory, [*todo.kept, *made] if len(made) == len(todo.merges) else todo.kept)


def _merged(kind: Kind, sources: Sequence[Source]) -> MergedSegment:
    _, signal_type, size = kind
    batches = [batch_id for source in sources for batch_id in source.batches if batch_id]
    live = sum(source.live for source in sources)
    return MergedSegment(f"{secrets.token_hex(8)}{MERGED_SUFFIX}", signal_type, size, batches, live)


def _rows_of(sources: Sequence[Source], batches: Sequence[str]) -> Iterator[Rows]:
    """The rows of the batches, each with the position of its batch in the reference. What is copied is verified."""
    positions: Mapping[str, int] = {batch_id: number for number, batch_id in enumerate(batches)}
    for source in sources:
        for _ in source.search.segment.file.verify():
            pass
        numbers = np.array([positions.get(batch_id, -1) for batch_id in source.batches], np.int64)
        values, refs = source.search.segment.values, source.search.segment.refs
        for start in range(0, len(refs), ROWS_PER_STEP):
            some = refs[start : start + ROWS_PER_STEP]
            owners = numbers[(some >> np.uint64(32)).astype(np.int64)]
            there = owners >= 0
            rows = some[there] & np.uint64((1 << 32) - 1)
            new = owners[there].astype(np.uint64) << np.uint64(32) | rows
            yield Rows(values[start : start + ROWS_PER_STEP][there], new)


def _rows(batch: Batch, signal_type: str, size: int) -> int:
    part = batch.part_for(signal_type, size)
    return part.rows if part else 0
