"""Types of values that several sections share. Each has an error message that says what is wrong."""

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """A table of the TOML file. Unknown keys are errors, and no value is converted to another type (strict)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class SecretMark:
    """Marks a setting as secret: error messages and `config show` leave its value out."""


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting is marked as secret."""
    return any(isinstance(mark, SecretMark) for mark in field.metadata)


def _check_host_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{value!r} is not HOST:PORT")
    return value


def _check_http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{value!r} is not an http:// or https:// URL")
    return value


def _check_base_url(value: str) -> str:
    if urlsplit(_check_http_url(value)).path not in ("", "/"):
        raise ValueError(f"{value!r} must have no path: the path of each request is used")
    return value.rstrip("/")


def _check_api_url(value: str) -> str:
    parts = urlsplit(_check_http_url(value))
    if parts.query or parts.fragment:
        raise ValueError(f"{value!r} must have no query: paths of the API are appended to it")
    return value.rstrip("/")


def read_secret(value: str) -> str:
    """The secret itself: `value`, or what "env:NAME" or "file:PATH" holds. Surrounding blanks of a file are cut off.

    Raises:
        ValueError: the variable or file can't be read, or the secret has a line break.
    """
    kind, _, name = value.partition(":")
    secret = value
    if kind == "env":
        if name not in os.environ:
            raise ValueError(f"the variable {name!r} is not set")
        secret = os.environ[name]
    elif kind == "file":
        try:
            secret = Path(name).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{name!r} can't be read: {getattr(error, 'strerror', None) or error}") from None
    # Secrets are sent in headers, and a line break would begin another header. A JSON key ("{...") is never sent.
    if any(char in secret for char in "\r\n\0") and not secret.lstrip().startswith("{"):
        raise ValueError("the secret holds a line break, which no header can carry")
    return secret


type HostPort = Annotated[str, AfterValidator(_check_host_port)]
"""HOST:PORT, an IPv6 host in brackets."""
type HttpUrl = Annotated[str, AfterValidator(_check_http_url)]
"""Any http or https URL."""
type BaseUrl = Annotated[str, AfterValidator(_check_base_url)]
"""A server's URL without a path. A final slash is cut off."""
type ApiUrl = Annotated[str, AfterValidator(_check_api_url)]
"""The URL that an API's paths are appended to. A final slash is cut off."""

# Not `type` statements: pydantic finds the SecretMark of a field only in a plain Annotated.
RequiredSecret = Annotated[str, Field(min_length=1), AfterValidator(read_secret), SecretMark()]
OptionalSecret = Annotated[str, AfterValidator(read_secret), SecretMark()]
