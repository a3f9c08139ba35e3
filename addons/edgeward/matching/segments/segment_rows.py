"""Rows as arrays: values of one type and length, with a reference for each; and how values are read from text."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WORD_BYTES = 8

type Values = NDArray[np.uint8]
"""Values as an array of (number of values, bytes of a value), as a hash is written: the first byte comes first."""
type Words = NDArray[np.uint64]
"""The same values as an array of (number of values, words of a value)."""
type Refs = NDArray[np.uint64]
"""One number for each value. What it refers to is the caller's business."""
type Numbers = NDArray[np.int64]
"""Positions of queries, or of rows."""


class Metric(NamedTuple):
    """How far two values are apart: the number of bits in which they differ.

    If a value has leading words, it is a value of another type before the words that bands are made of, and the
    distance is the larger one of the two: `weight` times the differing bits of the leading words, and those of the
    others. So is that of `pdq-dhash`.
    """

    leading_words: int = 0
    weight: int = 0


HAMMING = Metric()


@dataclass(frozen=True, slots=True)
class ValueType:
    """What the rows of a segment are.

    Attributes:
        signal: signal type, such as "pdq" or "md5".
        bits: length of a value.
        has_distance: values are searched by distance; without it only for equality.
        metric: that distance.
    """

    signal: str
    bits: int
    has_distance: bool
    metric: Metric = HAMMING

    def __post_init__(self) -> None:
        unit = 8 * WORD_BYTES if self.has_distance else 8
        if self.bits <= 0 or self.bits % unit:
            raise ValueError(f"{self.bits} bits are not a multiple of {unit}")
        if self.metric.leading_words * 8 * WORD_BYTES >= self.bits:
            raise ValueError(f"{self.bits} bits have no word after {self.metric.leading_words}")

    @property
    def size(self) -> int:
        """Bytes of a value."""
        return self.bits // 8

    def parse(self, values_hex: Sequence[str]) -> Values:
        """Values from hexadecimal text.

        Raises:
            ValueError: one has another length, or other digits. The message names its position.
        """
        for number, value in enumerate(values_hex):
            if len(value) * 4 != self.bits:
                raise ValueError(f"value {number} has {len(value) * 4} bits instead of {self.bits}")
        joined = bytes.fromhex("".join(values_hex))
        if len(joined) != len(values_hex) * self.size:  # bytes.fromhex skips spaces
            raise ValueError("a value has other characters than hexadecimal digits")
        return np.frombuffer(joined, np.uint8).reshape(-1, self.size)


class Rows(NamedTuple):
    """Values and the reference of each, of equal length."""

    values: Values
    refs: Refs


def words_of(values: Values) -> Words:
    """The values as words; a view if they lie side by side in memory."""
    words: Words = np.ascontiguousarray(values).view("<u8")
    return words


def copy_rows(rows: Iterable[Rows], values: Values, refs: Refs) -> Iterator[None]:
    """Copy rows into arrays, which they must fill; a step for each part of `rows`."""
    done = 0
    for part in rows:
        end = done + len(part.refs)
        if end > len(refs):
            raise ValueError(f"more than {len(refs)} rows")
        values[done:end], refs[done:end] = part.values, part.refs
        done = end
        yield
    if done < len(refs):
        raise ValueError(f"{done} rows instead of {len(refs)}")
