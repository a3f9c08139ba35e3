"""Why the store can't be reached, in words."""

import os
import ssl


def describe_error(error: BaseException) -> str:
    """ "connection refused" where the operating system says so, else the message of redis-py, which may be long.

    redis-py wraps the operating system's error: "Error 111 connecting to ... . Connect call failed (...)".
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return str(cause)  # its number is none of the operating system's
        if isinstance(cause, OSError) and cause.errno is not None:
            # A name that does not resolve has a number of its own, below 0.
            return (os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)).lower()
        cause = cause.__cause__ or cause.__context__
    return str(error)
