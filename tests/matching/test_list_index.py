"""The entries of one list."""

import pytest

from edgeward.matching.list_index import ListIndex, index_key
from edgeward.types import Entry, Signal

PDQ = Signal("pdq", "0f" * 32, 90)
MD5 = Signal("md5", "ab" * 16)


def near(index: ListIndex, signal: Signal, radius: int) -> list[tuple[int, Entry, int]]:
    return [each for piece in index.near(index_key(signal), [signal.value], radius) for each in piece]


def test_holds_entries_by_id() -> None:
    """An entry is stored once until it is removed; adding it again replaces its reason."""
    index, first, again = ListIndex("a"), Entry("a", PDQ, "first"), Entry("a", PDQ, "again")
    assert [index.add(each) for each in (first, again)] == [True, False]
    assert index.entries == {first.id: again}
    assert [index.remove(first.id), index.remove(first.id)] == [(again, True), (None, False)]
    assert not index.entries and not index.index_keys


def test_digests_match_exactly() -> None:
    """A digest is found by its type and value; the frame makes no difference."""
    index, entry = ListIndex("a"), Entry("a", MD5)
    index.add(entry)
    assert index.exact(Signal("md5", MD5.value, frame=3)) == entry
    assert index.exact(Signal("md5", "ac" * 16)) is index.exact(Signal("sha1", MD5.value)) is None
    assert not index.index_keys


def test_near_entries_are_found_with_their_distance() -> None:
    """Each type and length is searched by itself."""
    index, entry = ListIndex("a"), Entry("a", PDQ)
    index.add(entry)
    index.add(Entry("a", Signal("phash", "0f" * 8)))
    assert index.index_keys == [("pdq", 256), ("phash", 64)]
    assert near(index, Signal("pdq", "0e" + PDQ.value[2:]), 1) == [(0, entry, 1)]
    assert near(index, Signal("pdq", "00" + PDQ.value[2:]), 1) == []


def test_malformed_entries_are_refused() -> None:
    """A value that is not hexadecimal raises, and no entry is added."""
    index = ListIndex("a")
    with pytest.raises(ValueError, match=r"hexadecimal|fromhex"):
        index.add(Entry("a", Signal("pdq", "x" * 64)))
    assert not index.entries
