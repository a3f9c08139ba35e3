"""Which images may a change of the blocklist make listed? Those near these signals; the verdict decides on each.

A block list grows by an entry, by being enforced, by a greater radius. An allowlist that protected images shrinks by
the opposite. Nothing else makes anything listed.

What is asked for stays right when later changes are known already: each later change asks for what it made listed
itself. So one entry that left an allowlist is looked around as far as any radius reaches, whatever became of the list.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from edgeward.config import SIGNAL_TYPES
from edgeward.types import Change, HashList, Kind, Mode, Signal

PREFIX_DIGITS = 3


class Search(NamedTuple):
    """Look for images within `radius` bits of the signal."""

    signal: Signal
    radius: int


def around_entry(change: Change, was: HashList | None, now: HashList | None) -> Search | None:
    """What to look for when an entry came or went. `was`: its list before a removal; `now`: its list as it is."""
    if change.entry is None:
        return None
    signal = change.entry.signal
    if change.op == "entry.add" and now and now.kind is Kind.BLOCK and now.mode is Mode.ENFORCE:
        return Search(signal, now.radius_of(signal.type))
    if change.op == "entry.remove" and was and was.kind is Kind.ALLOW:
        # No list has a greater radius than a quarter of the bits: as many as there are hexadecimal digits.
        return Search(signal, len(signal.value))
    return None


def around_list(change: Change, was: HashList | None) -> dict[str, int]:
    """By signal type, how far to look around the entries of the list whose policy changed; types not named: not at all.

    `was` is the list before the change, None where there was none: then it has no entries yet.
    """
    now = change.list
    if now is None:
        return {}
    if change.op == "list.delete":
        return _all(now) if now.kind is Kind.ALLOW and now.mode is Mode.ENFORCE else {}
    if change.op != "list.set" or was is None:
        return {}
    # An allowlist makes listed by shrinking what a block list does by growing.
    smaller, larger = (was, now) if now.kind is Kind.BLOCK else (now, was)
    if larger.mode is not Mode.ENFORCE:
        return {}
    if smaller.mode is not Mode.ENFORCE:
        return _all(larger)
    return {kind: radius for kind, radius in _all(larger).items() if radius > smaller.radius_of(kind)}


def _all(hash_list: HashList) -> dict[str, int]:
    return {kind: hash_list.radius_of(kind) for kind in SIGNAL_TYPES}


def chunks(ids: Sequence[str], size: int) -> Iterator[tuple[str, list[str]]]:
    """Ids in chunks of about `size`, each with the least prefix that follows it: the same ids, the same chunks.

    Ids are spread evenly, as digests are. They are put in order by prefix only: that takes less time than sorting them.
    """
    prefixes: dict[str, list[str]] = {}
    for each in ids:
        prefixes.setdefault(each[:PREFIX_DIGITS], []).append(each)
    chunk: list[str] = []
    for prefix in sorted(prefixes):
        chunk += prefixes[prefix]
        if len(chunk) >= size:
            yield prefix, chunk
            chunk = []
    if chunk:
        yield max(prefixes), chunk


def grouped(searches: Mapping[int, Search]) -> list[list[int]]:
    """Numbers of the searches that can be made in one pass: of one type, one length and one radius."""

    def key(number: int) -> tuple[str, int, int]:
        signal, radius = searches[number]
        return signal.type, len(signal.value), radius

    return [list(group) for _, group in groupby(sorted(searches, key=key), key=key)]
