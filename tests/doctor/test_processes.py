"""Doctor's check of the processes on this machine."""

import pytest

from edgeward.doctor.finding import Health
from edgeward.doctor.processes import check_processes
from edgeward.process_states import STATES_FD, ProcessState, SharedStates


def test_processes_that_do_not_run_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is down is a failure, and says how it ended; without a supervisor nothing is said."""
    monkeypatch.delenv(STATES_FD, raising=False)
    assert check_processes() == []
    states = SharedStates()
    monkeypatch.setenv(STATES_FD, str(states.fd))
    states.publish([ProcessState("controller")])
    (found,) = check_processes()
    assert found.health is Health.OK
    states.publish([ProcessState("proxy", 2, 2, down=True, last_end="ended with status 1"), ProcessState("controller")])
    (found,) = check_processes()
    assert (found.is_failure, found.detail) == (True, "proxy worker 2 of 2 does not run: it ended with status 1")
    states.publish([ProcessState("store", restarted_at=[10**9] * 3)])
    (found,) = check_processes()
    assert (found.health, bool(found.fix)) == (Health.WARN, True)
    states.close()
