"""What the supervisor tells its child processes about all of them."""

import os
import time

import pytest

from edgeward.process_states import MANY_RESTARTS, RECENT_SECONDS, STATES_FD, ProcessState, SharedStates, process_states


def test_without_a_supervisor_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was started by itself knows no states."""
    monkeypatch.delenv(STATES_FD, raising=False)
    assert process_states() == ()


def test_states_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest states are read, also if they are shorter; while they are being written, those before."""
    states = SharedStates()
    monkeypatch.setenv(STATES_FD, str(states.fd))
    both = [ProcessState("proxy", 1, 2, down=True, last_end="was killed"), ProcessState("controller")]
    states.publish(both)
    assert [state.name for state in process_states()] == ["proxy worker 1 of 2", "the controller"]
    states.publish(both[:1])
    assert [state.problem for state in process_states()] == ["proxy worker 1 of 2 does not run: it was killed"]
    os.pwrite(states.fd, b"[[", 0)
    assert len(process_states()) == 1
    states.close()


def test_many_restarts_are_a_problem() -> None:
    """So many within the last minutes are; long ago they were."""
    now = time.monotonic()
    recent = ProcessState("store", restarted_at=[now] * MANY_RESTARTS, last_end="was killed")
    assert recent.problem == "the embedded store was restarted 3 times in the last 5 minutes: it was killed"
    assert ProcessState("store", restarted_at=[now - RECENT_SECONDS - 1] * 9).problem == ""
