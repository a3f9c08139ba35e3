"""The shapes of answers."""

import pytest

from edgeward.control import views
from edgeward.takedown.removals.takedowns import Progress, Takedown
from edgeward.types import (
    NOWHERE,
    Cause,
    Decision,
    Delivery,
    Entry,
    HashList,
    Incident,
    Match,
    Outcome,
    PurgeOrder,
    Reason,
    Scope,
    Signal,
    Target,
    View,
)

TARGET = Target("http", "h", "/a?b", (("accept", "image/webp"),), 9)
ORDER = PurgeOrder(TARGET, Cause.LISTING, 100.0, "ab", "e1", "why", "ana", id="7-0")


def test_a_list_shows_the_radius_that_counts() -> None:
    """Defaults are filled in, so that nobody has to know them."""
    shown = views.hash_list(HashList("a", radius={"pdq": 20}), {"pdq": 2, "photodna": 1}, ("sha256", "pdq"))
    assert shown["radius"] == {"pdq": 20, "phash": 6, "dhash": 4, "pdq-dhash": 72}
    assert (shown["entries"], shown["not_matchable"]) == (3, {"photodna": 1})


def test_joint_entries_want_both_types() -> None:
    """They match nothing where images are given one of the two alone."""
    counts = {"pdq-dhash": 4}
    assert views.hash_list(HashList("a"), counts, ("sha256", "pdq"))["not_matchable"] == counts
    assert views.hash_list(HashList("a"), counts, ("sha256", "pdq", "dhash"))["not_matchable"] == {}


def test_an_entry_is_flat() -> None:
    """Signal and provenance of an entry stand side by side."""
    entry = Entry("a", Signal("pdq", "ff", 80), "why", "ana", 1.5)
    assert views.entry(entry) == {
        "id": entry.id,
        "list": "a",
        "type": "pdq",
        "value": "ff",
        "quality": 80,
        "reason": "why",
        "added_by": "ana",
        "added_at": 1.5,
    }


def test_a_match_tells_list_and_distance() -> None:
    """A match says which entry of which list, and how near."""
    entry = Entry("a", Signal("pdq", "ff"), "why")
    shown = views.match(Match(Signal("pdq", "fe", 90, View.TURNED, 2), entry, 1), HashList("a"))
    assert (shown["list"], shown["entry"], shown["distance"], shown["reason"]) == ("a", entry.id, 1, "why")
    assert (shown["view"], shown["frame"]) == ("turned", 2)


@pytest.mark.parametrize(
    ("delivery", "owes", "lingers"),
    [
        (Delivery.VERIFIED, False, 2.5),
        (Delivery.DELIVERED, False, 2.5),
        (Delivery.REFUSED, False, None),
        (Delivery.WAITING, True, None),
    ],
)
def test_a_purge_names_who_owes_it(delivery: Delivery, owes: bool, lingers: float | None) -> None:
    """A cache owes an order until its outcome is final; only a copy that is gone has a linger."""
    outcome = Outcome("7-0", "one", delivery, 102.5, 3, 200, "ok")
    shown = views.purge(ORDER, {"one": outcome}, ["one"])
    assert shown["owed"] == (["one"] if owes else [])
    assert shown["outcomes"]["one"]["linger_seconds"] == lingers
    assert shown["url"] == "http://h/a?b"
    assert shown["vary"] == {"accept": "image/webp"}


def test_a_purge_says_what_it_removes() -> None:
    """A target, all below one, or what is stored under a tag; and the takedown that it belongs to."""
    shown = views.purge(PurgeOrder(NOWHERE, Cause.TAKEDOWN, 1.0, scope=Scope.TAG, tag="ew-1", takedown="td-1"), {}, [])
    assert (shown["scope"], shown["tag"], shown["takedown"], shown["url"]) == ("tag", "ew-1", "td-1", "")
    assert (views.purge(ORDER, {}, [])["scope"], views.purge(ORDER, {}, [])["takedown"]) == ("target", "")


def test_a_takedown_is_shown_in_counts() -> None:
    """How much of what, by whom and by which way; placed once all its orders are."""
    signals = (Signal("md5", "ff"),)
    takedown = Takedown("ana", "api", 1.5, "why", (TARGET, TARGET), (), signals, "court", id="td-1")
    shown = views.takedown(takedown, Progress(placed_at=0.0, orders=3, trouble="t"))
    assert (shown["urls"], shown["prefixes"], shown["hashes"], shown["list"]) == (2, 0, 1, "court")
    assert (shown["by"], shown["way"], shown["at"], shown["orders"]) == ("ana", "api", 1.5, 3)
    assert (shown["state"], shown["trouble"]) == ("placing", "t")
    assert views.takedown(takedown, Progress(placed_at=2.5))["state"] == "placed"


def test_a_cache_without_an_outcome_owes_the_purge() -> None:
    """Silence is no success; a cache that is configured no more owes nothing."""
    gone = Outcome("7-0", "gone", Delivery.WAITING, 101.0)
    assert views.purge(ORDER, {"gone": gone}, ["one", "two"])["owed"] == ["one", "two"]


def test_an_incident_names_its_entry() -> None:
    """An incident leads to the entry, so that a mistake can be undone."""
    incident = Incident(1.0, Decision.BLOCK, Reason.MATCH, TARGET, "ab", "a", "e1", "pdq", 4, View.INNER, 3, id="3-0")
    shown = views.incident(incident)
    assert (shown["entry"], shown["list"], shown["url"], shown["distance"]) == ("e1", "a", "http://h/a?b", 4)
    assert (shown["view"], shown["frame"]) == ("inner", 3)
    assert (shown["classifier"], shown["label"]) == ("", "")


def test_an_incident_of_a_classifier_says_what_it_saw() -> None:
    """Its label and score, and no entry."""
    nothing = ("", "", "", 0)
    said = {"classifier": "model", "label": "cat", "score": 0.9}
    incident = Incident(1.0, Decision.DELIVER, Reason.CLASSIFIED, TARGET, "ab", *nothing, **said)
    assert said.items() <= views.incident(incident).items()
    assert views.incident(incident)["entry"] == ""
