"""What a takedown or a purge would order: which targets, and how many at each host. Nothing is ordered."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from edgeward.errors import Unavailable
from edgeward.operations.services import Services
from edgeward.operations.takedowns import TakedownRequest
from edgeward.retromatch.worker import MAX_REPLICA_WAIT_SECONDS
from edgeward.sightings.url_normalization import decoded_url, normalized_host
from edgeward.takedowns.scope import SCHEMES
from edgeward.types import Signal, Target
from edgeward.types.records import target_key

MAX_NAMED = 1000
"""Targets that are named."""
MAX_COUNTED = 100_000
"""Targets that are counted."""
PREVIEW_SECONDS = 20.0
"""Longest time to look for what was seen below prefixes: that reads the sightings of every image."""


@dataclass(frozen=True, slots=True)
class PurgePreview:
    """What would be ordered.

    Attributes:
        targets: the first MAX_NAMED targets.
        count: number of all targets.
        hosts: by host, how many of them, the most first.
        forgotten: by prefix that would be purged as a whole, how many forgotten targets it stands for.
        images: number of images seen that match the hashes.
        unmatched: the URLs, prefixes and hashes of which no copy was seen.
        at_least: there may be more targets: there are very many, or to look for all takes too long.
    """

    targets: Sequence[Target]
    count: int
    hosts: Mapping[str, int]
    forgotten: Mapping[Target, int]
    images: int
    unmatched: Sequence[str]
    at_least: bool


@dataclass(slots=True)
class _Found:
    """The targets so far."""

    deadline: float
    targets: list[Target] = field(default_factory=list)
    keys: set[bytes] = field(default_factory=set)
    hosts: Counter[str] = field(default_factory=Counter)
    forgotten: dict[Target, int] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)
    unmatched: list[str] = field(default_factory=list)
    is_cut: bool = False

    def add(self, targets: Iterable[Target]) -> None:
        for target in targets:
            if len(self.keys) >= MAX_COUNTED:
                self.is_cut = True
                return
            key = target_key(target)
            if key not in self.keys:
                self.keys.add(key)
                self.hosts[normalized_host(target.host)] += 1
                if len(self.targets) < MAX_NAMED:
                    self.targets.append(target)

    @property
    def has_room(self) -> bool:
        """Whether to look on."""
        self.is_cut = self.is_cut or time.monotonic() > self.deadline
        return not self.is_cut


async def preview(services: Services, asked: TakedownRequest, both_schemes: bool = True) -> PurgePreview:
    """What would be ordered.

    Args:
        both_schemes: a URL is purged under http and https, as a takedown does; False: as it is given.

    Raises:
        Unavailable: images can't be searched yet.
    """
    # Workers write sightings in batches. What they have served by now must be among them.
    await services.list_store.wait_flushed(MAX_REPLICA_WAIT_SECONDS)
    found = _Found(time.monotonic() + PREVIEW_SECONDS)
    await _add_urls(services, found, asked.written or [(url,) for url in asked.urls], both_schemes)
    await _add_images(services, found, asked.signals)
    await _add_below(services, found, asked.prefixes)
    return PurgePreview(
        found.targets,
        len(found.keys),
        dict(found.hosts.most_common()),
        found.forgotten,
        len(found.images),
        found.unmatched,
        found.is_cut,
    )


async def _add_urls(services: Services, found: _Found, written: Sequence[Sequence[Target]], both_schemes: bool) -> None:
    """`written`: by URL the targets that it stands for."""
    scope = services.takedown_scope
    for urls in written:
        forgotten = await scope.forgotten_of_urls(urls)
        found.forgotten.update(forgotten)
        is_seen = bool(forgotten)
        for url in urls:
            seen = await scope.seen_targets(url)
            is_seen = is_seen or bool(seen)
            found.add([*seen, *(replace(url, scheme=scheme) for scheme in SCHEMES)] if both_schemes else [*seen, url])
        if not is_seen:
            found.unmatched.append(urls[0].url)


async def _add_images(services: Services, found: _Found, signals: Sequence[Signal]) -> None:
    if signals and not services.retromatch.ready:
        raise Unavailable("images can't be searched yet: try again")
    scope = services.takedown_scope
    for signal in signals:
        is_seen = False
        for image in await scope.similar_images(signal):
            targets = await scope.targets_of_image(image.sha256)
            forgotten = await scope.forgotten_of_image(image.sha256)
            found.add(targets)
            found.forgotten.update(forgotten)
            if targets or forgotten:
                found.images.add(image.sha256)
                is_seen = True
        if not is_seen:
            found.unmatched.append(f"{signal.type}:{signal.value}")
    if signals:
        found.forgotten.update(await scope.lost())


async def _add_below(services: Services, found: _Found, prefixes: Sequence[Target]) -> None:
    scope = services.takedown_scope

    def host(prefix: Target) -> str:
        return normalized_host(prefix.host)

    for _, of_host in groupby(sorted(prefixes, key=host), key=host):
        some = list(of_host)
        unseen = {prefix: decoded_url(prefix) for prefix in some}
        async for targets in scope.targets_below(some):
            found.add(targets)
            below = [decoded_url(target) for target in targets] if unseen else []
            unseen = {each: start for each, start in unseen.items() if not any(url.startswith(start) for url in below)}
            if not found.has_room:
                break
            await asyncio.sleep(0)
        forgotten = await scope.forgotten_below(some)
        found.forgotten.update(forgotten)
        if not found.is_cut:
            found.unmatched += [each.url for each in unseen if not forgotten.get(each)]
