"""The files of batches on this machine: of each batch a database with all its data, and a segment for each part.

Files are written under other names and flushed, and the database gets its name last: if it is there, all are. What a
process that was killed has left is removed by the next writer. One process of a machine writes at a time.
"""

import contextlib
import logging
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from edgeward.errors import Conflict, DamagedSegment, LaterRelease
from edgeward.matching.batches.batch_database import BatchDatabase, DatabaseWriter, new_database
from edgeward.matching.batches.merged_segments import MANIFEST, OpenMerged, Stamp, is_of_merged, open_merged, stamp
from edgeward.matching.batches.open_batch import OpenBatch, RecentlyUsed, read_counts
from edgeward.matching.batches.packed_rows import PackedRows
from edgeward.matching.batches.value_search import ValueSearch, value_type
from edgeward.matching.segments.directory_lock import DirectoryLock
from edgeward.matching.segments.segment_file import PARTIAL_SUFFIX, Identity, SegmentFile
from edgeward.matching.segments.segment_rows import Rows
from edgeward.matching.segments.segment_writing import write_segment
from edgeward.types import Batch
from edgeward.types.batches import adds_field, counts_field, removes_field, row_field

logger = logging.getLogger(__name__)

BATCHES_DIRECTORY = "batches"
"""Name of the directory in the state directory of a machine."""
DATABASE_SUFFIX, SEGMENT_SUFFIX = ".sqlite", ".segment"
RECENT_BUCKETS = 32
"""Buckets of all batches that a process keeps decoded: some 100 KB each."""
BUILDING_LOCK, MERGING_LOCK, VERIFYING_LOCK = "building.lock", "merging.lock", "verifying.lock"
DAMAGED_FILES, MAX_DAMAGED = "damaged", 1000
"""The file that names files which were found to be damaged, and how many of them are told."""
_PAUSE_SECONDS = 0.05
"""Between two tries to get the lock."""
_BATCH = "batch"
"""Name of the value that holds the batch itself."""


class BatchFiles:
    """A directory with the files of batches. It need not exist before the first is written.

    Attributes:
        directory: where they are.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._buckets = RecentlyUsed[PackedRows](RECENT_BUCKETS)
        self._known = dict[str, Batch]()
        self._merged: Sequence[OpenMerged] = ()
        self._merged_stamp: Stamp = None

    @classmethod
    def temporary(cls) -> Self:
        """Files in a new directory, which is removed when this object is."""
        directory = tempfile.mkdtemp(prefix="edgeward-batches-")
        files = cls(Path(directory))
        weakref.finalize(files, shutil.rmtree, directory, ignore_errors=True)
        return files

    def lock(self, name: str = BUILDING_LOCK) -> DirectoryLock:
        """The right to have files of batches built, merged or verified, which one process of a machine has at a time.

        What builds or merges may be another process, so `write` and `merge` have locks of their own besides.

        Raises:
            Conflict: another process has it.
        """
        return DirectoryLock(self.directory, name)

    def has(self, batch_id: str) -> bool:
        """Whether the files of a batch are there."""
        return self._database(batch_id).is_file()

    def open(self, batch: Batch) -> OpenBatch:
        """Open the files of a batch, which takes a millisecond.

        Raises:
            FileNotFoundError: they are not there: write them.
            DamagedSegment: one of them is damaged or missing, or of another batch: `remove` them, and write them anew.
        """
        path = self._database(batch.id)
        database = BatchDatabase(path)
        found = self._batch_in(database)
        if (found.id, found.parts) != (batch.id, batch.parts):
            raise DamagedSegment(f"{path}: it is of another batch")
        searches = [self.open_part(batch, number) if part.rows else None for number, part in enumerate(batch.parts)]
        try:
            return OpenBatch(batch, database, searches, self._buckets)
        except DamagedSegment as error:
            raise DamagedSegment(_beginning_with(path, str(error))) from None

    def check(self, batch: Batch) -> None:
        """Open the files of a batch, read its masks, and compare its segments with their checksums: a second for each
        gigabyte. Errors as in `open`."""
        opened = self.open(batch)
        for _ in opened.verify():
            pass
        for name in (*map(adds_field, batch.adds), *map(removes_field, batch.removes)):
            opened.check(name)

    def batches(self) -> Iterator[Batch]:
        """The batches whose files are there, as they were when those were written. Damaged ones are left out."""
        for path in self.directory.glob(f"*{DATABASE_SUFFIX}"):
            if path.stem not in self._known:
                try:
                    self._known[path.stem] = self._batch_in(BatchDatabase(path))
                except (DamagedSegment, FileNotFoundError):
                    continue
            yield self._known[path.stem]

    def merged(self) -> Sequence[OpenMerged]:
        """The merged segments that there are now; the same object as before if there are no others.

        If one is damaged, there are none: the segments of batches say the same.
        """
        if stamp(self.directory) != self._merged_stamp:
            try:
                known = {each.merged.file: each for each in self._merged}
                self._merged_stamp, opened = open_merged(self.directory, known)
                self._merged = tuple(opened.values())
            except DamagedSegment as error:
                logger.warning("%s; more segments are searched instead", error)
                self._merged_stamp, self._merged = stamp(self.directory), ()
        return self._merged

    def is_merged(self, file: SegmentFile) -> bool:
        """Whether an open file is that of a merged segment."""
        return is_of_merged(file.path.name)

    def remove_merged(self, file: SegmentFile) -> None:
        """Remove a merged segment, and forget all others: they are made again. Nothing, if it is replaced already."""
        if file.is_current():
            (self.directory / MANIFEST).unlink(missing_ok=True)
            file.path.unlink(missing_ok=True)

    def note_damaged(self, file: SegmentFile) -> None:
        """Tell all processes of the machine that a file which they may have open is damaged."""
        with (self.directory / DAMAGED_FILES).open("a") as record:
            record.write(" ".join(map(str, file.identity)) + "\n")

    def damaged(self) -> frozenset[Identity]:
        """The last of the files that were found to be damaged."""
        try:
            lines = (self.directory / DAMAGED_FILES).read_text().splitlines()[-MAX_DAMAGED:]
        except FileNotFoundError:
            return frozenset()
        found = (tuple(map(int, line.split())) for line in lines if len(line.split()) == 3)
        return frozenset((device, inode, changed) for device, inode, changed in found)

    def names(self) -> frozenset[str]:
        """The ids of the batches whose files are there."""
        return frozenset(path.stem for path in self.directory.glob(f"*{DATABASE_SUFFIX}"))

    def _batch_in(self, database: BatchDatabase) -> Batch:
        try:
            return Batch.from_json(database.read(_BATCH))
        except (LaterRelease, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedSegment(f"{database.path}: its batch can't be read: {error}") from None

    def open_part(self, batch: Batch, number: int) -> ValueSearch:
        """The segment of a part of a batch, which has rows. Errors as in `open`."""
        part, path = batch.parts[number], self._segment(batch.id, number)
        try:
            search = ValueSearch(path, part.type, part.size)
        except FileNotFoundError:
            raise DamagedSegment(f"{path}: it is missing") from None
        if len(search) != part.rows:
            raise DamagedSegment(f"{path}: it has {len(search)} rows instead of {part.rows}")
        return search

    def write(self, batch: Batch, data: Iterable[tuple[str, bytes]]) -> Iterator[float]:
        """Write the files of a batch; if they are there, nothing is done. Waits while another process writes.

        `data` are all its data under their names, in the order of `fields_of`, without those of buckets that have no
        rows. They are read as they are written: some 100 MB of memory are needed, however many there are.

        Yields the share that is done, some times a second; close it to give up: the batch has no files then.

        Raises:
            DamagedSegment: `data` are not the data of this batch. The message names the batch, and what is wrong.
            OSError: the disk is full, or the directory can't be written to.
        """
        with (yield from self._writing()):
            self._remove_left_overs()
            if self.has(batch.id):
                return
            try:
                with new_database(self._database(batch.id)) as database:
                    source = _BatchSource(batch, data, database)
                    yield from self._write_parts(batch, source)
                    database.finish()
            finally:
                if not self.has(batch.id):
                    self._remove_segments(batch.id)

    def _writing(self) -> Generator[float, None, DirectoryLock]:
        while True:
            try:
                return DirectoryLock(self.directory)
            except Conflict:
                yield 0.0
                time.sleep(_PAUSE_SECONDS)

    def _write_parts(self, batch: Batch, source: "_BatchSource") -> Iterator[float]:
        total, done = max(batch.rows, 1), 0
        source.read_counts()
        for number, part in enumerate(batch.parts):
            if part.rows:
                kind = value_type(part.type, part.size)
                path = self._segment(batch.id, number)
                for share in write_segment(path, kind, part.rows, source.rows(number)):
                    # To copy the rows takes about half of the time.
                    yield (done + (source.copied + share * part.rows) / 2) / total
            done += part.rows
        source.read_masks()

    def remove(self, batch_id: str) -> None:
        """Remove the files of a batch. Processes that have them open can go on reading them.

        Raises:
            Conflict: another process is writing to the directory.
        """
        with DirectoryLock(self.directory):
            self._database(batch_id).unlink(missing_ok=True)
            self._remove_segments(batch_id)

    def remove_damaged(self) -> None:
        """Remove the files of batches that can't be opened. Whoever needs one builds its files again.

        Raises:
            Conflict: another process is writing to the directory.
        """
        for batch in list(self.batches()):
            try:
                self.open(batch)
            except FileNotFoundError:
                continue
            except DamagedSegment:
                self.remove(batch.id)

    def mark_used(self, batch_ids: Iterable[str]) -> None:
        """Note that the files of these batches are in use. Those that are not there are passed over."""
        for batch_id in batch_ids:
            with contextlib.suppress(FileNotFoundError):
                os.utime(self._database(batch_id))

    def remove_others(self, keep: Collection[str], unused_seconds: float = 0.0) -> int:
        """Remove the files of all batches but those with these ids; returns how many batches had some.

        `unused_seconds`: those stay, too, that were written or marked as used within so many seconds.

        Raises:
            Conflict: another process is writing to the directory.
        """
        with DirectoryLock(self.directory):
            before = time.time() - unused_seconds
            others = [path for path in self.directory.glob(f"*{DATABASE_SUFFIX}") if path.stem not in keep]
            others = [path for path in others if path.stat().st_mtime <= before]
            for path in others:
                path.unlink()
            self._remove_left_overs()
        return len(others)

    def _remove_left_overs(self) -> None:
        """Remove what is not whole. Only for the holder of the lock."""
        for path in self.directory.iterdir():
            without_database = path.suffix == SEGMENT_SUFFIX and not self.has(path.name.partition(".")[0])
            is_partial = path.suffix == PARTIAL_SUFFIX and not is_of_merged(path.name)
            if is_partial or without_database:
                path.unlink()

    def _remove_segments(self, batch_id: str) -> None:
        for path in self.directory.glob(f"{batch_id}.*{SEGMENT_SUFFIX}"):
            path.unlink()

    def _database(self, batch_id: str) -> Path:
        return self.directory / f"{batch_id}{DATABASE_SUFFIX}"

    def _segment(self, batch_id: str, part: int) -> Path:
        return self.directory / f"{batch_id}.{part}{SEGMENT_SUFFIX}"


class _BatchSource:
    """The data of a batch as they come, written to its database and checked.

    Attributes:
        copied: how many rows of the present part were read.
    """

    def __init__(self, batch: Batch, data: Iterable[tuple[str, bytes]], database: DatabaseWriter) -> None:
        self._batch, self._data, self._database = batch, iter(data), database
        self._counts: list[list[int]] = []
        self.copied = 0
        database.add(_BATCH, batch.to_json().encode())

    def read_counts(self) -> None:
        """Read how many rows each bucket has. Raises DamagedSegment."""
        for number, part in enumerate(self._batch.parts):
            name = counts_field(number)
            data = self._next(name)
            try:
                self._counts.append(read_counts(data, part).tolist())
            except DamagedSegment as error:
                raise self._damaged(f"{name}: {error}") from None

    def rows(self, number: int) -> Iterator[Rows]:
        """The values of a part; the reference of each is its row. Raises DamagedSegment."""
        part, self.copied = self._batch.parts[number], 0
        for bucket, count in enumerate(self._counts[number]):
            if not count:
                continue
            name = row_field(number, bucket)
            data = self._next(name)
            try:
                packed = PackedRows(data, part)
            except DamagedSegment as error:
                raise self._damaged(f"{name}: {error}") from None
            if len(packed) != count:
                raise self._damaged(f"{name} has {len(packed)} rows instead of {count}")
            first = part.first + self.copied
            self.copied += count
            yield Rows(packed.values, np.arange(first, first + count, dtype=np.uint64))

    def read_masks(self) -> None:
        """Read the masks, which come last. Raises DamagedSegment."""
        for name in (*map(adds_field, self._batch.adds), *map(removes_field, self._batch.removes)):
            self._next(name)
        for name, _ in self._data:
            raise self._damaged(f"there is {name} beyond its data")

    def _next(self, wanted: str) -> bytes:
        name, value = next(self._data, ("nothing", b""))
        if name != wanted:
            raise self._damaged(f"there is {name} instead of {wanted}")
        self._database.add(name, value)
        return value

    def _damaged(self, what: str) -> DamagedSegment:
        return DamagedSegment(f"data of the batch {self._batch.id}: {what}")


def _beginning_with(path: Path, message: str) -> str:
    return message if message.startswith(str(path)) else f"{path}: {message}"
