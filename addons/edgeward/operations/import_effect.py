"""What new entries of a list would block and purge of all that was seen. Nothing is changed.

The search is that of retromatching, and its verdicts are those of the live lists with the new entries. It takes at most
SEARCH_SECONDS; what it did not get to is said.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched

from edgeward.hashing.composite import is_matchable
from edgeward.hashing.signal_registry import radius_of
from edgeward.matching.matcher import Matcher, has_enough_quality
from edgeward.operations.services import Services
from edgeward.policy.list_limits import Place, verdict_at
from edgeward.retromatch.search_scope import Search
from edgeward.types import Entry, Fingerprint, HashList, ListKind, Mode, Reason, Signal, Verdict

SEARCH_SECONDS = 60.0
"""Longest time that the search of one file takes."""
IMAGES_PER_READ = 100
MAX_IMAGES = 100_000
"""Images that are counted. If there are more, that is said."""


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
    """

    images: int = 0
    targets: int = 0
    blocked_already: int = 0
    allowed: int = 0
    searched: int = 0
    unsearched: int = 0


class EffectSearch:
    """Adds up what new entries of one list would do."""

    def __init__(self, services: Services, hash_list: HashList) -> None:
        self._services, self._list = services, hash_list
        self._seconds = 0.0
        self._decided: set[str] = set()
        self.effect = SeenEffect()

    @property
    def is_possible(self) -> bool:
        """Whether entries of the list can block anything, and the images seen can be searched."""
        blocks = self._list.kind is ListKind.BLOCK and self._list.mode is Mode.ENFORCE
        return blocks and self._services.retromatch.ready

    async def add(self, signals: Sequence[Signal]) -> None:
        """Search what was seen for these signals."""
        matcher = self._services.replica.matcher
        can_match = [
            each
            for each in signals
            if is_matchable(each.type, matcher.types) and has_enough_quality(each, matcher.quality_of(self._list))
        ]
        effect, began = self.effect, time.monotonic()
        if self._seconds > SEARCH_SECONDS or len(self._decided) > MAX_IMAGES:
            self.effect = _sum(effect, SeenEffect(unsearched=len(can_match)))
            return
        searches = [Search(each, radius_of(self._list, each.type), self._list.views) for each in can_match]
        near = await self._services.retromatch.near_each(searches)
        by_image: dict[str, list[Signal]] = {}
        for signal, images in zip(can_match, near, strict=True):
            for image_id in images - self._decided:
                by_image.setdefault(image_id, []).append(signal)
        for some in batched(by_image, IMAGES_PER_READ):
            for image in await self._services.sightings.images_by_id(some):
                self.effect = _sum(self.effect, await self._effect_on(image, by_image[image.sha256[:32]]))
        self.effect = _sum(self.effect, SeenEffect(searched=len(can_match)))
        self._seconds += time.monotonic() - began

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
        targets = [target for target, _ in await self._services.sightings.targets(image.sha256)]
        matches = await matcher.matches_async(image)
        if not self._list.is_limited and not matcher.depends_on_target(matches):
            return _effect(matcher.verdict_from(matches), len(targets))
        # The list itself has no match here, but what it does not act on is not its doing.
        acts = [target for target in targets if Place.of(target).has_mode(self._list) is Mode.ENFORCE]
        effects = [_effect(verdict_at(matcher, matches, target), 1) for target in acts]
        if new_targets := sum(effect.targets for effect in effects):
            return SeenEffect(images=1, targets=new_targets)
        return effects[0] if effects else SeenEffect()


def _effect(now: Verdict, targets: int) -> SeenEffect:
    """Of entries that would block an image at so many targets, where this is the verdict now."""
    if now.blocks:
        return SeenEffect(blocked_already=1)
    if now.reason is Reason.ALLOWLISTED:
        return SeenEffect(allowed=1)
    return SeenEffect(images=1, targets=targets)


def _sum(one: SeenEffect, other: SeenEffect) -> SeenEffect:
    return SeenEffect(
        images=one.images + other.images,
        targets=one.targets + other.targets,
        blocked_already=one.blocked_already + other.blocked_already,
        allowed=one.allowed + other.allowed,
        searched=one.searched + other.searched,
        unsearched=one.unsearched + other.unsearched,
    )
