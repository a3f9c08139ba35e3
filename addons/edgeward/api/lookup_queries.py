"""Queries of the routes that look something up: their filters and cursors."""

from math import inf
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from edgeward.api.requests import LimitQuery, NoQuery, Text
from edgeward.errors import InvalidValue
from edgeward.hashing.signal_registry import listable_types


def _known_type(value: str) -> str:
    if value and value not in listable_types():
        raise InvalidValue(f"unknown signal type {value!r}; known: {', '.join(listable_types())}", "type")
    return value


def _names_a_host(value: str) -> str:
    """Any URL that a cache may store something under begins like this."""
    try:
        parts = urlsplit(value)
        possible = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        possible = False
    if not possible:
        raise ValueError(f"{value!r} is not an http:// or https:// URL with a host")
    return value


type Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A time in Unix seconds."""


class AuditQuery(LimitQuery):
    """`cursor`: of the previous answer. `after`: the `newest` of an earlier answer."""

    list: Text = ""
    who: Text = ""
    op: Text = ""
    since: Seconds = 0.0
    until: Seconds = inf
    cursor: Text = ""
    after: Text = ""


class ListedQuery(LimitQuery):
    """`cursor` is 0, or the `cursor` of the previous answer."""

    cursor: Text = "0"


class HistoryQuery(LimitQuery):
    """`cursor`: of the previous answer."""

    cursor: Text = ""


class DiffQuery(NoQuery):
    """`first` and `last`: versions of the lists; without `last` the current one."""

    first: Annotated[int, Field(ge=0)]
    last: Annotated[int, Field(ge=0)] | None = None


class ExportQuery(NoQuery):
    """`type`: of the entries; "" for all."""

    format: Literal["jsonl", "csv", "text"] = "jsonl"
    type: Annotated[str, AfterValidator(_known_type)] = ""


class EntriesQuery(LimitQuery):
    """`hash` and `near`: TYPE:HEX; at most one of them. `cursor`: of the previous answer."""

    list: Text = ""
    hash: Text = ""
    near: Text = ""
    type: Annotated[str, AfterValidator(_known_type)] = ""
    reason: Text = ""
    source_id: Text = ""
    act: Text = ""
    tag: Text = ""
    since: Seconds = 0.0
    until: Seconds = inf
    cursor: Text = ""

    @model_validator(mode="after")
    def _one_hash(self) -> Self:
        if self.hash and self.near:
            raise ValueError("give hash or near, not both")
        return self


class SightingsQuery(LimitQuery):
    url: Annotated[str, AfterValidator(_names_a_host)] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None = None
