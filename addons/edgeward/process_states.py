"""What the supervisor tells its child processes about all of them: which run, which do not, how often they ended.

It is in memory that they share (memfd_create(2)), so that a full, read-only or deleted state_dir hides nothing.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

STATES_FD = "EDGEWARD_INTERNAL_STATES_FD"
"""Environment variable that holds the file descriptor of the shared memory."""
MAX_BYTES = 1024 * 1024
"""Of what is read: more is not from the supervisor."""
RECENT_SECONDS = 300.0
MANY_RESTARTS = 3
"""So many restarts of one process within RECENT_SECONDS are worth a word."""
MAX_RECENT = 20
"""Restarts of one process whose times are remembered."""


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process of the supervisor.

    Attributes:
        role: "proxy", "controller" or "store".
        number, of: its place among those of its role, from 1 on, and how many they are.
        down: it ended or could not be started several times in a row, or takes too long to start. Its port is closed.
        restarts: how often it was started again since the supervisor started.
        restarted_at: when, the last MAX_RECENT times: seconds of the clock CLOCK_MONOTONIC, which all processes share.
        last_end: how it ended last, or why it can't be started, in words; "" if neither.
        warning: what is wrong though it runs; "" if nothing.
    """

    role: str
    number: int = 1
    of: int = 1
    down: bool = False
    restarts: int = 0
    restarted_at: Sequence[float] = ()
    last_end: str = ""
    warning: str = ""

    @property
    def name(self) -> str:
        """ "proxy worker 1 of 2", "the controller", "the embedded store"."""
        if self.role == "proxy":
            return f"proxy worker {self.number} of {self.of}"
        return {"store": "the embedded store"}.get(self.role, f"the {self.role}")

    @property
    def problem(self) -> str:
        """What is wrong, in one sentence without a full stop; "" if nothing is."""
        why = f": it {self.last_end}" if self.last_end else ""
        if self.down:
            return f"{self.name} does not run{why}"
        recent = sum(at > time.monotonic() - RECENT_SECONDS for at in self.restarted_at)
        if recent >= MANY_RESTARTS:
            return f"{self.name} was restarted {recent} times in the last {RECENT_SECONDS / 60:g} minutes{why}"
        return f"{self.name}: {self.warning}" if self.warning else ""


class SharedStates:
    """The memory, on the side of the supervisor. Child processes inherit `fd`."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("edgeward-processes")

    def publish(self, states: Sequence[ProcessState]) -> None:
        data = json.dumps([asdict(state) for state in states]).encode() + b"\n"
        os.pwrite(self.fd, data, 0)
        os.ftruncate(self.fd, len(data))

    def close(self) -> None:
        os.close(self.fd)


_last_read: list[ProcessState] = []


def process_states() -> Sequence[ProcessState]:
    """The states of all processes of this supervisor; none if there is no supervisor.

    What is read while it is being written is the state before.
    """
    number = os.environ.get(STATES_FD)
    if number is None:
        return ()
    try:
        data = os.pread(int(number), MAX_BYTES, 0)
        _last_read[:] = [ProcessState(**state) for state in json.loads(data)]
    except (OSError, ValueError, TypeError):
        pass
    return tuple(_last_read)
