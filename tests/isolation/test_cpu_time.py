"""CPU time is limited from outside, whatever the process does."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from tests.support.eventually import until

from edgeward.isolation.cpu_time import GRACE_SECONDS, limit_cpu_seconds, used_cpu_seconds

SPIN = "print('', flush=True); sum(iter(int, 1))"
BLOCKED = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); {SPIN}"


@pytest.fixture
def spinning(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """A process that uses one core and runs the given code."""
    process = subprocess.Popen([sys.executable, "-c", request.param], stdout=subprocess.PIPE)
    assert process.stdout
    with process.stdout as stdout:
        stdout.readline()
        yield process
        process.kill()
        process.wait()


@pytest.mark.parametrize("spinning", [SPIN], indirect=True)
def test_the_kernel_ends_what_uses_too_much(spinning: subprocess.Popen[bytes]) -> None:
    """Also while its parent does nothing."""
    limit_cpu_seconds(spinning.pid, 0)
    assert spinning.wait(60) == -signal.SIGXCPU


@pytest.mark.parametrize("spinning", [BLOCKED], indirect=True)
def test_a_process_that_blocks_signals_is_found_out(spinning: subprocess.Popen[bytes]) -> None:
    """Its clock passes the limit, as its parent can see."""
    limit = limit_cpu_seconds(spinning.pid, 0)
    until(lambda: used_cpu_seconds(spinning.pid) > limit)
    assert spinning.poll() is None


def test_the_time_counts_from_now() -> None:
    """Time used before does not count, and the limit can be raised again."""
    before = used_cpu_seconds(os.getpid())
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    try:
        for seconds in (100, 5, 200):
            limit = limit_cpu_seconds(os.getpid(), seconds)
            assert limit >= before + seconds + GRACE_SECONDS
            assert limit <= resource.getrlimit(resource.RLIMIT_CPU)[0] <= limit + 1
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def test_a_process_that_has_ended_is_told() -> None:
    """OSError, as for its other properties."""
    process = subprocess.Popen(["true"])
    process.wait()
    with pytest.raises(OSError):
        used_cpu_seconds(process.pid)
    with pytest.raises(OSError):
        limit_cpu_seconds(process.pid, 1)


def test_the_clock_is_that_of_the_process() -> None:
    """User and system time, about as time.process_time() counts it."""
    used, exact = used_cpu_seconds(os.getpid()), time.process_time()
    # The kernel samples this clock, which RLIMIT_CPU uses too, at its ticks: over a minute it is a second or so off.
    assert exact * 0.8 - 0.1 < used < exact * 1.2 + 0.1
