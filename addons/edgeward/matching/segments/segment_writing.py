"""Writing a segment in the form that fits its values."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from edgeward.matching.segments.digest_segment import write_digest_segment
from edgeward.matching.segments.hamming_segment import write_hamming_segment
from edgeward.matching.segments.segment_rows import Rows, ValueType


def write_segment(path: Path, kind: ValueType, count: int, rows: Iterable[Rows]) -> Iterator[float]:
    """Write `count` rows: to be searched by distance if their type is, else for equality.

    Yields the share that is done, some times a second; close it to give up: there is no file then.

    Raises:
        OSError: the disk is full, or the directory can't be written to.
        ValueError: there are more or fewer than `count` rows, or more than 2**32 - 1.
    """
    write = write_hamming_segment if kind.has_distance else write_digest_segment
    return write(path, kind, count, rows)
