"""Why a cache or an API can't be reached, in words."""

import errno
import os

_PLAIN = frozenset({errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE, errno.EHOSTUNREACH, errno.ENETUNREACH})
"""Errors that the operating system's own words describe completely."""


def describe_error(error: Exception) -> str:
    """ "connection refused" for such an error of the operating system, else the class and the message of the error."""
    if isinstance(error, OSError) and error.errno in _PLAIN:
        return os.strerror(error.errno).lower()
    return f"{type(error).__name__}: {error}"
