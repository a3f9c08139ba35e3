"""Landlock alone keeps a process from files, TCP and signalling others, if the kernel has it."""

import pytest
from tests.isolation.cells import DENIED, FREE, LANDLOCK, MYSELF, tried

CONNECTS = 'socket.create_connection(("127.0.0.1", 1))'


@pytest.fixture(scope="module", autouse=True)
def here() -> None:
    if "True" not in tried("held", LANDLOCK):
        pytest.skip("this kernel has no Landlock")


@pytest.mark.parametrize(
    ("attempt", "denied", "free"),
    [
        pytest.param('call("open", b"/etc/passwd", os.O_RDONLY) > 0', DENIED, "True", id="reads"),
        pytest.param('call("open", b"/tmp", os.O_TMPFILE | os.O_RDWR, 0o600) > 0', DENIED, "True", id="writes"),
        pytest.param('call("open", b"/", os.O_DIRECTORY) > 0', DENIED, "True", id="lists"),
        pytest.param(CONNECTS, DENIED, "ECONNREFUSED", id="connects"),
        pytest.param('socket.create_server(("127.0.0.1", 0)) and True', DENIED, "True", id="binds"),
        pytest.param(f"os.kill({MYSELF}, 0) is None", "EPERM", "True", id="signals"),
    ],
)
def test_it_denies(attempt: str, denied: str, free: str) -> None:
    """A call that works in a free process is denied in a restricted one."""
    assert tried(attempt, LANDLOCK) == denied
    assert tried(attempt, FREE) == free


def test_what_is_open_stays_open() -> None:
    """A descriptor opened before can still be written to."""
    assert tried("held[-1]", LANDLOCK) == "True"


def test_without_no_new_privs_it_says_that_it_does_not_hold() -> None:
    """The kernel requires PR_SET_NO_NEW_PRIVS, except of root: without it False is returned."""
    unprivileged = "os.geteuid() or os.setresuid(65534, 65534, 65534), landlock.restrict()"
    assert tried("held[-1]", unprivileged) == "False"
