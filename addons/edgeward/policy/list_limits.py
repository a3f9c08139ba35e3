"""Where a list acts: its hosts, its paths, and its share of the targets. What a target is there, is a verdict.

Servers read one URL in different ways (url_normalization.readings). So that no spelling is a way around a list, a
blocklist acts if any reading of the path is below one of its paths; an allowlist only if every reading is.

A share is a number for each list, host and path: the same in every process, whatever the query, scheme and port, and
however the URL is written. A greater share has all targets of a smaller one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from edgeward.matching.matcher import Matcher
from edgeward.sightings.url_normalization import normalized_host, readings
from edgeward.types import Fingerprint, HashList, ListKind, Match, Mode, Target, Verdict
from edgeward.types.signals import ALL_TARGETS
from edgeward.types.url_patterns import is_below, is_one_of

_DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class Place:
    """Where a target is: its host without port, and its path in each way in which servers may read it."""

    host: str
    paths: tuple[bytes, ...]

    @classmethod
    def of(cls, target: Target) -> Self:
        return cls(normalized_host(target.host), readings(target))

    def has_mode(self, hash_list: HashList) -> Mode:
        """The mode of a list here."""
        if not hash_list.is_limited or hash_list.mode is Mode.OFF:
            return hash_list.mode
        if hash_list.hosts and not is_one_of(self.host, hash_list.hosts):
            return Mode.OFF
        if hash_list.paths:
            every = all if hash_list.kind is ListKind.ALLOW else any
            if not every(is_below(path, hash_list.paths) for path in self.paths):
                return Mode.OFF
        if hash_list.mode is Mode.ENFORCE and not self._is_in_share(hash_list):
            return Mode.MONITOR
        return hash_list.mode

    def _is_in_share(self, hash_list: HashList) -> bool:
        if hash_list.share >= ALL_TARGETS:
            return True
        text = b"\0".join((hash_list.name.encode(), self.host.encode("latin-1", "replace"), self.paths[0]))
        number = int.from_bytes(hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest())
        return number < hash_list.share / ALL_TARGETS * 2.0 ** (8 * _DIGEST_BYTES)


def mode_below(hash_list: HashList, prefix: Target) -> Mode:
    """The mode that a list has at some target below a prefix, whose path may end anywhere. Of an allowlist, the mode
    that it has at all of them. A prefix without a host stands for all hosts."""
    if not hash_list.is_limited or hash_list.mode is Mode.OFF:
        return hash_list.mode
    if hash_list.kind is ListKind.ALLOW and (hash_list.paths or not prefix.host):
        return Mode.OFF
    if hash_list.hosts and prefix.host and not is_one_of(normalized_host(prefix.host), hash_list.hosts):
        return Mode.OFF
    return hash_list.mode


def verdict_at(matcher: Matcher, matches: Sequence[Match], target: Target) -> Verdict:
    """The verdict at one target that follows from all matches of an image, or from the first of each list. The lists
    must not have changed since."""
    if not matcher.depends_on_target(matches):
        return matcher.verdict_from(matches)
    return matcher.verdict_from(matches, Place.of(target).has_mode)


async def verdict_on(matcher: Matcher, fingerprint: Fingerprint, target: Target) -> Verdict:
    """The verdict on an image at one target, by the lists at the moment that this returns."""
    return verdict_at(matcher, await matcher.matches_async(fingerprint), target)
