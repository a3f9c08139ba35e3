"""Types of secrets and of URLs that may hold one: shown without it wherever settings are shown.

Their text is used as it is (in a header, to connect); their `repr` hides it, and so does `config show`.
"""

import os
import re
from pathlib import Path
from typing import Any, Self

MASK = "***"
_PASSWORD = re.compile(r"(?<=//)([^/@?:]*):.*@", re.S)
"""To the last @: a password that was not percent-encoded may hold one itself, or a slash."""
_USER = re.compile(r"(?<=//)[^/@?:]+@")
"""A user without a password is a token, most often."""
_SECRET_PARAMETER = re.compile(
    r"((?:^|[?&;])[^=?&;\s]*(?:password|passwd|secret|token|key|auth|signature|credential)[^=?&;\s]*=)[^&;#\s]*", re.I
)


def hide_secrets(url: str) -> str:
    """A URL, or a path with a query, with *** for its password and for the values of parameters that hold a secret."""
    hidden = _USER.sub(f"{MASK}@", _PASSWORD.sub(rf"\1:{MASK}@", url))
    return _SECRET_PARAMETER.sub(rf"\1{MASK}", hidden)


class Secret(str):
    """A secret. Its `repr` is '***'."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        return repr(MASK) if self else "''"


class SecretUrl(str):
    """A URL that may hold a password. Its `repr` hides that."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(hide_secrets(self))


class SecretMark:
    """Marks a setting as secret: nothing that is shown of settings has its value."""


class UrlMark:
    """Marks a setting as a URL that may hold a password."""


def masked(value: Any) -> Any:
    """A value as it may be shown."""
    if isinstance(value, Secret):
        return value and MASK
    return hide_secrets(value) if isinstance(value, SecretUrl) else value


def read_secret(value: str) -> Secret:
    """The secret itself: `value`, or what "env:NAME" or "file:PATH" holds. Surrounding blanks of a file are cut off.

    Raises:
        ValueError: the variable or file can't be read or is empty, or the secret has a line break.
    """
    kind, _, name = value.partition(":")
    secret, place = value, ""
    if kind == "env":
        if name not in os.environ:
            raise ValueError(f"the variable {name!r} is not set")
        secret, place = os.environ[name], f"the variable {name!r}"
    elif kind == "file":
        try:
            secret, place = Path(name).read_text().strip(), f"the file {name!r}"
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{name!r} can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    if (place or value) and not secret.strip():
        raise ValueError(f"{place or 'the secret'} is empty")
    # Secrets are sent in headers, and a line break would begin another header. A JSON key ("{...") is never sent.
    if any(char in secret for char in "\r\n\0") and not secret.lstrip().startswith("{"):
        raise ValueError("the secret holds a line break, which no header can carry")
    return Secret(secret)


def check_length(secret: str, minimum: int) -> None:
    """Raise ValueError if a secret, once it is read, has less than `minimum` characters."""
    if len(secret) < minimum:
        raise ValueError("is empty" if not secret else f"the secret needs at least {minimum} characters")
