"""The errors that Edgeward raises on purpose, and the exit status with which each ends a command.

    EdgewardError
    ├── UserError                   the request can't be carried out; the message names what is wrong (exit 2)
    │   ├── ConfigError             a setting is unknown or invalid, or contradicts another
    │   ├── InvalidValue            a value breaks a rule; `key` names it
    │   ├── BadSignal               a hash is malformed, of the wrong type, or would match everything
    │   ├── BadImage                a file is not an image that can be hashed
    │   ├── Conflict                it exists already, or is in use
    │   ├── PreconditionFailed      it was changed since the caller read it
    │   ├── NotFound                there is no such list, entry, order or token
    │   └── Forbidden               the token is unknown, or its role does not allow this
    ├── Held                        it would block too much: it waits for a second person (exit 1)
    ├── DamagedSegment              a file of the index is damaged, cut short or foreign (exit 1)
    └── Unavailable                 a service that is needed can't be reached (exit 3)
        ├── LaterRelease            a later release of Edgeward has written what is needed
        ├── StoreUnavailable        Redis
        ├── ApiUnavailable          the admin API
        └── CacheUnavailable        a cache node

A defective image in transit is not an error: its fingerprint has a `Flaw` (types/choices.py), and the image
gets a verdict all the same.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit status of a command."""

    DONE = 0
    FOUND = 1
    """A match was found, a check failed, or a change is not complete: a process or a cache lags behind."""
    USER_ERROR = 2
    """A `UserError`: the user can fix the command, the settings or the input."""
    UNAVAILABLE = 3
    """An `Unavailable`: the same command may succeed later."""


class EdgewardError(Exception):
    """Base of all. Its text is one or more lines for the user, and names the key, file or address."""

    exit_status = Exit.FOUND


class UserError(EdgewardError):
    """The request can't be carried out. The admin API answers 4xx."""

    exit_status = Exit.USER_ERROR


class ConfigError(UserError):
    """A setting is unknown or invalid, or contradicts another."""


class InvalidValue(UserError, ValueError):
    """A value that was asked for breaks a rule. Also a ValueError, so that pydantic's validators can raise it.

    `key` names the value, or is "" if the message is about several; `reason` is the message without the key.
    """

    def __init__(self, reason: str, key: str = "") -> None:
        super().__init__(f"{key}: {reason}" if key else reason)
        self.reason, self.key = reason, key


class BadSignal(UserError):
    """A hash is malformed, of the wrong type, or would match everything."""


class BadImage(UserError):
    """A file is not an image that can be hashed."""


class Conflict(UserError):
    """It exists already, or is in use."""


class PreconditionFailed(UserError):
    """It is not, or no longer, what the caller took it for (RFC 9110, section 13.1.1)."""


class NotFound(UserError):
    """There is no such list, entry, order or token."""


class Forbidden(UserError):
    """The token is unknown, or its role does not allow this."""


class Held(EdgewardError):
    """What was asked for would block or purge too much: it waits for a second person, and nothing of it is applied.
    The admin API answers 202."""


class DamagedSegment(EdgewardError):
    """A file of the index is damaged, cut short or foreign. The message begins with its path."""


class Unavailable(EdgewardError):
    """A service that is needed can't be reached. The admin API answers 503."""

    exit_status = Exit.UNAVAILABLE


class LaterRelease(Unavailable, ValueError):
    """A later release of Edgeward has written it, and only such a release can read it: a record, or the store as a
    whole. Also a ValueError, as of any other record that can't be read."""


class StoreUnavailable(Unavailable):
    """Redis can't be reached, or did not confirm a write in time."""


class ApiUnavailable(Unavailable):
    """The admin API can't be reached, or can't do it now.

    `nothing_changed`: the request did not reach it, or was refused before any of it was carried out.
    """

    def __init__(self, message: str, nothing_changed: bool = False) -> None:
        super().__init__(message)
        self.nothing_changed = nothing_changed


class CacheUnavailable(Unavailable):
    """A cache can't be reached, or can't take purges now.

    `status`: of its response, 0 without one. `retry_after`: seconds after which it may be asked again (the header
    Retry-After, RFC 9110 section 10.2.3); None without that header. `timed_out`: it gave no answer in time.
    """

    def __init__(
        self, message: str, status: int = 0, retry_after: float | None = None, *, timed_out: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.timed_out = timed_out
