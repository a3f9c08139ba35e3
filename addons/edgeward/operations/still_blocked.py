"""Which entries still block an image after others were taken back."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from edgeward.hashing.digests import DIGESTS
from edgeward.operations.services import Services
from edgeward.types import Fingerprint, HashList, ListKind, Match, Mode, Signal

MAX_CHECKED = 500
"""Perceptual signals that are searched after a removal: a long import has too many. All digests are looked up."""
MAX_SEARCHED = 20
"""Signals whose images are looked for among all that were seen."""
MAX_MATCHES = 100
NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StillBlocked:
    """What the lists say of signals that were taken back, and of the images that are known to have them.

    Attributes:
        blocking: matches of enforced blocklists, nearest first, at most MAX_MATCHES.
        allowed: a match of an enforced allowlist, which lets some of these images pass; None if there is none.
        checked: number of signals that were matched.
        unchecked: number of those that were not.
    """

    blocking: Sequence[tuple[Match, HashList]]
    allowed: tuple[Match, HashList] | None
    checked: int
    unchecked: int = 0


async def by_signals(
    services: Services, signals: Sequence[Signal], total: int = 0, without: Set[str] = NONE
) -> StillBlocked:
    """Match signals, and all signals of the images seen that have one of them.

    Args:
        total: number of signals that were taken back, if `signals` are not all.
        without: ids of entries that are on a list still, and count as taken back.
    """
    searched = [each for each in signals if each.type not in DIGESTS][:MAX_CHECKED]
    some = [*(each for each in signals if each.type in DIGESTS), *searched]
    # Each hash by itself: those of two images together could be taken for one image.
    made = [Fingerprint(each.value if each.type == "sha256" else "", "", 0, (each,)) for each in some]
    seen = await _seen_images(services, some)
    return await _match(services, [*seen, *made], len(some), max(total, len(signals)) - len(some), without)


async def by_image(services: Services, fingerprint: Fingerprint, without: Set[str] = NONE) -> StillBlocked:
    """Match one image, in all its views. `without`: as for `by_signals`."""
    return await _match(services, [fingerprint], len(fingerprint.signals), 0, without)


async def _seen_images(services: Services, signals: Sequence[Signal]) -> list[Fingerprint]:
    """The images seen that have exactly one of these signals: all of their signals are known, in all views."""
    digests = {each.value for each in signals if each.type == "sha256"}
    seen = {
        each.sha256: each for each in await services.sightings.images_by_id(list(digests)) if each.sha256 in digests
    }
    if services.retromatch.ready:
        for signal in signals[:MAX_SEARCHED]:
            seen.update((each.sha256, each) for each in (await services.retromatch.near(signal, 0))[:MAX_MATCHES])
    return list(seen.values())


async def _match(
    services: Services, fingerprints: Iterable[Fingerprint], checked: int, unchecked: int, without: Set[str]
) -> StillBlocked:
    matcher = services.replica.matcher
    nearest: dict[str, Match] = {}
    for fingerprint in fingerprints:
        for match in await matcher.matches_async(fingerprint):
            known = nearest.setdefault(match.entry.id, match)
            if match.distance < known.distance:
                nearest[match.entry.id] = match
    lists = matcher.lists
    left = (match for match in nearest.values() if match.entry.id not in without)
    found = [(match, lists[match.entry.list]) for match in left if match.entry.list in lists]
    found.sort(key=lambda each: (each[0].distance, each[0].entry.id))
    enforced = [each for each in found if each[1].mode is Mode.ENFORCE]
    blocking = [each for each in enforced if each[1].kind is ListKind.BLOCK and each[0].entry.mode is not Mode.MONITOR]
    allowed = next((each for each in enforced if each[1].kind is ListKind.ALLOW), None)
    return StillBlocked(blocking[:MAX_MATCHES], allowed, checked, unchecked)
