"""How the values of one type and length of a segment are searched: by bands, by equality, or one by one.

A type's distance may be another one than when the segment was written, since types can be installed and removed. So
the segment's form only says what is fast; what is found follows from the type as it is now.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgeward.errors import DamagedSegment
from edgeward.hashing.signal_registry import listable_types
from edgeward.hashing.signal_types import DHASH_BYTES, DHASH_WEIGHT, ListedType, PdqDhash, is_hamming
from edgeward.matching.segments.digest_segment import DigestSegment
from edgeward.matching.segments.hamming_segment import HammingSegment
from edgeward.matching.segments.segment_file import SegmentFile
from edgeward.matching.segments.segment_rows import (
    HAMMING,
    WORD_BYTES,
    Metric,
    Numbers,
    Refs,
    Values,
    ValueType,
)

VALUES_PER_BLOCK = 256
"""Values per step if a type compares them itself, maybe one by one."""
ROWS_PER_BLOCK = 1 << 13
"""The same for the number of bits that differ."""


def value_type(signal_type: str, size: int) -> ValueType:
    """How values of `size` bytes of this type are written: by distance if there is a fast search by it."""
    kind, bits = listable_types().get(signal_type), 8 * size
    if kind is None or kind.radius is None or size % WORD_BYTES or _has_own_distance(kind, bits):
        return ValueType(signal_type, bits, False)
    return ValueType(signal_type, bits, True, _metric(kind, bits))


def _metric(kind: ListedType, bits: int) -> Metric:
    composite = isinstance(kind, PdqDhash) and kind.bits == bits
    return Metric(DHASH_BYTES // WORD_BYTES, DHASH_WEIGHT) if composite else HAMMING


def _has_own_distance(kind: ListedType, bits: int) -> bool:
    """Whether values must be compared by the type itself. Those of another length than its own can't be."""
    return kind.bits == bits and not is_hamming(kind) and not isinstance(kind, PdqDhash)


class ValueSearch:
    """The values of a segment. Each has a reference, which is what is found.

    Attributes:
        type: signal type.
        size: bytes of a value.
        segment: where they are.
    """

    def __init__(self, path: Path, signal_type: str, size: int) -> None:
        """Open the segment.

        Raises:
            DamagedSegment: it is damaged, or of another type or length.
            FileNotFoundError: there is none.
        """
        self.type, self.size = signal_type, size
        file = SegmentFile(path)
        if (file.facts.get("signal"), file.facts.get("bits")) != (signal_type, 8 * size):
            raise DamagedSegment(f"{path}: it is not of {signal_type} of {8 * size} bits")
        kind = listable_types().get(signal_type)
        metric = _metric(kind, 8 * size) if kind else HAMMING
        self._kind, self._metric = kind, metric
        by_distance = "prefix_bits" not in file.facts
        leading = file.facts.get("leading_words", 0)
        self._written = Metric(leading, DHASH_WEIGHT) if leading else HAMMING
        self.segment = HammingSegment(file, self._written) if by_distance else DigestSegment(file)

    def __len__(self) -> int:
        return len(self.segment)

    def equal(self, values: Values) -> Iterator[tuple[Numbers, Refs]]:
        """Equal values: positions in `values`, and references; in pieces of a few milliseconds."""
        for numbers, rows in self.segment.equal(values):
            yield numbers, self.segment.refs[rows]

    def near(self, values: Values, radius: int) -> Iterator[tuple[Numbers, Refs, Numbers]]:
        """Every pair within the radius: positions in `values`, references, distances; in pieces of a few milliseconds.

        Some pairs may come twice.
        """
        if self._is_fast():
            assert isinstance(self.segment, HammingSegment)
            for numbers, rows, distances in self.segment.near(values, radius):
                yield numbers, self.segment.refs[rows], distances
            return
        own = self._kind if self._kind and _has_own_distance(self._kind, 8 * self.size) else None
        each = VALUES_PER_BLOCK if own else ROWS_PER_BLOCK
        for start in range(0, len(self), each):
            block = self.segment.values[start : start + each]
            text = block.tobytes() if own else b""
            for number, value in enumerate(values):
                if own:
                    distances = np.array(own.distances(value.tobytes(), text), np.int64)
                else:
                    distances = self._distances(value, block)
                rows = np.flatnonzero(distances <= radius)
                yield np.full(len(rows), number), self.segment.refs[rows + start], distances[rows]

    def _is_fast(self) -> bool:
        if not isinstance(self.segment, HammingSegment) or self._written != self._metric:
            return False
        return self._kind is None or not _has_own_distance(self._kind, 8 * self.size)

    def _distances(self, value: Values, block: Values) -> Numbers:
        counts = np.bitwise_count(block ^ value)
        leading = self._metric.leading_words * WORD_BYTES
        distances: Numbers = counts[:, leading:].sum(axis=1, dtype=np.int64)
        if leading:
            np.maximum(distances, self._metric.weight * counts[:, :leading].sum(axis=1, dtype=np.int64), out=distances)
        return distances
