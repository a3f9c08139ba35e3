"""The filter alone: what is allowed works, what is fatal kills, all else fails as unknown."""

import pytest
from tests.isolation.cells import FREE, KILLED, REFUSED, SECCOMP, tried

from edgeward.isolation.seccomp import ALLOWED, FATAL


@pytest.fixture(scope="module", autouse=True)
def here() -> None:
    if "True" not in tried("held", SECCOMP):
        pytest.skip("this machine has no libseccomp")


@pytest.mark.parametrize(
    ("attempt", "outcome", "free"),
    [
        pytest.param("os.getcwd() > ''", REFUSED, "True", id="any other call"),
        pytest.param('call("open", b"/etc/passwd", os.O_RDONLY) > 0', REFUSED, "True", id="a file"),
        pytest.param("socket.socketpair() and True", KILLED, "True", id="sockets"),
        pytest.param("(os.fork() or os._exit(0)) > 0", KILLED, "True", id="a process"),
        pytest.param("os.kill(os.getppid(), 0) is None", KILLED, "True", id="a signal to others"),
        pytest.param("mmap.mmap(-1, 4096, prot=7) and True", KILLED, "True", id="code"),
        pytest.param("resource.getrlimit(resource.RLIMIT_AS) != 0", "True", "True", id="limits read"),
        pytest.param("signal.setitimer(signal.ITIMER_PROF, 99) == (0.0, 0.0)", REFUSED, "True", id="a CPU timer"),
        pytest.param("signal.setitimer(signal.ITIMER_REAL, 99) == (0.0, 0.0)", REFUSED, "True", id="another timer"),
        pytest.param('call("alarm", 99) == 0', REFUSED, "True", id="an alarm"),
        pytest.param(
            "resource.setrlimit(resource.RLIMIT_CPU, (99, 99)) is None", REFUSED, "True", id="a limit of CPU time"
        ),
        pytest.param("os.sched_setaffinity(0, {0}) is None", REFUSED, "True", id="other cores"),
        pytest.param("os.nice(1) > 0", REFUSED, "True", id="another priority"),
        pytest.param(
            "resource.setrlimit(resource.RLIMIT_AS, (1 << 33, 1 << 33)) is None", REFUSED, "True", id="limits"
        ),
        pytest.param("os.abort()", "SIGABRT", "SIGABRT", id="abort"),
        pytest.param("mmap.mmap(-1, 4096) and True", "True", "True", id="memory"),
    ],
)
def test_calls_end_as_the_tables_say(attempt: str, outcome: str, free: str) -> None:
    """Allowed, fatal or unknown; without the filter each of them works."""
    assert tried(attempt, SECCOMP) == outcome
    assert tried(attempt, FREE) == free


def test_threads_are_filtered_too() -> None:
    """Also a thread that was started before."""
    waits = (
        "(go := threading.Event(), found := [], t := threading.Thread(target=lambda: (go.wait(), "
        'found.append(libc.open(b"/etc/passwd", 0)))), t.start(), libc.prctl(38, 1, 0, 0, 0), seccomp.restrict())'
    )
    code = "(held[0].set(), held[2].join(), held[1][0] if held[5] else None)[-1]"
    assert tried(code, waits) == "-1"


def test_no_call_is_in_both_tables() -> None:
    """A call is either allowed or fatal."""
    assert not set(ALLOWED) & set(FATAL)
    assert len(set(ALLOWED)) == len(ALLOWED)
    assert len(set(FATAL)) == len(FATAL)
