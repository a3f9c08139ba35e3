"""Which targets are kept when there are too many: a fair share for each path and host, and the popular longest.

A target ranks within its path: targets that were recorded again come before those that were seen once, and older ones
before newer ones, since a flood of one-time queries is newer than what it would displace. A target of rank n of one
path is worth as much as one of rank n of another, so the path, and then the host, with the most targets loses first.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from edgeward.sightings.codec import unpack_target
from edgeward.sightings.last_seen import last_seen, repeats
from edgeward.sightings.url_normalization import NormalizedUrl, normalized
from edgeward.types import Target

FIELD_OVERHEAD = 32
"""About what the store adds to the bytes of a packed target: its value, its pointers, its place in the URL index."""


@dataclass(frozen=True, slots=True)
class SeenTarget:
    """A target of an image, packed, with the number stored with it (last_seen.py)."""

    image: bytes
    packed: bytes
    stored: bytes
    target: Target
    url: NormalizedUrl

    @classmethod
    def read(cls, image: bytes, packed: bytes, stored: bytes) -> "SeenTarget":
        """Raises ValueError if `packed` is not a packed target."""
        target = unpack_target(packed)
        return cls(image, packed, stored, target, normalized(target))

    @property
    def size(self) -> int:
        """Bytes that it takes in the store, about."""
        return len(self.packed) + FIELD_OVERHEAD

    @property
    def is_popular(self) -> bool:
        """Whether it was recorded more than once."""
        return repeats(self.stored) > 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Maximum targets and bytes (`SeenTarget.size`) of one path of an image, and of the image."""

    path_targets: int
    path_bytes: int
    image_targets: int
    image_bytes: int


def beyond_limits(targets: Iterable[SeenTarget], limits: Limits) -> list[SeenTarget]:
    """The targets of one image that must go so that the others are within the limits."""
    beyond: list[SeenTarget] = []
    within: list[SeenTarget] = []
    for of_path in _groups(targets, _path).values():
        best_first = sorted(of_path, key=_worth)
        fits = _fitting(best_first, limits.path_targets, limits.path_bytes)
        within += best_first[:fits]
        beyond += best_first[fits:]
    kept = least_valuable_first(within)[::-1]
    return beyond + kept[_fitting(kept, limits.image_targets, limits.image_bytes) :]


def least_valuable_first(targets: Iterable[SeenTarget]) -> list[SeenTarget]:
    """Targets of any images, in the order in which they are to be forgotten."""
    ranked: list[tuple[bool, int, SeenTarget]] = []
    for of_host in _groups(targets, _host).values():
        in_host: list[tuple[bool, int, SeenTarget]] = []
        for of_path in _groups(of_host, _path).values():
            in_host += [(not each.is_popular, rank, each) for rank, each in enumerate(sorted(of_path, key=_worth))]
        in_host.sort(key=lambda each: (each[0], each[1], last_seen(each[2].stored)))
        ranked += [(seen_once, rank, each) for rank, (seen_once, _, each) in enumerate(in_host)]
    ranked.sort(key=lambda each: (each[0], each[1]), reverse=True)
    return [each for *_, each in ranked]


def _worth(target: SeenTarget) -> tuple[int, int]:
    """Sorts the most valuable first."""
    return -repeats(target.stored).bit_length(), last_seen(target.stored)


def _host(target: SeenTarget) -> object:
    return target.url.host


def _path(target: SeenTarget) -> object:
    return target.image, target.url.host, target.url.path


def _groups(targets: Iterable[SeenTarget], key: Callable[[SeenTarget], object]) -> dict[object, list[SeenTarget]]:
    groups: dict[object, list[SeenTarget]] = defaultdict(list)
    for target in targets:
        groups[key(target)].append(target)
    return groups


def _fitting(targets: Sequence[SeenTarget], number: int, size: int) -> int:
    """How many of the first targets are within a number and a size in bytes."""
    for position, target in enumerate(targets):
        size -= target.size
        if position >= number or size < 0:
            return position
    return len(targets)
