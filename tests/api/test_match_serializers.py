"""Matches as JSON."""

from dataclasses import replace

from edgeward.api import match_serializers
from edgeward.types import Entry, HashList, Match, Signal, View

ENTRY = Entry("a", Signal("pdq", "ff"), "why")
FOUND = Match(Signal("pdq", "fe", 90, View.DIHEDRAL, 2), ENTRY, 1)


def test_a_match_shows_list_and_distance() -> None:
    """A match names the entry and its list, the distance, and the view and frame of the image."""
    shown = match_serializers.match(FOUND, HashList("a"))
    assert (shown["list"], shown["entry"], shown["distance"], shown["reason"]) == ("a", ENTRY.id, 1, "why")
    assert (shown["view"], shown["frame"]) == ("turned", 2)
    assert not {"source_id", "tags"} & shown.keys()


def test_a_match_shows_what_the_programme_calls_it() -> None:
    """The id of the programme's record, and its labels, where the entry has them."""
    entry = replace(ENTRY, source_id="4242-17", tags=("A1", "verified"))
    shown = match_serializers.match(replace(FOUND, entry=entry), HashList("a"))
    assert (shown["source_id"], shown["tags"]) == ("4242-17", ("A1", "verified"))
