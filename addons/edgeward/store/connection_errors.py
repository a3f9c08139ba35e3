"""Why the store can't be reached, in words."""

import os
import ssl

from redis import exceptions

NO_REDIS = "what answers there does not speak the protocol of Redis"
NO_TLS = "what answers there does not speak TLS"
_NO_TLS_REASONS = frozenset(("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE"))
"""Of OpenSSL, where the first bytes are no record of TLS."""


def describe_error(error: BaseException) -> str:
    """ "connection refused" where the operating system says so, else the message of redis-py, which may be long.

    redis-py wraps the operating system's error: "Error 111 connecting to ... . Connect call failed (...)".
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, exceptions.InvalidResponse):
            return NO_REDIS
        if isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS_REASONS:
            return NO_TLS
        if isinstance(cause, ssl.SSLError):
            return str(cause)  # its number is none of the operating system's
        if isinstance(cause, OSError) and cause.errno is not None:
            # A name that does not resolve has a number of its own, below 0.
            return (os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)).lower()
        cause = cause.__cause__ or cause.__context__
    return str(error)
