"""What a request may hold: read within bounds, then held to one model. An unknown key is an error that names it."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from edgeward.errors import UserError
from edgeward.hashing.registry import available, furthest, known, measured
from edgeward.types import Action, Kind, Mode, Role, Target

MAX_JSON_BYTES = 1024 * 1024
MAX_HASHES = 10_000
"""Hashes in one request: so many are listed in one go."""
MAX_URLS = 1000
MAX_PREFIXES = 100
MAX_TAKEDOWN_BYTES = 16 * 1024 * 1024
"""A takedown may hold so many URLs as long as there are."""
LIST_NAME = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
TOKEN_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$"  # noqa: S105 (a pattern, no password)


_URL = re.compile(r"(https?)://([^\x00-\x20/?#@\x7f-\U0010ffff]+)(/[^\x00-\x20#\x7f\u0100-\U0010ffff]*|)")


class Malformed(UserError):
    """The body is no JSON."""


class BadBody(UserError):
    """A key of the body or of the query is unknown, missing or impossible: `key` names it."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


class TooMuch(UserError):
    """The body is larger than the route takes."""


class WrongType(UserError):
    """The body's Content-Type is none that the route takes."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _radius(value: dict[str, int | None]) -> dict[str, int | None]:
    for name, radius in value.items():
        if name not in measured():
            raise ValueError(f"{name!r} has no radius; {', '.join(measured())} have one")
        if radius is not None and not 0 <= radius <= furthest(name):
            raise ValueError(f"{name} = {radius} is not within 0 to {furthest(name)}")
    return value


def _signal_types(value: str) -> str:
    unknown = [name for name in value.split(",") if name not in available()]
    if unknown:
        raise ValueError(f"unknown signal type {unknown[0]!r}; known are {', '.join(available())}")
    return value


def _signal_type(value: str) -> str:
    if value not in known():
        raise ValueError(f"unknown signal type {value!r}; known are {', '.join(known())}")
    return value


type Text = Annotated[str, Field(max_length=2000)]
type Radius = Annotated[dict[str, int | None], AfterValidator(_radius)]


class NewList(_Body):
    name: Annotated[str, Field(pattern=LIST_NAME)]
    kind: Kind = Kind.BLOCK
    mode: Mode = Mode.ENFORCE
    action: Action = Action.UNAVAILABLE_FOR_LEGAL_REASONS
    radius: Radius = {}
    description: Text = ""
    rotations: bool = False
    geometry: bool = False
    why: Text = ""


class ListPatch(_Body):
    """What is to change. `radius` changes the types it names; null gives a type its default back."""

    mode: Mode | None = None
    action: Action | None = None
    radius: Radius | None = None
    description: Text | None = None
    rotations: bool | None = None
    geometry: bool | None = None
    why: Text = ""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - {"why"}:
            raise ValueError("nothing to change: give mode, action, radius, description, rotations or geometry")
        return self


class Hashes(_Body):
    """`quality` is that of the PDQ hashes: see `enough`."""

    hashes: Annotated[list[str], Field(min_length=1, max_length=MAX_HASHES)]
    quality: Annotated[int, Field(ge=0, le=100)] | None = None
    reason: Text = ""


class HashToCheck(_Body):
    hash: str
    quality: Annotated[int, Field(ge=0, le=100)] | None = None


class Urls(_Body):
    urls: Annotated[list[str], Field(min_length=1, max_length=MAX_URLS)]
    why: Text = ""


class Takedown(_Body):
    """What is gone: URLs, all below a prefix, images by hash. With `list` the hashes are listed too."""

    urls: Annotated[tuple[str, ...], Field(max_length=MAX_URLS)] = ()
    prefixes: Annotated[tuple[str, ...], Field(max_length=MAX_PREFIXES)] = ()
    hashes: Annotated[tuple[str, ...], Field(max_length=MAX_HASHES)] = ()
    list: Annotated[str, Field(pattern=LIST_NAME)] | None = None
    why: Text = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.urls or self.prefixes or self.hashes):
            raise ValueError("nothing to take down: give urls, prefixes or hashes")
        if self.list and not self.hashes:
            raise ValueError("only hashes can be listed: give some, or no list")
        return self


class NewToken(_Body):
    name: Annotated[str, Field(pattern=TOKEN_NAME)]
    role: Role


class Examination(_Body):
    """`url`: a harmless object that the caches store."""

    url: str | None = None


class NoQuery(_Query):
    pass


class Why(_Query):
    why: Text = ""


class Limit(_Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class Page(Limit):
    """The `cursor` of an answer leads to the next page."""

    cursor: Annotated[int, Field(ge=0)] = 0


class Wait(_Query):
    """`wait=verified` waits until every cache has done what was ordered; `timeout` is in seconds."""

    wait: Literal["verified"] | None = None
    timeout: Annotated[float, Field(gt=0, le=600)] = 30.0


class ImageToList(Wait):
    reason: Text = ""
    signals: Annotated[str, AfterValidator(_signal_types)] = "sha256,pdq"


class Import(Wait):
    """A file of hashes. `format`: that of the Content-Type where it is not given."""

    format: Literal["text", "csv", "jsonl"] | None = None
    type: Annotated[str, AfterValidator(_signal_type)] | None = None
    quality: Annotated[int, Field(ge=0, le=100)] | None = None
    reason: Text = ""
    skip_bad: bool = False
    dry_run: bool = False


class SightingsOf(Limit):
    url: str | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None = None


async def read(request: web.Request, limit: int) -> bytes:
    """The whole body, with the content-coding undone.

    Raises:
        TooMuch: it has more than `limit` bytes.
        Malformed: it broke off or its content-coding is broken.
    """
    too_much = TooMuch(f"the body is larger than {limit} bytes")
    if (request.content_length or 0) > limit:
        raise too_much
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise too_much
    except web.RequestPayloadError as error:
        raise Malformed(f"the body can't be read: {error}") from None
    return bytes(body)


async def parse[M: BaseModel](request: web.Request, model: type[M], limit: int = MAX_JSON_BYTES) -> M:
    """The JSON body, of `limit` bytes at most, as a `model`.

    Raises:
        Malformed: it is no JSON.
        BadBody: a key is unknown, missing or impossible.
    """
    return parsed(await read(request, limit), model)


def parsed[M: BaseModel](body: bytes, model: type[M]) -> M:
    """A body that was read already as a `model`. Raises Malformed and BadBody as `parse` does."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _explain(error) from None


def query[M: BaseModel](request: web.Request, model: type[M]) -> M:
    """The query as a `model`. Raises BadBody as `parse` does."""
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise _explain(error) from None


def enough(quality: int | None, least: int) -> int | None:
    """The quality of what is to be listed. BadBody where it is below `least`: then it would never match."""
    if quality is not None and quality < least:
        raise BadBody(f"quality: {quality} is less than hashing.min_quality, {least}: it would never match", "quality")
    return quality


def target(url: str, key: str = "urls") -> Target:
    """What a cache stores `url` under, byte for byte: a character stands for the byte of its number.

    `key` names where it comes from in the error.

    Raises:
        BadBody: it is no absolute http:// or https:// URL that could be on the wire.
    """
    match = _URL.fullmatch(url)
    if not match or not _has_host(url):
        raise BadBody(f"{key}: {url!r} is not an absolute http:// or https:// URL, percent-encoded, without #", key)
    scheme, host, path = match.groups()
    return Target(scheme, host, path or "/")


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _explain(error: ValidationError) -> UserError:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "json_invalid":
        return Malformed(f"the body is no JSON: {problem['ctx']['error']}")
    if problem["type"] == "extra_forbidden":
        return BadBody(f"unknown key {key}", key)
    if problem["type"] == "missing":
        return BadBody(f"{key} is missing", key)
    message = problem["msg"].removeprefix("Value error, ")
    return BadBody(f"{key}: {message}" if key else message, key)
