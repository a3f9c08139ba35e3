"""A request passes through all parts of a stack."""

import pytest
from tests.scenarios.pictures import fresh

from edgeward.demo.http_client import ask
from edgeward.demo.stack import Stack


@pytest.mark.parametrize("placement", ["front", "fill"])
def test_requests_go_through_all_parts(placement: str, request: pytest.FixtureRequest) -> None:
    """A photograph passes through cache and Edgeward, and the cache then holds it; `held` does not fill the cache."""
    stack: Stack = request.getfixturevalue(placement)
    photo = fresh()
    before = stack.edge.metric('edgeward_responses_total{reason="no_match",verdict="deliver"}')
    stack.serve(photo)
    assert not stack.held(photo.path)
    assert stack.origin.count(photo.path) == 0
    assert stack.get(photo.path).body == photo.body
    assert stack.held(photo.path)
    assert stack.get(photo.path).header("X-Cache") == "HIT"
    assert stack.origin.count(photo.path) == 1
    assert stack.edge.metric('edgeward_responses_total{reason="no_match",verdict="deliver"}') > before
    assert ask(stack.edge.admin, "/readyz").status == 200
