"""What a setting may be: kinds of values that several sections share, each with an error that says what is wrong."""

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """A table of settings. Nothing unknown is let in, and a value is never bent to another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Hidden:
    """Marks a setting that is never shown: errors and `config show` leave its value out."""


def is_hidden(field: FieldInfo) -> bool:
    return any(isinstance(mark, Hidden) for mark in field.metadata)


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{value!r} is not HOST:PORT")
    return value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{value!r} is not an http:// or https:// URL")
    return value


def _base_url(value: str) -> str:
    if urlsplit(_http_url(value)).path not in ("", "/"):
        raise ValueError(f"{value!r} must have no path: the request's own is used")
    return value.rstrip("/")


def _api_url(value: str) -> str:
    parts = urlsplit(_http_url(value))
    if parts.query or parts.fragment:
        raise ValueError(f"{value!r} must have no query: the vendor's API is found below it")
    return value.rstrip("/")


def secret_value(value: str) -> str:
    """The secret itself, or where it is: "env:NAME" or "file:PATH". So it need not stand among the settings."""
    found = _found(value)
    if any(char in found for char in "\r\n\0") and not found.lstrip().startswith("{"):
        raise ValueError("it holds a line break, which no header can carry")
    return found


def _found(value: str) -> str:
    kind, _, name = value.partition(":")
    if kind == "env":
        if name not in os.environ:
            raise ValueError(f"the variable {name!r} is not set")
        return os.environ[name]
    if kind == "file":
        try:
            return Path(name).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{name!r} can't be read: {getattr(error, 'strerror', None) or error}") from None
    return value


type Address = Annotated[str, AfterValidator(_address)]
type HttpUrl = Annotated[str, AfterValidator(_http_url)]
type BaseUrl = Annotated[str, AfterValidator(_base_url)]
type ApiUrl = Annotated[str, AfterValidator(_api_url)]
