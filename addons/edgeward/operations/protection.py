"""What must not be blocked without a second person: the images of protect-lists, and the places of guard.protected.

A protect-list is an allowlist with `protect`. Its mode decides whether images on it can be blocked at all; that an
update would match one of them holds the update in any mode.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import batched

from edgeward.hashing.signal_registry import radius_of, types_with_distance
from edgeward.operations.services import Services
from edgeward.sightings.url_normalization import decoded_url, normalized_host
from edgeward.types import Fingerprint, HashList, ListKind, Match, Mode, Signal, Target

SIGNALS_PER_SEARCH = 1000


class Protection:
    """What is protected from the entries of one list."""

    def __init__(self, services: Services, hash_list: HashList) -> None:
        self._matcher, self._list = services.replica.matcher, hash_list
        self._places = [_place(each) for each in services.config.guard.protected]

    @property
    def lists(self) -> Mapping[str, HashList]:
        """The protect-lists by name, as they are matched with new entries: in any mode, and within the radius of the
        new entries too."""
        found = [each for each in self._matcher.lists.values() if each.kind is ListKind.ALLOW and each.protect]
        return {each.name: replace(each, mode=Mode.ENFORCE, radius=self._radius(each)) for each in found}

    def _radius(self, protect_list: HashList) -> dict[str, int]:
        return {name: max(radius_of(protect_list, name), radius_of(self._list, name)) for name in types_with_distance()}

    async def count_hashes(self, signals: Sequence[Signal]) -> int:
        """How many entries of protect-lists these new entries match."""
        if not (lists := self.lists):
            return 0
        found: set[str] = set()
        for some in batched(signals, SIGNALS_PER_SEARCH):
            matches = await self._matcher.matches_among(Fingerprint("", "", 0, tuple(some)), lists)
            found.update(match.entry.id for match in matches)
        return len(found)

    def protects(self, matches: Iterable[Match]) -> bool:
        """Whether one of an image's matches is on a protect-list."""
        lists = self._matcher.lists
        return any(lists[match.entry.list].protect for match in matches if match.entry.list in lists)

    def covers(self, target: Target) -> bool:
        """Whether a target is at a protected place."""
        if not self._places:
            return False
        host, path = normalized_host(target.host), decoded_url(target)
        return any(host == of_host and path.startswith(beginning) for of_host, beginning in self._places)


def _place(text: str) -> tuple[str, bytes]:
    """The host, and the beginning of the path."""
    host, _, path = text.partition("/")
    return normalized_host(host), decoded_url(Target("http", host, f"/{path}"))
