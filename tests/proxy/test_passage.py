"""What the gate knows of one flow."""

from mitmproxy.http import Response
from mitmproxy.test.tflow import tflow

from edgeward import metrics
from edgeward.proxy import passage
from edgeward.proxy.passage import Passage
from edgeward.types import Reason, Target

TARGET = Target("http", "img.test", "/a.jpg")


def count(verdict: str, reason: str) -> float:
    return metrics.registry.get_sample_value("edgeward_responses_total", {"verdict": verdict, "reason": reason}) or 0


def test_a_flow_is_counted_once() -> None:
    """The first decision stands and is counted; a later one is not."""
    way, before, other = Passage(TARGET), count("deliver", "no_match"), count("block", "error")
    way.deliver(Reason.NO_MATCH)
    way.refuse(Response.make(503), Reason.ERROR)
    assert (count("deliver", "no_match"), count("block", "error")) == (before + 1, other)


def test_overflow_by_policy() -> None:
    """Past its bound a body is refused where there is a page for it, else delivered."""
    page = Response.make(503)
    strict, lenient = Passage(TARGET, too_large=lambda: page), Passage(TARGET)
    strict.overflowed()
    lenient.overflowed()
    assert strict.instead is page
    assert lenient.instead is None
    assert lenient.decided


def test_attached_to_its_flow() -> None:
    """A flow that the gate has not seen has no passage."""
    flow = tflow()
    assert passage.of(flow) is None
    way = Passage(TARGET)
    passage.attach(flow, way)
    assert passage.of(flow) is way
