"""What became of purges, in words."""

from typing import Any

import pytest
from tests.cli.conftest import GONE, NODE

from edgeward.cli.purge_answers import done, not_known, not_verified, refusals
from edgeward.types.accepted_purges import SETTINGS_DIFFER


def _owed(**changed: Any) -> dict[str, Any]:
    node = {**NODE, "verified": 0, "owed": 1, "first_at": None, "last_at": None, "linger_seconds": None}
    return {**GONE, "state": "owed", "owed": {"b": 1}, "statement": "b owes.", "nodes": {"b": node}, **changed}


def test_why_a_cache_refuses_is_kept() -> None:
    """By cache. An older API does not say it."""
    assert refusals({**GONE, "nodes": {"a": {**NODE, "refused_detail": "status 501"}}}) == {"a": "status 501"}
    assert refusals({"orders": 1}) == {}


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "2 purges done and verified"),
        ({"orders": 0}, "no copy was seen, so nothing was purged"),
        ({"orders": 0, "state": "inactive"}, "nothing is purged for it"),
        ({"state": "inactive"}, "2 purges done"),
        ({"accepted": {"cf": 1, "fastly": 2}}, "2 purges done: 2 verified, 3 accepted by cf, fastly"),
        ({"verified": 0}, "2 purges done"),
    ],
)
def test_only_verified_purges_are_called_so(changed: dict[str, Any], line: str) -> None:
    """The statement of the API follows."""
    assert done({**GONE, **changed}) == [line, "At noon: gone."]


@pytest.mark.parametrize(
    ("nodes", "changed", "line"),
    [
        ({"b": 2}, {"verified": 0}, "2 purges ordered: 0 verified; b can't carry out 2 of them"),
        ({"b": 1}, {}, "2 purges ordered: 2 verified; b can't carry out 1 of them"),
        (
            {"b": 1, "c": 2},
            {"accepted": {"cf": 3}},
            "2 purges ordered: 2 verified, 3 accepted by cf; b can't carry out 1 of them, c can't carry out 2 of them",
        ),
        ({"b": 2}, {"state": "inactive"}, "2 purges ordered: 2 verified; b can't carry out 2 of them"),
    ],
)
def test_purges_that_a_cache_cannot_carry_out_are_not_done(
    nodes: dict[str, int], changed: dict[str, Any], line: str
) -> None:
    """As after a loss of the store's data, when every cache was emptied: their copies are gone by that."""
    unsupported = {name: {**NODE, "unsupported": count} for name, count in nodes.items()}
    assert done({**GONE, "nodes": {"a": NODE, **unsupported}, **changed})[0] == line


def test_why_purges_are_not_verified() -> None:
    """As the API says it. An older one says of none but that the cache can't be asked."""
    accepted = {**GONE, "accepted": {"cf": 1}}
    said = "accepted, not verified: cf took 1 purge and can't be asked whether a copy is left; if that is enough, set "
    assert not_verified(accepted) == [f"{said}accepted_is_enough = true for it"]
    (text,) = not_verified({**accepted, "accepted_why": {"cf": SETTINGS_DIFFER}})
    assert "while controllers had different settings" in text
    assert "accepted_is_enough" not in text


def test_an_answer_without_details_claims_nothing() -> None:
    """An older API does not say what is verified."""
    assert done({"orders": 2, "owed": {}, "matched": True}) == ["2 purges done"]
    assert not_known({"orders": 2, "owed": {}, "matched": True}) == []
