"""Which images may a change of the blocklist make listed? Those near these signals; the verdict decides on each.

A block list grows by an entry, by being enforced, by a greater radius, by asking for more views. An allowlist that
protected images shrinks by the opposite. Nothing else makes anything listed.

What is asked for stays right when later changes are known already: each later change asks for what it made listed
itself. So one entry that left an allowlist is looked around as far as any radius reaches and in all views, whatever
became of the list.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from edgeward.hashing.registry import available, furthest, measured, radius_of
from edgeward.hashing.signal_types import DHASH_BYTES, DHASH_WEIGHT
from edgeward.types import ALWAYS, JOINT, Change, HashList, Kind, Mode, Signal, View

PREFIX_DIGITS = 3


class Extent(NamedTuple):
    """How far to look, and among the signals of which views."""

    radius: int
    views: frozenset[View] = ALWAYS


class Search(NamedTuple):
    """Look for images with a signal of one of `views` within `radius` bits of this one."""

    signal: Signal
    radius: int
    views: frozenset[View] = ALWAYS


def around_entry(change: Change, was: HashList | None, now: HashList | None) -> Search | None:
    """What to look for when an entry came or went. `was`: its list before a removal; `now`: its list as it is."""
    if change.entry is None:
        return None
    signal = change.entry.signal
    if change.op == "entry.add" and now and now.kind is Kind.BLOCK and now.mode is Mode.ENFORCE:
        return Search(signal, radius_of(now, signal.type), now.views)
    if change.op == "entry.remove" and was and was.kind is Kind.ALLOW:
        return Search(signal, furthest(signal.type), frozenset(View))
    return None


def around_list(change: Change, was: HashList | None) -> dict[str, Extent]:
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
    grown = {kind: extent for kind, extent in _all(larger).items() if extent.radius > radius_of(smaller, kind)}
    if more := larger.views - smaller.views:
        # What the views that it had already reach at the radius that it had is listed by now.
        return {kind: Extent(radius_of(larger, kind), more) for kind in measured()} | grown
    return grown


def _all(hash_list: HashList) -> dict[str, Extent]:
    return {kind: Extent(radius_of(hash_list, kind), hash_list.views) for kind in available()}


def in_parts(search: Search) -> Search:
    """What of the images seen to look for: they hold no joint values, but dhashes. Each view's is one of ALWAYS."""
    signal, radius, _ = search
    if signal.type != JOINT:
        return search
    return Search(Signal("dhash", signal.value[: 2 * DHASH_BYTES]), radius // DHASH_WEIGHT)


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
    """Numbers of the searches that can be made in one pass: of one type, one length, one radius and the same views."""

    def key(number: int) -> tuple[str, int, int, list[View]]:
        signal, radius, views = searches[number]
        return signal.type, len(signal.value), radius, sorted(views)

    return [list(group) for _, group in groupby(sorted(searches, key=key), key=key)]
