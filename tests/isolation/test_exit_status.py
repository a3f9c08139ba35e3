"""How a process ended, in words."""

import pytest

from edgeward.isolation.exit_status import describe_exit


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "ended with status 0"),
        (3, "ended with status 3"),
        (-9, "was killed by signal 9 (SIGKILL)"),
        (-31, "was killed by signal 31 (SIGSYS)"),
        (-40, "was killed by signal 40"),
    ],
)
def test_a_signal_is_named(status: int, text: str) -> None:
    """A negative status is the number of a signal; one without a name is a number."""
    assert describe_exit(status) == text
