"""What new entries of a list would block and purge of all that was seen. Nothing is changed.

The search is that of retromatching, and its verdicts are those of the live lists with the new entries. It takes a
limited time; what it did not get to is said.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import batched

from edgeward.hashing.composite import is_matchable
from edgeward.hashing.signal_registry import radius_of
from edgeward.matching.matcher import Matcher, has_enough_quality
from edgeward.operations.protection import Protection
from edgeward.operations.services import Services
from edgeward.policy.list_limits import Place, verdict_at
from edgeward.retromatch.search_scope import Search
from edgeward.retromatch.seen_image_index import SeenImageIndex
from edgeward.retromatch.seen_image_search import search_index
from edgeward.sightings.url_normalization import normalized_host
from edgeward.types import Entry, Fingerprint, HashList, ListKind, Match, Mode, Reason, Signal, Target, Verdict

SEARCH_SECONDS = 60.0
"""Longest time that the search of one file takes."""
IMAGES_PER_READ = 100
MAX_IMAGES = 100_000
"""Images that are counted. If there are more, that is said."""
MAX_HOSTS = 10_000
"""Hosts that are counted apart."""
DAY_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class SeenEffect:
    """What entries would do to what was seen.

    Attributes:
        images: seen images that would be blocked and are not blocked now.
        targets: the targets that served them: what would be purged.
        blocked_already: seen images that match and are blocked now already.
        allowed: seen images that match and that an allowlist lets pass.
        searched: number of hashes that were searched for.
        unsearched: number of those for which there was no time, or that came after MAX_IMAGES images. If there are any,
            each of the other numbers means "at least".
        recent: how many of `images` and `allowed` were seen in the last day: an allowlist may end.
        protected: seen images that match and are protected: by a protect-list, or by their place.
        hosts: number of different hosts of the targets, MAX_HOSTS at most.
    """

    images: int = 0
    targets: int = 0
    blocked_already: int = 0
    allowed: int = 0
    searched: int = 0
    unsearched: int = 0
    recent: int = 0
    protected: int = 0
    hosts: int = 0


class EffectSearch:
    """Adds up what new entries of one list would do.

    Args:
        among: the images that are searched; None: all that were seen.
        is_enough: asked with the effect so far, from `enough_seconds` on: whether the search may end.
    """

    def __init__(
        self,
        services: Services,
        hash_list: HashList,
        among: SeenImageIndex | None = None,
        is_enough: Callable[[SeenEffect], bool] = lambda _: False,
        enough_seconds: float = 0.0,
    ) -> None:
        self._services, self._list, self._among = services, hash_list, among
        self._is_enough, self._enough_seconds = is_enough, enough_seconds
        self._protection = Protection(services, hash_list)
        self._since = services.store.clock.now() - DAY_SECONDS
        self._seconds = 0.0
        self._decided: set[str] = set()
        self._hosts: set[str] = set()
        self.effect = SeenEffect()

    @property
    def is_possible(self) -> bool:
        """Whether entries of the list can block anything, and the images seen can be searched."""
        return can_block(self._list) and self._services.retromatch.ready

    async def add(self, signals: Sequence[Signal]) -> None:
        """Search what was seen for these signals."""
        matcher = self._services.replica.matcher
        min_quality = matcher.quality_of(self._list)
        types = {kind for kind in {each.type for each in signals} if is_matchable(kind, matcher.types)}
        can_match = [each for each in signals if each.type in types and has_enough_quality(each, min_quality)]
        began = time.monotonic()
        whole = not self._is_over(0.0) and await self._search(can_match, began)
        done = SeenEffect(searched=len(can_match)) if whole else SeenEffect(unsearched=len(can_match))
        self.effect = _sum(self.effect, done)
        self._seconds += time.monotonic() - began

    def _is_over(self, seconds: float) -> bool:
        """`seconds`: that this search has taken so far."""
        seconds += self._seconds
        if seconds > SEARCH_SECONDS or len(self._decided) > MAX_IMAGES:
            return True
        return seconds >= self._enough_seconds and self._is_enough(self.effect)

    async def _search(self, signals: Sequence[Signal], began: float) -> bool:
        """Whether all that was found was counted."""
        views = self._list.views
        radii = {kind: radius_of(self._list, kind) for kind in {each.type for each in signals}}
        searches = [Search(each, radii[each.type], views) for each in signals]
        if self._among is None:
            near = await self._services.retromatch.near_each(searches)
        else:
            near = await search_index(self._among, searches)
        by_image: dict[str, list[Signal]] = {}
        for signal, images in zip(signals, near, strict=True):
            for image_id in images - self._decided:
                by_image.setdefault(image_id, []).append(signal)
        for some in batched(by_image, IMAGES_PER_READ):
            if self._is_over(time.monotonic() - began):
                return False
            for image in await self._services.sightings.images_by_id(some):
                self.effect = _sum(self.effect, await self._effect_on(image, by_image[image.sha256[:32]]))
        return True

    async def _effect_on(self, image: Fingerprint, signals: Sequence[Signal]) -> SeenEffect:
        """Of the entries of these signals on one image. The search finds more than what matches."""
        matcher = self._services.replica.matcher
        new = Matcher(matcher.min_quality, matcher.types)
        new.set_list(self._list)
        for signal in signals:
            new.add_entry(Entry(self._list.name, signal))
        if not (await new.verdict_async(image)).blocks:
            return SeenEffect()
        self._decided.add(image.sha256[:32])
        matches = await matcher.matches_async(image)
        protected = int(self._protection.protects(matches))
        seen = await self._services.sightings.targets(image.sha256)
        verdicts = self._verdicts(matches, [target for target, _ in seen])
        at_targets = zip(seen, verdicts, strict=True)
        purged = [sighting for sighting, verdict in at_targets if verdict and _is_open(verdict)]
        first = next((verdict for verdict in verdicts if verdict), None)
        if not seen and not self._list.is_limited:
            first = matcher.verdict_from(matches)
        if first is None:
            return SeenEffect()
        if not purged and not _is_open(first):
            recent = int(any(seen_at >= self._since for _, seen_at in seen))
            return (
                SeenEffect(blocked_already=1)
                if first.blocks
                else SeenEffect(allowed=1, protected=protected, recent=recent)
            )
        if not protected:
            protected = int(any(self._protection.covers(target) for target, _ in purged))
        return SeenEffect(
            images=1,
            targets=len(purged),
            recent=int(any(seen_at >= self._since for _, seen_at in purged)),
            protected=protected,
            hosts=self._count_hosts([target for target, _ in purged]),
        )

    def _verdicts(self, matches: Sequence[Match], targets: Sequence[Target]) -> list[Verdict | None]:
        """What the lists say now of an image at each target; None where the list itself does not act."""
        matcher = self._services.replica.matcher
        if not self._list.is_limited and not matcher.depends_on_target(matches):
            return [matcher.verdict_from(matches)] * len(targets)
        return [
            verdict_at(matcher, matches, target) if Place.of(target).has_mode(self._list) is Mode.ENFORCE else None
            for target in targets
        ]

    def _count_hosts(self, targets: Sequence[Target]) -> int:
        """How many hosts of these targets were not counted before."""
        hosts = {normalized_host(target.host) for target in targets} - self._hosts
        new_hosts = list(hosts)[: MAX_HOSTS - len(self._hosts)]
        self._hosts.update(new_hosts)
        return len(new_hosts)


def _is_open(verdict: Verdict) -> bool:
    """Whether a new entry would change it."""
    return not verdict.blocks and verdict.reason is not Reason.ALLOWLISTED


def can_block(hash_list: HashList) -> bool:
    """Whether entries of the list can block anything."""
    return hash_list.kind is ListKind.BLOCK and hash_list.mode is Mode.ENFORCE


def _sum(one: SeenEffect, other: SeenEffect) -> SeenEffect:
    return SeenEffect(*(getattr(one, each.name) + getattr(other, each.name) for each in fields(SeenEffect)))
