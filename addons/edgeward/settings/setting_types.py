"""Types of values that several sections share. Each has an error message that says what is wrong."""

from pathlib import Path
from typing import Annotated, Any, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from edgeward.settings.secret_types import (
    SecretMark,
    SecretUrl,
    UrlMark,
    check_length,
    masked,
    read_secret,
)


class Section(BaseModel):
    """A table of the TOML file. Unknown keys are errors, and no value is converted to another type (strict)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def shown(self) -> dict[str, Any]:
        """The settings as plain values (those of JSON), with secrets and passwords masked."""
        return {name: _plain(getattr(self, name)) for name in type(self).model_fields}


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.shown()
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return str(value) if isinstance(value, Path) else masked(value)


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting is marked as secret."""
    return any(isinstance(mark, SecretMark) for mark in field.metadata)


def may_hold_secret(field: FieldInfo) -> bool:
    """Whether a setting is a secret, or its type hides parts of it: messages leave its value out."""
    kinds = (field.annotation, *get_args(field.annotation))
    marks = [mark for kind in kinds for mark in getattr(getattr(kind, "__value__", None), "__metadata__", ())]
    return is_secret(field) or any(isinstance(mark, UrlMark) for mark in (*field.metadata, *marks))


def _check_host_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{value!r} is not HOST:PORT")
    return value


def _check_http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        possible = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, brackets around what is no address
        possible = False
    if not possible:
        raise ValueError("is not an http:// or https:// URL")
    return SecretUrl(value)


def _check_base_url(value: str) -> str:
    if urlsplit(_check_http_url(value)).path not in ("", "/"):
        raise ValueError("must have no path: the path of each request is used")
    return SecretUrl(value.rstrip("/"))


def _check_api_url(value: str) -> str:
    parts = urlsplit(_check_http_url(value))
    if parts.query or parts.fragment:
        raise ValueError("must have no query: paths of the API are appended to it")
    return SecretUrl(value.rstrip("/"))


type HostPort = Annotated[str, AfterValidator(_check_host_port)]
"""HOST:PORT, an IPv6 host in brackets."""
type HttpUrl = Annotated[str, AfterValidator(_check_http_url), UrlMark()]
"""Any http or https URL."""
type BaseUrl = Annotated[str, AfterValidator(_check_base_url), UrlMark()]
"""A server's URL without a path. A final slash is cut off."""
type ApiUrl = Annotated[str, AfterValidator(_check_api_url), UrlMark()]
"""The URL that an API's paths are appended to. A final slash is cut off."""


def _required(value: str) -> str:
    secret = read_secret(value)
    check_length(secret, 1)
    return secret


# Not `type` statements: pydantic finds the SecretMark of a field only in a plain Annotated.
RequiredSecret = Annotated[str, AfterValidator(_required), SecretMark()]
OptionalSecret = Annotated[str, AfterValidator(read_secret), SecretMark()]
"""It may be left out: "". What a variable or a file holds must not be empty."""
