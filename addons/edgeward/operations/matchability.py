"""Which of some signals match nothing once they are listed, and why. Said at listing: they look like any other."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeward.hashing.composite import component_types, is_matchable
from edgeward.hashing.signal_registry import hashable_types
from edgeward.matching.matcher import has_enough_quality
from edgeward.operations.services import Services
from edgeward.types import HashList, ListKind, Mode, Signal


@dataclass(frozen=True, slots=True)
class NotMatching:
    """`count` of `total` signals match nothing, or their list does nothing; `why` continues that sentence, which has
    `verb`, after a colon."""

    count: int
    total: int
    why: str
    verb: str = "cannot match"

    @property
    def text(self) -> str:
        """In one sentence, for people."""
        return f"{self.count} of {self.total} {'entry' if self.total == 1 else 'entries'} {self.verb}: {self.why}"


async def not_matching(services: Services, signals: Sequence[Signal], list_name: str = "") -> list[NotMatching]:
    """What of `signals` matches nothing, by the settings and by the list that they go to.

    Args:
        list_name: "" if they are not listed.

    Raises:
        NotFound: there is no such list.
    """
    counts = Counter(signal.type for signal in signals)
    of_list = await services.list_store.get_list(list_name) if list_name and signals else None
    found = [*_by_type(services, counts), *_by_quality(services, signals, of_list)]
    return [*found, *_by_list(of_list, len(signals))] if of_list else found


async def not_matching_by_type(services: Services, counts: Mapping[str, int], list_name: str) -> list[NotMatching]:
    """The same for hashes of which only the number of each type is known. Their quality is not looked at."""
    total = sum(counts.values())
    found = _by_type(services, counts)
    if not total:
        return found
    return [*found, *_by_list(await services.list_store.get_list(list_name), total)]


def _by_list(hash_list: HashList, total: int) -> list[NotMatching]:
    verb = "will allow nothing" if hash_list.kind is ListKind.ALLOW else "will block nothing"
    return [NotMatching(total, total, why, verb) for why in _by_policy(hash_list)]


def _by_type(services: Services, counts: Mapping[str, int]) -> list[NotMatching]:
    types, total = services.replica.matcher.types, sum(counts.values())
    unmatched = {name: count for name, count in counts.items() if not is_matchable(name, types)}
    return [NotMatching(count, total, _why(name, types)) for name, count in sorted(unmatched.items())]


def _why(signal_type: str, types: frozenset[str]) -> str:
    missing = [part for part in component_types(signal_type) if part not in types]
    if any(part not in hashable_types() for part in missing):
        return f"no {signal_type} signal type is installed; they match as soon as it is (docs/signals.md)"
    return f"hashing.signals lacks {', '.join(missing)}; they match as soon as it is added"


def _by_quality(services: Services, signals: Sequence[Signal], of_list: HashList | None) -> list[NotMatching]:
    matcher = services.replica.matcher
    min_quality = matcher.quality_of(of_list) if of_list else matcher.min_quality
    count = sum(not has_enough_quality(signal, min_quality) for signal in signals)
    if not count:
        return []
    whose = "hashing.min_quality" if min_quality == matcher.min_quality else "that of the list"
    return [NotMatching(count, len(signals), f"their quality is below {whose} ({min_quality})")]


def _by_policy(hash_list: HashList) -> list[str]:
    if hash_list.mode is Mode.OFF:
        return [f"the list {hash_list.name!r} is off"]
    if hash_list.mode is Mode.MONITOR and hash_list.kind is ListKind.ALLOW:
        return [f"the allowlist {hash_list.name!r} is in mode monitor, which allows nothing"]
    if hash_list.mode is Mode.MONITOR:
        return [f"the list {hash_list.name!r} is in mode monitor: matches are recorded, nothing is blocked or purged"]
    return []
