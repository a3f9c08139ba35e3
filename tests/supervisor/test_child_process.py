"""One process of the supervisor: whether it is ready, and its end with the supervisor."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from tests.support.eventually import eventually

from edgeward.listening_sockets import listening_socket
from edgeward.supervisor import child_process
from edgeward.supervisor.child_process import ChildProcess, _end_with_parent

ADDONS = str(Path(child_process.__file__).parents[2])
READY = "from edgeward.listening_sockets import report_ready; report_ready(); __import__('time').sleep(600)"


def test_a_process_whose_supervisor_died_as_it_started_does_not_begin() -> None:
    """The kernel tells it of no death that came before it asked: it looks for itself."""
    for parent, status in ((os.getpid(), 0), (1, 1)):
        started = subprocess.Popen(["true"], preexec_fn=partial(_end_with_parent, parent))
        assert started.wait(60) == status


@pytest.mark.parametrize(("code", "ready"), [(READY, True), ("pass", False)])
async def test_it_says_when_it_is_ready(code: str, ready: bool) -> None:
    """A process with a port is ready when it says so, and not when it ends without a word."""
    with listening_socket("127.0.0.1:0", "test") as sock:
        child = ChildProcess("proxy", lambda: (sys.executable, "-c", code), {"PYTHONPATH": ADDONS}, sock)
        await child.start()
        await eventually(lambda: child.ready.is_set() or child.pid is None)
        assert child.ready.is_set() == ready
        await child.stop(60)
