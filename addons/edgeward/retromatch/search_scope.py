"""Which images a change of the lists may have made listed: those near certain signals. A verdict then decides on each.

A blocklist covers more images when it gets an entry, is enforced, gets a greater radius or more views, or acts at more
targets or on lower qualities. An
allowlist that protected images covers fewer after the opposite changes. No other change makes an image listed.

When a change is matched, later ones may be applied already. Its search need not allow for those: each later change
searches for what it made listed itself. One exception: an entry that left an allowlist is searched for with the largest
radius and in all views, since the search for an earlier change of that list's policy no longer finds the entry.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from edgeward.hashing.signal_registry import hashable_types, max_radius, radius_of, types_with_distance
from edgeward.hashing.signal_types import DHASH_BYTES, DHASH_WEIGHT
from edgeward.policy.limit_changes import is_within
from edgeward.types import ALWAYS_MATCHED, COMPOSITE_TYPE, Change, HashList, ListKind, Mode, Signal, View

ID_PREFIX_DIGITS = 3
"""Hex digits of an entry's id that name a chunk: 4096 prefixes."""


class SearchExtent(NamedTuple):
    """How far to search around each entry of a list (in bits), and in which views."""

    radius: int
    views: frozenset[View] = ALWAYS_MATCHED


class Search(NamedTuple):
    """A search for images with a signal in one of `views` within `radius` bits of `signal`."""

    signal: Signal
    radius: int
    views: frozenset[View] = ALWAYS_MATCHED


def entry_search(change: Change, list_before: HashList | None, list_now: HashList | None) -> Search | None:
    """The search for an entry that was added or removed; None if the change can't have made anything listed.

    Args:
        list_before: the entry's list before a removal.
        list_now: its list as it is now.
    """
    if change.entry is None:
        return None
    signal = change.entry.signal
    if change.op == "entry.add" and list_now and list_now.kind is ListKind.BLOCK and list_now.mode is Mode.ENFORCE:
        return Search(signal, radius_of(list_now, signal.type), list_now.views)
    if change.op == "entry.remove" and list_before and list_before.kind is ListKind.ALLOW:
        return Search(signal, max_radius(signal.type), frozenset(View))
    return None


def policy_extents(change: Change, list_before: HashList | None) -> dict[str, SearchExtent]:
    """By signal type, how far to search around the entries of a list whose policy changed. Other types: not at all.

    `list_before` is None if the list is new, and so has no entries yet.
    """
    list_now = change.list
    if list_now is None:
        return {}
    if change.op == "list.delete":
        protected = list_now.kind is ListKind.ALLOW and list_now.mode is Mode.ENFORCE
        return full_extents(list_now) if protected else {}
    if change.op != "list.set" or list_before is None:
        return {}
    # An allowlist that shrinks makes listed what a block list does that grows.
    smaller, larger = (list_before, list_now) if list_now.kind is ListKind.BLOCK else (list_now, list_before)
    if larger.mode is not Mode.ENFORCE:
        return {}
    if smaller.mode is not Mode.ENFORCE or not is_within(larger, smaller):
        return full_extents(larger)
    grown = {
        signal_type: extent
        for signal_type, extent in full_extents(larger).items()
        if extent.radius > radius_of(smaller, signal_type)
    }
    if new_views := larger.views - smaller.views:
        # Where the radius did not grow, the old views can match nothing new: only the new ones are searched.
        return {kind: SearchExtent(radius_of(larger, kind), new_views) for kind in types_with_distance()} | grown
    return grown


def full_extents(hash_list: HashList) -> dict[str, SearchExtent]:
    """By signal type, how far to search around the entries of a list for all that it matches."""
    return {kind: SearchExtent(radius_of(hash_list, kind), hash_list.views) for kind in hashable_types()}


class IndexedExtent(NamedTuple):
    """How the index of seen images is searched for values of a type: for which signals of images, how far, and with how
    many of a value's bytes (None: all)."""

    type: str
    radius: int
    views: frozenset[View]
    bytes: int | None = None


def indexed_extent(signal_type: str, extent: SearchExtent) -> IndexedExtent:
    """The search as the index of seen images can make it: a composite value is searched by its dhash.

    Images hold no composite values, only their components. The dhash of every picture is among the views that always
    match, for any view of its PDQ. It finds more than matches; the verdict decides.
    """
    if signal_type != COMPOSITE_TYPE:
        return IndexedExtent(signal_type, *extent)
    return IndexedExtent("dhash", extent.radius // DHASH_WEIGHT, ALWAYS_MATCHED, DHASH_BYTES)


def indexed_search(search: Search) -> Search:
    """The same for one value."""
    signal, extent = search.signal, SearchExtent(search.radius, search.views)
    if signal.type != COMPOSITE_TYPE:
        return search
    kind, radius, views, size = indexed_extent(signal.type, extent)
    return Search(Signal(kind, signal.value[: 2 * (size or 0)]), radius, views)


def prefix_chunks(ids: Sequence[str], size: int) -> Iterator[tuple[str, list[str]]]:
    """Split entry ids into chunks of about `size`, each named by the largest prefix in it.

    The same ids always give the same chunks, and chunks come in the order of their names: after a restart, the ids
    whose prefix is greater than the name of the last finished chunk are the rest. Ids are digests, so prefixes are
    evenly filled. Grouping by prefix takes less time than sorting millions of ids.
    """
    by_prefix: dict[str, list[str]] = {}
    for each in ids:
        by_prefix.setdefault(each[:ID_PREFIX_DIGITS], []).append(each)
    chunk: list[str] = []
    for prefix in sorted(by_prefix):
        chunk += by_prefix[prefix]
        if len(chunk) >= size:
            yield prefix, chunk
            chunk = []
    if chunk:
        yield max(by_prefix), chunk


def search_groups(searches: Mapping[int, Search]) -> list[list[int]]:
    """Group the keys of searches that one pass can make together: same type, length, radius and views."""

    groups: dict[tuple[str, int, int, frozenset[View]], list[int]] = {}
    for number, (signal, radius, views) in searches.items():
        groups.setdefault((signal.type, len(signal.value), radius, views), []).append(number)
    return list(groups.values())
