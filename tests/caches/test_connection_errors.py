"""Why a cache can't be reached, in words."""

import errno
import ssl

import pytest

from edgeward.caches.connection_errors import describe_error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"), "connection refused"),
        (OSError(errno.EHOSTUNREACH, "Connect call failed"), "no route to host"),
        (OSError("Multiple exceptions: one, two"), "OSError: Multiple exceptions: one, two"),
        (ssl.SSLError(1, "certificate verify failed"), "SSLError: certificate verify failed"),
        (ValueError("x"), "ValueError: x"),
    ],
)
def test_errors_of_the_network_are_plain(error: Exception, text: str) -> None:
    """What the operating system says in two words is not repeated with addresses; other errors are complete."""
    assert describe_error(error) == text
