"""The entries of one list."""

import pytest

from edgeward.matching.shelf import Shelf, form_of
from edgeward.types import Entry, Signal

PDQ = Signal("pdq", "0f" * 32, 90)
MD5 = Signal("md5", "ab" * 16)


def near(shelf: Shelf, signal: Signal, radius: int) -> list[tuple[int, Entry, int]]:
    return [each for piece in shelf.near(form_of(signal), [signal.value], radius) for each in piece]


def test_holds_entries_by_id() -> None:
    """An entry is there once, whatever was said about it first, until it is removed."""
    shelf, first, again = Shelf("a"), Entry("a", PDQ, "first"), Entry("a", PDQ, "again")
    assert [shelf.add(each) for each in (first, again)] == [True, False]
    assert shelf.entries == {first.id: again}
    assert [shelf.remove(first.id), shelf.remove(first.id)] == [again, None]
    assert not shelf.entries and not shelf.forms


def test_digests_are_the_same_or_not() -> None:
    """A digest is found by its type and value; what it was a digest of makes no difference."""
    shelf, entry = Shelf("a"), Entry("a", MD5)
    shelf.add(entry)
    assert shelf.same(Signal("md5", MD5.value, frame=3)) == entry
    assert shelf.same(Signal("md5", "ac" * 16)) is shelf.same(Signal("sha1", MD5.value)) is None
    assert not shelf.forms


def test_what_is_near_is_found_with_its_distance() -> None:
    """Each form is searched on its own."""
    shelf, entry = Shelf("a"), Entry("a", PDQ)
    shelf.add(entry)
    shelf.add(Entry("a", Signal("phash", "0f" * 8)))
    assert shelf.forms == [("pdq", 256), ("phash", 64)]
    assert near(shelf, Signal("pdq", "0e" + PDQ.value[2:]), 1) == [(0, entry, 1)]
    assert near(shelf, Signal("pdq", "00" + PDQ.value[2:]), 1) == []


def test_what_can_never_match_is_refused() -> None:
    """A value that is not hexadecimal raises, and nothing of it stays."""
    shelf = Shelf("a")
    with pytest.raises(ValueError, match=r"hexadecimal|fromhex"):
        shelf.add(Entry("a", Signal("pdq", "x" * 64)))
    assert not shelf.entries
