"""Orders and outcomes as JSON."""

import json
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from edgeward.takedown.purging.records import order_from, order_to_json, orders_from, outcome_from, outcome_to_json
from edgeward.types import Cause, Delivery, Outcome, PurgeOrder, Scope, Target

LATIN = st.text(st.characters(max_codepoint=255))
TARGETS = st.builds(
    Target, st.sampled_from(["http", "https", ""]), LATIN, LATIN, st.lists(st.tuples(LATIN, LATIN)).map(tuple),
    st.integers(0, 2**50),
)  # fmt: skip
TIMES = st.floats(0, 1e11)


@given(
    st.builds(
        PurgeOrder, TARGETS, st.sampled_from(Cause), TIMES, st.text(), st.text(), st.text(), st.text(),
        st.sampled_from(Scope), st.text(), st.text(), st.text(),
    )
)  # fmt: skip
def test_an_order_comes_back(order: PurgeOrder) -> None:
    """Every field of an order, and every byte of its target, survives; its id comes with it."""
    found = order_from(order.id, json.loads(order_to_json(order)))
    assert (found, found.target.size) == (order, order.target.size)


@given(
    st.builds(
        Outcome, st.text(), st.text(), st.sampled_from(Delivery), TIMES, st.integers(0, 10**6), st.integers(0, 999),
        st.text(),
    )
)  # fmt: skip
def test_an_outcome_comes_back(outcome: Outcome) -> None:
    """Every field of an outcome survives, its time to the microsecond."""
    found = outcome_from(outcome.order_id, outcome.cache, json.loads(outcome_to_json(outcome)))
    assert abs(found.at - outcome.at) < 1e-4
    assert {**asdict(found), "at": 0} == {**asdict(outcome), "at": 0}


def test_reads_what_the_last_release_wrote() -> None:
    """Orders without scope, tag and takedown, and outcomes that repeat their order and cache, are read."""
    data = {
        "target": {"scheme": "http", "host": "h", "path": "/p", "vary": [["accept", "*/*"]], "size": 3},
        "cause": "listing", "started_at": 1.5, "sha256": "ab", "entry_id": "e", "why": "", "by": "me",
    }  # fmt: skip
    target = Target("http", "h", "/p", (("accept", "*/*"),), 3)
    assert order_from("1-0", data) == PurgeOrder(target, Cause.LISTING, 1.5, "ab", "e", "", "me", id="1-0")
    old = Outcome("1-0", "edge", Delivery.DELIVERED, 2.5, 3, 200, "said nothing")
    assert outcome_from("1-0", "edge", json.loads(json.dumps(asdict(old)))) == old


def test_what_cannot_be_read_is_left_out() -> None:
    """Of several orders those that are damaged are left out."""
    good = json.loads(order_to_json(PurgeOrder(Target("http", "h", "/"), Cause.MATCH, 1.0)))
    bad = [{}, {**good, "cause": "whim"}, {**good, "target": 7}, {**good, "scope": "all"}]
    rows = [(f"{number}-0", data) for number, data in enumerate([*bad, good])]
    assert [order.id for order in orders_from(rows)] == ["4-0"]
