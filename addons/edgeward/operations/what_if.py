"""What a list would match of all images seen, if its policy were another. Nothing is changed.

Only the distances of entries to images count, and their quality: not the list's mode, hosts, paths and share, and not
the allowlists that protect images.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import batched

from edgeward.hashing.composite import with_composites
from edgeward.hashing.signal_registry import distance, has_distance, radius_of
from edgeward.matching.matcher import has_enough_quality
from edgeward.operations import lists
from edgeward.operations.lists import ListChanges
from edgeward.operations.services import Services
from edgeward.retromatch.search_scope import Search, SearchExtent, full_extents
from edgeward.sightings.codec import ID_BYTES
from edgeward.types import COMPOSITE_TYPE, Entry, Fingerprint, HashList, Signal

ENTRIES_PER_STEP = 500
"""Entries that are searched for together. Between two steps the time is looked at."""
IMAGES_PER_READ = 250
MAX_IMAGES = 1_000_000
"""Images that match, at which the search ends."""
SLICE_SECONDS = 0.01
"""How long comparisons may occupy the event loop without a pause."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The images seen that a list matches, and those that it would match.

    Attributes:
        before, after: its policy, and the one that was asked for.
        entries: how many it has.
        searched: for how many of them images were searched. If it is less than `entries`, all counts are too low.
        images: how many images seen there are.
        matching, would_match: how many of them match under each policy.
        distances: by signal type, how many images are nearest to an entry by it, by their distance to that entry;
            under the policy that was asked for.
    """

    before: HashList
    after: HashList
    entries: int
    searched: int
    images: int
    matching: int
    would_match: int
    distances: Mapping[str, Mapping[int, int]]

    @property
    def is_complete(self) -> bool:
        """Whether images were searched for all entries."""
        return self.searched == self.entries


async def what_if(services: Services, name: str, changes: ListChanges, timeout: float) -> WhatIf:
    """Search all images seen for those that the list would match.

    Args:
        changes: of its policy; those of other values than radius, views and quality change nothing here.
        timeout: seconds after which the search ends, complete or not.

    Raises:
        InvalidValue: a radius is not allowed.
        NotFound: there is no such list.
        StoreUnavailable: the images seen are still being read.
    """
    deadline = time.monotonic() + timeout
    before = (await lists.get(services, name)).hash_list
    lists.check_radius(changes.radius or {})
    search = _SeenMatches(services, before, changes.applied_to(before))
    total, searched = len(services.replica.matcher.entries(name)), 0
    async with aclosing(services.listed_entries.in_memory(name)) as pieces:
        async for piece in pieces:
            for some in batched(piece, ENTRIES_PER_STEP):
                if time.monotonic() >= deadline or len(search.nearest) >= MAX_IMAGES:
                    return await search.result(total, searched)
                await search.step(some)
                searched += len(some)
    # It may have become longer or shorter meanwhile.
    return await search.result(searched, searched)


class _SeenMatches:
    """A search for all that a list matches under either policy.

    Attributes:
        nearest: by image that would match, its smallest distance to an entry, and the type by which that is.
    """

    def __init__(self, services: Services, before: HashList, after: HashList) -> None:
        self._services, self._before, self._after = services, before, after
        self._quality_of, self._min_quality = services.replica.matcher.quality_of, services.replica.matcher.min_quality
        self._extents = _union(full_extents(before), full_extents(after))
        self.nearest: dict[str, tuple[int, str]] = {}
        self._matching: set[str] = set()

    async def step(self, entries: Iterable[Entry]) -> None:
        """Search for images near these entries."""
        signals = [entry.signal for entry in entries if has_enough_quality(entry.signal, self._min_quality)]
        searches = [Search(each, *self._extents[each.type]) for each in signals if each.type in self._extents]
        found: defaultdict[str, list[Signal]] = defaultdict(list)
        for search, images in zip(searches, await self._services.retromatch.near_each(searches), strict=True):
            for image_id in images:
                found[image_id].append(search.signal)
        began = time.monotonic()
        for ids in batched(found, IMAGES_PER_READ):
            for image in await self._services.sightings.images_by_id(ids):
                self._compare(image, found[image.sha256[: 2 * ID_BYTES]])
                if time.monotonic() - began > SLICE_SECONDS:
                    await asyncio.sleep(0)
                    began = time.monotonic()

    def _compare(self, image: Fingerprint, listed: Sequence[Signal]) -> None:
        """Compare an image with all signals that it may match."""
        has_composite = any(each.type == COMPOSITE_TYPE for each in listed)
        of_type: defaultdict[str, list[Signal]] = defaultdict(list)
        for signal in with_composites(image.signals) if has_composite else image.signals:
            if has_enough_quality(signal, self._min_quality):
                of_type[signal.type].append(signal)
        of_type["sha256"].append(Signal("sha256", image.sha256))
        for each in listed:
            if self._nearest(each, of_type[each.type], self._before) is not None:
                self._matching.add(image.sha256)
            near = self._nearest(each, of_type[each.type], self._after)
            if near is not None:
                self.nearest[image.sha256] = min(self.nearest.get(image.sha256, (near, each.type)), (near, each.type))

    def _nearest(self, listed: Signal, signals: Sequence[Signal], policy: HashList) -> int | None:
        """The smallest distance within the list's radius; None if there is none."""
        if not has_distance(listed.type):
            return 0 if any(each.value == listed.value for each in signals) else None
        min_quality = self._quality_of(policy)
        if not has_enough_quality(listed, min_quality):
            return None
        distances = [
            distance(listed.type, each.value, listed.value)
            for each in signals
            if each.view in policy.views
            and len(each.value) == len(listed.value)
            and has_enough_quality(each, min_quality)
        ]
        nearest = min(distances, default=None)
        return nearest if nearest is not None and nearest <= radius_of(policy, listed.type) else None

    async def result(self, entries: int, searched: int) -> WhatIf:
        distances: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for nearest, signal_type in self.nearest.values():
            distances[signal_type][nearest] += 1
        counts = await self._services.retromatch.images_seen(), len(self._matching), len(self.nearest)
        return WhatIf(self._before, self._after, entries, searched, *counts, distances)


def _union(one: Mapping[str, SearchExtent], other: Mapping[str, SearchExtent]) -> dict[str, SearchExtent]:
    """The greater radius and all views, by type."""
    return {
        kind: SearchExtent(max(one[kind].radius, other[kind].radius), one[kind].views | other[kind].views)
        for kind in one.keys() & other.keys()
    }
