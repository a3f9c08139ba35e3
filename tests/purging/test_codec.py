"""Orders and outcomes as JSON."""

import json
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from edgeward.purging.codec import (
    order_from_dict,
    order_or_stand_in,
    order_to_json,
    orders_from_rows,
    outcome_from_dict,
    outcome_to_json,
    outcomes_from_dict,
    rows_from_items,
)
from edgeward.types import NO_TARGET, Cause, Delivery, Outcome, PurgeOrder, Scope, Target

LATIN = st.text(st.characters(max_codepoint=255))
TARGETS = st.builds(
    Target, st.sampled_from(["http", "https", ""]), LATIN, LATIN, st.lists(st.tuples(LATIN, LATIN)).map(tuple),
    st.integers(0, 2**50), st.lists(st.tuples(LATIN, LATIN), max_size=3).map(tuple),
)  # fmt: skip
TIMES = st.floats(0, 1e11)


@given(
    st.builds(
        PurgeOrder, TARGETS, st.sampled_from(Cause), TIMES, st.text(), st.text(), st.text(), st.text(),
        st.sampled_from(Scope), st.text(), st.text(), st.integers(0, 2**40), st.text(),
    )
)  # fmt: skip
def test_orders_round_trip(order: PurgeOrder) -> None:
    """An order is read as it was written: every field, every byte of its target."""
    found = order_from_dict(order.id, json.loads(order_to_json(order)))
    assert (found, found.target.size) == (order, order.target.size)


@given(
    st.builds(
        Outcome, st.text(), st.text(), st.sampled_from(Delivery), TIMES, st.integers(0, 10**6), st.integers(0, 999),
        st.text(), st.none() | st.integers(0, 10**9),
    )
)  # fmt: skip
def test_outcomes_round_trip(outcome: Outcome) -> None:
    """An outcome is read as it was written, its time to the microsecond."""
    found = outcome_from_dict(outcome.order_id, outcome.cache, json.loads(outcome_to_json(outcome)))
    assert abs(found.at - outcome.at) < 1e-4
    assert {**asdict(found), "at": 0} == {**asdict(outcome), "at": 0}


def test_reads_the_format_of_the_last_release() -> None:
    """Orders without scope, tag and takedown, and outcomes that repeat their order and cache, are read."""
    data = {
        "target": {"scheme": "http", "host": "h", "path": "/p", "vary": [["accept", "*/*"]], "size": 3},
        "cause": "listing", "started_at": 1.5, "sha256": "ab", "entry_id": "e", "why": "", "by": "me",
    }  # fmt: skip
    target = Target("http", "h", "/p", (("accept", "*/*"),), 3)
    assert order_from_dict("1-0", data) == PurgeOrder(target, Cause.LISTING, 1.5, "ab", "e", "", "me", id="1-0")
    old = Outcome("1-0", "edge", Delivery.DELIVERED, 2.5, 3, 200, "no detail")
    assert outcome_from_dict("1-0", "edge", json.loads(json.dumps(asdict(old)))) == old


def test_unreadable_orders_are_left_out() -> None:
    """Of several orders, only the readable ones are returned."""
    good = json.loads(order_to_json(PurgeOrder(Target("http", "h", "/"), Cause.MATCH, 1.0)))
    bad = [{}, {**good, "needs": 9}, {**good, "target": 7}, {**good, "scope": "all"}]
    rows = [(f"{number}-0", data) for number, data in enumerate([*bad, good])]
    assert [order.id for order in orders_from_rows(rows)] == ["4-0"]


@given(TARGETS, st.binary(min_size=600, max_size=3000), st.lists(st.tuples(LATIN, LATIN), max_size=3))
def test_long_targets_are_packed(target: Target, noise: bytes, vary: list[tuple[str, str]]) -> None:
    """They take less, and come back byte for byte, with their size."""
    long = Target(target.scheme, target.host, "/?" + noise.hex(), tuple(vary), target.size)
    order = PurgeOrder(long, Cause.MATCH, 1.0, entry_id="ab12")
    text = order_to_json(order)
    assert len(text) < 0.8 * long.length + 700
    found = order_from_dict("", json.loads(text))
    assert (found, found.target.size) == (order, long.size)
    assert '"entry_id":"ab12"' in text


def test_long_targets_of_earlier_versions_are_read() -> None:
    """They were stored as they are."""
    long = Target("http", "h", "/" + "x" * 5000, (("accept", "*/*"),), 7)
    data = {"target": json.loads(long.to_json()), "cause": "match", "started_at": 1.0}
    assert order_from_dict("1-1", data).target == long


def test_orders_of_a_later_release_are_carried_out() -> None:
    """With fields that are not known, and for a cause that is not known."""
    good = json.loads(order_to_json(PurgeOrder(Target("http", "h", "/"), Cause.MATCH, 1.0)))
    (order,) = orders_from_rows([("1-0", {**good, "cause": "whim", "region": ["eu"], "needs": 1})])
    assert order == PurgeOrder(Target("http", "h", "/"), Cause.UNKNOWN, 1.0, id="1-0")


def test_an_order_that_cannot_be_read_keeps_its_outcomes() -> None:
    """For a receipt it is owed until caches of a later release have carried it out. An unknown delivery is not done."""
    stand_in = order_or_stand_in("5000-0", {"target": 7})
    assert (stand_in.id, stand_in.target, stand_in.placed_at) == ("5000-0", NO_TARGET, 5.0)
    outcomes = outcomes_from_dict(
        "5000-0",
        {
            "one": {"delivery": "verified", "at": 6.0, "attempts": 1, "status": 200, "more": 1},
            "two": {"delivery": "evaporated", "at": 6.0, "attempts": 1, "status": 200},
            "three": {},
        },
    )
    assert {name: each.delivery for name, each in outcomes.items()} == {
        "one": Delivery.VERIFIED, "two": Delivery.WAITING, "three": Delivery.WAITING,
    }  # fmt: skip


def test_an_item_that_is_no_json_stops_no_other() -> None:
    """It has no order, and the others have theirs."""
    good = order_to_json(PurgeOrder(Target("http", "h", "/"), Cause.MATCH, 1.0)).encode()
    rows = rows_from_items([("1-0", {b"order": b"{"}), ("2-0", {b"order": good, b"more": b"1"})])
    assert [order_id for order_id, _ in rows] == ["1-0", "2-0"]
    assert [order.id for order in orders_from_rows(rows)] == ["2-0"]
