"""The errors that Edgeward raises on purpose, and the exit status each ends a command with.

    EdgewardError
    ├── UserError                   what was asked can't be done: the message names what is wrong (exit 2)
    │   ├── ConfigError             a setting is unknown, impossible or contradicts another
    │   ├── BadSignal               a hash is malformed, of the wrong type, or matches everything
    │   ├── BadImage                a file is no picture that can be hashed
    │   ├── Conflict                it exists already, or is in use
    │   ├── NotFound                no such list, entry, order, token
    │   └── Forbidden               the token is unknown or its role is too small
    └── Unavailable                 a service that is needed is away (exit 3)
        ├── StoreUnavailable        Redis
        ├── ApiUnavailable          the admin API
        └── CacheUnavailable        a cache node

What goes wrong with an image in transit is no error but a `Flaw` of its fingerprint (types.py): it ends in a verdict.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit status of every command."""

    DONE = 0
    FOUND = 1
    """A match was found, or a check failed."""
    USER_ERROR = 2
    UNAVAILABLE = 3


class EdgewardError(Exception):
    exit_status = Exit.FOUND


class UserError(EdgewardError):
    exit_status = Exit.USER_ERROR


class ConfigError(UserError):
    pass


class BadSignal(UserError):
    pass


class BadImage(UserError):
    pass


class Conflict(UserError):
    pass


class NotFound(UserError):
    pass


class Forbidden(UserError):
    pass


class Unavailable(EdgewardError):
    exit_status = Exit.UNAVAILABLE


class StoreUnavailable(Unavailable):
    pass


class ApiUnavailable(Unavailable):
    pass


class CacheUnavailable(Unavailable):
    """`retry_after`: seconds that the cache asked to be left alone for, where it did (429, RFC 9110 section 10.2.3)."""

    def __init__(self, message: str, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
