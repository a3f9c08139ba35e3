"""Steps of the store's clock, as one process sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.lists.replication.store_clock import StoreClock

DELAYS = st.floats(0.0, 30.0)


@given(st.lists(st.tuples(st.floats(0.0, 100.0), DELAYS, DELAYS), max_size=10), st.floats(-1e6, 1e6))
def test_a_slow_answer_is_no_step(turns: list[tuple[float, float, float]], offset: float) -> None:
    """However long requests and answers take, or the process is frozen in between."""
    clock, at = StoreClock(), 0.0
    for pause, request, answer in turns:
        sent = at + pause
        at = sent + request + answer
        assert clock.step(sent + request + offset, sent, at) == pytest.approx(0.0, abs=1e-6)


@given(st.floats(-1000.0, 1000.0), DELAYS, DELAYS)
def test_a_step_is_told_as_far_as_it_is_certain(step: float, first: float, second: float) -> None:
    """Once: less the time that the answers took."""
    clock = StoreClock()
    assert clock.step(1000.0, 0.0, first) == 0.0
    told = clock.step(1100.0 + step, 100.0, 100.0 + second)
    certain = max(0.0, abs(step) - (first if step < 0 else second))
    assert abs(told) <= abs(step) + 1e-6
    assert abs(told) == pytest.approx(certain, abs=first + second + 1e-6)
    if abs(step) > first + second + 1:
        assert told * step > 0
    again = clock.step(1200.0 + step, 200.0, 200.0)
    assert abs(again) <= second + 1e-6


def test_a_quick_answer_tells_the_whole_step() -> None:
    """Forward and back."""
    clock = StoreClock()
    assert [clock.step(at, sent, sent) for at, sent in ((500.0, 0.0), (531.0, 1.0), (232.0, 2.0), (233.0, 3.0))] == [
        0.0, 30.0, -300.0, 0.0]  # fmt: skip
