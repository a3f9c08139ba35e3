"""What the gate knows of one flow."""

from mitmproxy.http import Response
from mitmproxy.test.tflow import tflow
from tests.proxy.responses import verdict_count

from edgeward.proxy import flow_state
from edgeward.proxy.flow_state import FlowState
from edgeward.types import Reason, Target

TARGET = Target("http", "img.test", "/a.jpg")


def test_a_flow_is_counted_once() -> None:
    """The first decision stands and is counted; a later one is not."""
    state, before, other = FlowState(TARGET), verdict_count("deliver", "no_match"), verdict_count("block", "error")
    state.deliver(Reason.NO_MATCH)
    state.refuse(Response.make(503), Reason.ERROR)
    assert (verdict_count("deliver", "no_match"), verdict_count("block", "error")) == (before + 1, other)


def test_a_body_over_its_limit_by_policy() -> None:
    """It is refused where there is a page for it, otherwise delivered."""
    page = Response.make(503)
    strict, lenient = FlowState(TARGET, unchecked_page=lambda reason: page), FlowState(TARGET)
    for state in (strict, lenient):
        state.give_up_body(Reason.TOO_LARGE)
    assert strict.replacement is page
    assert lenient.replacement is None
    assert lenient.decided


def test_attached_to_its_flow() -> None:
    """A flow that the gate has not seen has no state."""
    flow = tflow()
    assert flow_state.get(flow) is None
    state = FlowState(TARGET)
    flow_state.attach(flow, state)
    assert flow_state.get(flow) is state
