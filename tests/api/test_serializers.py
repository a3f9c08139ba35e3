"""Results as JSON."""

import pytest

from edgeward.api import serializers
from edgeward.operations.lists import ListStatus
from edgeward.operations.purges import OrderStatus, status_of
from edgeward.operations.takedowns import TakedownStatus
from edgeward.takedowns.takedowns import Takedown, TakedownProgress
from edgeward.types import (
    NO_TARGET,
    Cause,
    Decision,
    Delivery,
    Entry,
    HashList,
    Incident,
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


def test_a_list_shows_the_radius_that_applies() -> None:
    """Defaults are filled in. Entries are counted over all types."""
    status = ListStatus(HashList("a", radius={"pdq": 20}), {"pdq": 2, "photodna": 1}, {"photodna": 1})
    shown = serializers.list_status(status)
    assert shown["radius"] == {"pdq": 20, "phash": 6, "dhash": 4, "pdq-dhash": 72}
    assert (shown["entries"], shown["not_matchable"]) == (3, {"photodna": 1})


def test_an_entry_is_flat() -> None:
    """Signal and provenance are in one object."""
    entry = Entry("a", Signal("pdq", "ff", 80), "why", "ana", 1.5, "act-1")
    assert serializers.entry(entry) == {
        "id": entry.id,
        "list": "a",
        "type": "pdq",
        "value": "ff",
        "quality": 80,
        "reason": "why",
        "added_by": "ana",
        "added_at": 1.5,
        "act": "act-1",
    }


@pytest.mark.parametrize(
    ("delivery", "owes", "lingers"),
    [
        (Delivery.VERIFIED, False, 2.5),
        (Delivery.DELIVERED, False, 2.5),
        (Delivery.REFUSED, False, None),
        (Delivery.WAITING, True, None),
    ],
)
def test_a_purge_names_the_caches_that_owe_it(delivery: Delivery, owes: bool, lingers: float | None) -> None:
    """A cache owes an order until its outcome is final. Only a copy that is gone has a linger time."""
    outcome = Outcome("7-0", "one", delivery, 102.5, 3, 200, "ok")
    shown = serializers.purge(status_of(ORDER, {"one": outcome}, ["one"]))
    assert shown["owed"] == (["one"] if owes else [])
    assert shown["outcomes"]["one"]["linger_seconds"] == lingers
    assert shown["url"] == "http://h/a?b"
    assert shown["vary"] == {"accept": "image/webp"}


def test_a_purge_shows_its_scope() -> None:
    """A target, a prefix or a tag; and the takedown that it belongs to."""
    order = PurgeOrder(NO_TARGET, Cause.TAKEDOWN, 1.0, scope=Scope.TAG, tag="ew-1", takedown="td-1")
    shown = serializers.purge(OrderStatus(order, {}, []))
    assert (shown["scope"], shown["tag"], shown["takedown"], shown["url"]) == ("tag", "ew-1", "td-1", "")
    plain = serializers.purge(OrderStatus(ORDER, {}, []))
    assert (plain["scope"], plain["takedown"]) == ("target", "")


def test_a_takedown_is_shown_in_counts() -> None:
    """How many URLs, prefixes and hashes, by whom; placed once all its orders are."""
    signals = (Signal("md5", "ff"),)
    takedown = Takedown("ana", "api", 1.5, "why", (TARGET, TARGET), (), signals, "court", id="td-1")
    shown = serializers.takedown(TakedownStatus(takedown, TakedownProgress(placed_at=0.0, orders=3, error="t")))
    assert (shown["urls"], shown["prefixes"], shown["hashes"], shown["list"]) == (2, 0, 1, "court")
    assert (shown["by"], shown["way"], shown["at"], shown["orders"]) == ("ana", "api", 1.5, 3)
    assert (shown["state"], shown["error"]) == ("placing", "t")
    assert serializers.takedown(TakedownStatus(takedown, TakedownProgress(placed_at=2.5)))["state"] == "placed"


def test_an_incident_names_its_entry() -> None:
    """The entry is named, so that a mistake can be undone."""
    incident = Incident(1.0, Decision.BLOCK, Reason.MATCH, TARGET, "ab", "a", "e1", "pdq", 4, View.INNER, 3, id="3-0")
    shown = serializers.incident(incident)
    assert (shown["entry"], shown["list"], shown["url"], shown["distance"]) == ("e1", "a", "http://h/a?b", 4)
    assert (shown["view"], shown["frame"]) == ("inner", 3)
    assert (shown["classifier"], shown["label"]) == ("", "")


def test_an_incident_of_a_classifier_shows_its_label() -> None:
    """With its score, and without an entry."""
    nothing = ("", "", "", 0)
    label = {"classifier": "model", "label": "cat", "score": 0.9}
    incident = Incident(1.0, Decision.DELIVER, Reason.CLASSIFIED, TARGET, "ab", *nothing, **label)
    assert label.items() <= serializers.incident(incident).items()
    assert serializers.incident(incident)["entry"] == ""
