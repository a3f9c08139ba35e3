"""What became of purges, in words and added up."""

from typing import Any

import pytest
from tests.cli.conftest import GONE, NODE

from edgeward.cli.purge_answers import STATES, done, merged, not_known, refusals
from edgeward.operations.order_totals import ReceiptState


def _owed(**changed: Any) -> dict[str, Any]:
    node = {**NODE, "verified": 0, "owed": 1, "first_at": None, "last_at": None, "linger_seconds": None}
    return {**GONE, "state": "owed", "owed": {"b": 1}, "statement": "b owes.", "nodes": {"b": node}, **changed}


def test_every_state_has_its_place() -> None:
    """Of several answers the worst counts."""
    assert sorted(STATES) == sorted(ReceiptState)


def test_answers_are_added_up() -> None:
    """Counts are sums, the state is the worst, and each cache has the sums of its own."""
    total = merged([GONE, GONE, _owed(unknowns=["a: 2 targets were forgotten"], forgotten={"a": 2})])
    assert (total["orders"], total["verified"], total["owed"], total["state"]) == (6, 6, {"b": 1}, "owed")
    assert total["statement"] == "At noon: gone. b owes."
    assert (total["forgotten"], total["unknowns"]) == ({"a": 2}, ["a: 2 targets were forgotten"])
    assert total["met"] == {"removed": 6, "none": 0, "unknown": 0}
    one, other = total["nodes"]["varnish-1"], total["nodes"]["b"]
    assert (one["verified"], one["copies"]) == (4, 4)
    assert (one["first_at"], one["last_at"]) == (NODE["first_at"], NODE["last_at"])
    assert (other["owed"], other["first_at"]) == (1, None)


def test_why_a_cache_refuses_is_kept() -> None:
    """In whichever of the answers it is."""
    node = {**NODE, "refused_detail": ""}
    one, other = ({**GONE, "nodes": {"a": each}} for each in (node, {**node, "refused_detail": "status 501"}))
    for total in (merged([one, other]), merged([other, one])):
        assert refusals(total) == {"a": "status 501"}
    assert refusals({"orders": 1}) == {}


def test_nothing_is_worse_than_some_unless_all_is_nothing() -> None:
    """One picture that was never seen does not hide that the copies of another are gone."""
    nothing = {**GONE, "orders": 0, "state": "nothing", "nodes": {}}
    assert merged([nothing, GONE])["state"] == "gone"
    assert merged([nothing, nothing])["state"] == "nothing"


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "2 purges done and verified"),
        ({"orders": 0}, "no copy was seen, so nothing was purged"),
        ({"orders": 0, "state": "inactive"}, "nothing is purged for it"),
        ({"accepted": {"cf": 1, "fastly": 2}}, "2 purges done: 2 verified, 3 accepted by cf, fastly"),
        ({"verified": 0}, "2 purges done"),
    ],
)
def test_only_verified_purges_are_called_so(changed: dict[str, Any], line: str) -> None:
    """The statement of the API follows."""
    assert done({**GONE, **changed}) == [line, "At noon: gone."]


def test_an_answer_without_details_claims_nothing() -> None:
    """An older API does not say what is verified."""
    assert done({"orders": 2, "owed": {}, "matched": True}) == ["2 purges done"]
    assert not_known({"orders": 2, "owed": {}, "matched": True}) == []
