"""Distances from values to the nearest listed entries, whatever the radius."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeward.hashing.signal_types import DHASH_WEIGHT
from edgeward.types import COMPOSITE_TYPE

FAR = np.iinfo(np.uint16).max


class Nearest(NamedTuple):
    """Least distances to entries of a picture's own photograph, other photographs, unrelated images; None: no entry."""

    own: int | None
    other: int | None
    unrelated: int | None


class Entries:
    """Values of one signal type, each with the name of its picture. `unrelated`: names of unrelated images."""

    def __init__(self, kind: str, pairs: Sequence[tuple[str, str]], unrelated: Collection[str] = ()) -> None:
        self._kind = kind
        self._names = np.array([name for name, _ in pairs], dtype=object)
        self._unrelated = np.array([name in unrelated for name, _ in pairs], dtype=bool)
        self._words = _words([value for _, value in pairs])

    def nearest(self, values: Sequence[str], own: str) -> list[Nearest]:
        """The result for each value of a picture that was made from the photograph `own`."""
        if not values or not len(self._words):
            return [Nearest(None, None, None)] * len(values)
        distances = _distances(self._kind, _words(values), self._words)
        mine = self._names == own
        columns = [
            distances[:, mask].min(axis=1, initial=FAR) for mask in (mine, ~mine & ~self._unrelated, self._unrelated)
        ]
        return [Nearest(*(None if least == FAR else int(least) for least in row)) for row in zip(*columns, strict=True)]


def least(some: Iterable[Nearest]) -> Nearest:
    """The least distances over several values."""
    columns = list(zip(*some, strict=True)) or [(), (), ()]
    return Nearest(*(min((each for each in column if each is not None), default=None) for column in columns))


def pairs_within(kind: str, pairs: Sequence[tuple[str, str]], radius: int) -> list[tuple[str, str]]:
    """Names of two pictures, in order, that have values within `radius`. `pairs`: names and values."""
    words = _words([value for _, value in pairs])
    near = np.argwhere(_distances(kind, words, words) <= radius) if pairs else ()
    names = {tuple(sorted((pairs[one][0], pairs[other][0]))) for one, other in near}
    return sorted((one, other) for one, other in names if one != other)


def _words(values: Sequence[str]) -> NDArray[np.uint64]:
    """Signals of a multiple of 64 bits, one in each row."""
    return np.frombuffer(bytes.fromhex("".join(values)), np.uint64).reshape(len(values), -1) if values else _NONE


_NONE: NDArray[np.uint64] = np.empty((0, 0), np.uint64)


def _distances(kind: str, values: NDArray[np.uint64], entries: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """From each value (rows) to each entry (columns). In a composite value the first word is the dhash."""
    words = [
        np.bitwise_count(mine[:, None] ^ theirs[None]).astype(np.uint16)
        for mine, theirs in zip(values.T, entries.T, strict=True)
    ]
    if kind == COMPOSITE_TYPE:
        return np.maximum(DHASH_WEIGHT * words[0], sum(words[2:], words[1]))
    return sum(words[1:], words[0])
