"""The search for images seen that are near rows of batches, step by step, in the cheaper direction.

By rows: rows are read a bucket at a time, and searched for among the values of all images. By images: the values of
images are searched for among the listed rows. The name of a step tells the direction and how far it came, so another
controller goes on with the next one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from edgeward.hashing.signal_registry import has_distance, listable_types
from edgeward.hashing.signal_types import is_hamming
from edgeward.matching.batches.batch_index import BatchIndex
from edgeward.retromatch import search_cost
from edgeward.retromatch.row_sets import RowSet
from edgeward.retromatch.search_scope import SearchExtent, indexed_extent
from edgeward.retromatch.seen_image_index import PREFIXES, SeenImageIndex
from edgeward.types import COMPOSITE_TYPE, Entry

FIRST_LETTER = "r"
"""Names of steps begin with it. Those of steps by entries are hexadecimal, so that they sort before these."""

LAST_BUCKET = 1 << 32
"""Greater than the number of any bucket."""

type Kind = tuple[str, int]
"""Signal type, and bytes of a value."""
type Bucket = tuple[int, int]
"""The version of a batch, and the number of a bucket."""
type BucketValues = tuple[Bucket, NDArray[np.uint8]]
"""A bucket, and values of its rows: an array of (values, bytes of a value)."""
type Step = tuple[str, set[str]]
"""The name of a step, and the ids of the images that it found."""


class Position(NamedTuple):
    """How far the search has come: with rows of this kind, in one direction.

    Attributes:
        last: by rows: the last bucket; by images: the last prefix of their ids, and 0.
    """

    kind: Kind
    by_images: bool
    last: tuple[int, int]

    def __str__(self) -> str:
        (signal_type, size), (one, two) = self.kind, self.last
        return f"{FIRST_LETTER}:{signal_type}:{size:x}:{'images' if self.by_images else 'rows'}:{one:x}:{two:x}"

    @classmethod
    def parse(cls, step: str) -> Self | None:
        """The position after a step of this name; None if it is not a step of such a search."""
        if not step.startswith(f"{FIRST_LETTER}:"):
            return None
        _, signal_type, size, direction, one, two = step.split(":")
        return cls((signal_type, int(size, 16)), direction == "images", (int(one, 16), int(two, 16)))


class RowSearch:
    """The images seen that are near some rows of the batches of a list.

    Args:
        seen: gives the index of the images seen as it is at that moment.
        index: the batches of the list.
        sets: the rows.
        extents: by signal type, how far to search. Rows of other types match nothing.
    """

    def __init__(
        self,
        seen: Callable[[], SeenImageIndex],
        index: BatchIndex,
        sets: Sequence[RowSet],
        extents: Mapping[str, SearchExtent],
    ) -> None:
        self._seen, self._index, self._sets, self._extents = seen, index, sets, extents
        self._by_id = {each.batch.id: each for each in sets}

    def wants(self, entry: Entry) -> bool:
        """Whether an entry of the list is that of one of these rows."""
        ref = self._index.ref_of(entry.signal)
        rows = self._by_id.get(ref.batch) if ref else None
        return bool(ref and rows and rows.batch.list == entry.list and rows.has(ref.row))

    async def steps(self, done: str) -> AsyncIterator[Step]:
        """The images, in steps of some seconds in a thread. Those up to the step `done` are left out.

        Raises:
            DamagedSegment: a file is damaged.
        """
        position = Position.parse(done)
        for kind in self._kinds():
            last: tuple[int, int] | None = None
            if position is not None and kind <= position.kind:
                if kind < position.kind:
                    continue
                by_images, last = position.by_images, position.last
            else:
                by_images = await asyncio.to_thread(self._images_are_cheaper, kind)
            steps = self._by_images(kind, last) if by_images else self._by_rows(kind, last)
            while (step := await asyncio.to_thread(next, steps, None)) is not None:
                yield step

    def _kinds(self) -> list[Kind]:
        kinds = {(part.type, part.size) for each in self._sets for part in each.batch.parts}
        return sorted(kind for kind in kinds if kind[0] in self._extents)

    def _images_are_cheaper(self, kind: Kind) -> bool:
        if not _can_search_by_images(kind):
            return False
        rows, images = self._count(kind), self._seen().count_of(*kind, self._extents[kind[0]].views)
        return search_cost.by_images(images, *self._listed(kind)) < search_cost.by_rows(rows, images)

    def _listed(self, kind: Kind) -> tuple[int, int]:
        """How many rows of this kind are listed, and in how many segments."""
        state = self._index.state
        return state.counts[kind], len(state.segments.get(kind, ()))

    def _count(self, kind: Kind) -> int:
        return sum(len(rows) for each in self._sets for _, rows in _rows_of(each, kind))

    def _by_rows(self, kind: Kind, last: Bucket | None) -> Iterator[Step]:
        """By rows, a number of buckets in each step; one step if no image has such values."""
        indexed, index = indexed_extent(kind[0], self._extents[kind[0]]), self._seen()
        images = index.count_of(indexed.type, indexed.bytes or kind[1], indexed.views)
        if not images:
            yield str(Position(kind, False, (self._sets[-1].batch.version, LAST_BUCKET))), set()
            return
        rows_per_step = search_cost.rows_per_step(images) if has_distance(kind[0]) else search_cost.MAX_ROWS
        values_of_buckets = (values for each in self._sets for values in _values_of(each, kind, last))
        for done, values in _joined(values_of_buckets, rows_per_step):
            found = self._seen().near_any(indexed.type, values[:, : indexed.bytes], indexed.radius, indexed.views)
            yield str(Position(kind, False, done)), found

    def _by_images(self, kind: Kind, last: tuple[int, int] | None) -> Iterator[Step]:
        """By images, those of some prefixes of ids in each step."""
        (signal_type, size), (radius, views) = kind, self._extents[kind[0]]
        images = self._seen().count_of(*kind, views)
        each = max(1, PREFIXES * search_cost.images_per_step(*self._listed(kind)) // max(images, 1))
        start = 0 if last is None else last[0] + 1
        while start < PREFIXES:
            stop = min(start + each, PREFIXES)
            found = set[str]()
            for values, ids in self._seen().values_of(signal_type, size, views, start, stop):
                for piece in self._index.near(
                    (signal_type, 8 * size), [value.tobytes().hex() for value in values], radius
                ):
                    found.update(ids[number] for number, entry, _ in piece if self.wants(entry))
            yield str(Position(kind, True, (stop - 1, 0))), found
            start = stop


def _can_search_by_images(kind: Kind) -> bool:
    """Images have no composite values. A digest is found by rows in a microsecond."""
    listed = listable_types().get(kind[0])
    return listed is not None and listed.radius is not None and is_hamming(listed) and kind[0] != COMPOSITE_TYPE


def _rows_of(rows: RowSet, kind: Kind, last: Bucket | None = None) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The rows of this kind after a bucket: the number of each bucket that has some, and their numbers."""
    part = rows.batch.part_for(*kind)
    version = rows.batch.version
    if part is None or not part.rows or (last is not None and version < last[0]):
        return
    after = last[1] if last is not None and version == last[0] else -1
    edges = rows.opened.edges(rows.batch.parts.index(part)).tolist()
    for bucket, (first, stop) in enumerate(pairwise(edges)):
        if bucket > after and first < stop:
            start = first // 8 * 8
            bits = np.unpackbits(rows.bits[first // 8 : -(-stop // 8)])
            numbers = np.flatnonzero(bits[first - start : stop - start]) + first
            if len(numbers):
                yield bucket, numbers


def _values_of(rows: RowSet, kind: Kind, last: Bucket | None) -> Iterator[BucketValues]:
    """The values of these rows after a bucket."""
    part = rows.batch.part_for(*kind)
    number = rows.batch.parts.index(part) if part else 0
    for bucket, numbers in _rows_of(rows, kind, last):
        first, _ = rows.opened.bounds(number, bucket)
        yield (rows.batch.version, bucket), rows.opened.bucket(number, bucket).values[numbers - first]


def _joined(buckets: Iterable[BucketValues], rows: int) -> Iterator[BucketValues]:
    """The values of several buckets together, at least `rows` unless they are the last; each with the last bucket."""
    some: list[NDArray[np.uint8]] = []
    count, last = 0, (0, 0)
    for last, values in buckets:
        some.append(values)
        count += len(values)
        if count >= rows:
            yield last, np.concatenate(some)
            some, count = [], 0
    if some:
        yield last, np.concatenate(some)
