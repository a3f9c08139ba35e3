"""Bodies and queries of requests: read up to a limit, then validated by one model each.

An unknown key is an error that names it, so that a misspelt one is not ignored. Here are the shapes and limits of
requests; rules about values are those of `operations`, which the models call.
"""

from collections.abc import Callable
from typing import Annotated, Literal, Self

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from edgeward.access import tokens
from edgeward.errors import InvalidValue, UserError
from edgeward.lists.acts import ACT_ID
from edgeward.operations import entries, lists, takedowns
from edgeward.settings.value_errors import TABLE_TYPES, describe
from edgeward.types import Role

MAX_JSON_BYTES = 1024 * 1024
MAX_HASHES = 10_000
"""Hashes in one request. Longer lists are imported (POST /lists/{name}/imports)."""
MAX_IMAGES = 10_000
"""Images whose purges are asked for together."""
MAX_REMOVED = 1000
"""Hashes that one request takes off a list."""
MAX_URLS = 1000
MAX_PREFIXES = 100
MAX_TAKEDOWN_BYTES = 16 * 1024 * 1024
"""Enough for MAX_URLS of the longest URLs that servers accept."""
MAX_WEBHOOK_BYTES = 1024 * 1024
"""Of a takedown by webhook: read before it is known whether its signature is right."""


class Malformed(UserError):
    """The body is not JSON."""


class BadBody(UserError):
    """A key of the body or the query is unknown, is missing or has an invalid value. `key` names it."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


class TooMuch(UserError):
    """The body is larger than the route accepts."""


class Misdirected(UserError):
    """The request names a host that this listener does not answer for."""


class WrongType(UserError):
    """The route does not accept the body's Content-Type."""


class JsonBody(BaseModel):
    # Strict: JSON has types, so "31" is not a number and 1 is not a boolean.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Query(BaseModel):
    # Not strict: every value of a query is text.
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_types(value: str) -> str:
    entries.check_types(value.split(","))
    return value


type Text = Annotated[str, Field(max_length=2000)]
type ActId = Annotated[str, Field(pattern=rf"^$|{ACT_ID}")]


class HashesBody(JsonBody):
    """`quality` is that of the hashes whose type has one (pdq, pdq-dhash). `act`: the act that they belong to."""

    hashes: Annotated[list[str], Field(min_length=1, max_length=MAX_HASHES)]
    quality: Annotated[int, Field(ge=0, le=100)] | None = None
    reason: Text = ""
    act: ActId = ""


class RemovalBody(JsonBody):
    """What is removed: entries by hash or id, all of one act, or all with one id of a programme's record."""

    hashes: Annotated[list[str], Field(max_length=MAX_REMOVED)] = []
    entries: Annotated[list[str], Field(max_length=MAX_REMOVED)] = []
    act: Text = ""
    source_id: Text = ""
    dry_run: bool = False
    why: Text = ""

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if sum(map(bool, (self.hashes, self.entries, self.act, self.source_id))) != 1:
            raise ValueError("give one of hashes, entries, act and source_id")
        return self


class RollbackBody(JsonBody):
    """`version`: of the lists, as the history and every change name it."""

    version: Annotated[int, Field(ge=0)]
    dry_run: bool = False
    why: Text = ""


class CheckBody(JsonBody):
    """`at`: URL of the target that is asked about."""

    hash: str
    quality: Annotated[int, Field(ge=0, le=100)] | None = None
    at: Text = ""


class CheckQuery(_Query):
    at: Text = ""


class PurgeBody(JsonBody):
    urls: Annotated[list[str], Field(min_length=1, max_length=MAX_URLS)]
    why: Text = ""


class PurgeRetryBody(JsonBody):
    cache: Text | None = None
    why: Text = ""


class TakedownBody(JsonBody):
    """What to remove: URLs, everything below a prefix, images by hash. With `list` the hashes are listed too."""

    urls: Annotated[tuple[str, ...], Field(max_length=MAX_URLS)] = ()
    prefixes: Annotated[tuple[str, ...], Field(max_length=MAX_PREFIXES)] = ()
    hashes: Annotated[tuple[str, ...], Field(max_length=MAX_HASHES)] = ()
    list: Annotated[str, AfterValidator(lists.check_name)] | None = None
    why: Text = ""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        takedowns.check_content([*self.urls, *self.prefixes], self.hashes, self.list)
        return self


class DecisionBody(JsonBody):
    """Of who approves or rejects a held update, or confirms an entry."""

    why: Text = ""


class TokenBody(JsonBody):
    name: Annotated[str, AfterValidator(tokens.check_name)]
    role: Role


class ForgetBody(JsonBody):
    """`name`: of a process, or of its machine."""

    name: Text
    why: Text = ""


class DoctorBody(JsonBody):
    """`url`: a harmless object that the caches may store."""

    url: str | None = None


class RefillBody(JsonBody):
    """`accept_empty`: give up what the store lost. `caches_emptied`: restore nothing; every cache was emptied after the
    repair. `timeout` is in seconds."""

    accept_empty: bool = False
    caches_emptied: bool = False
    why: Text = ""
    timeout: Annotated[float, Field(gt=0, le=3600)] = 300.0


class CacheBody(JsonBody):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    why: Text = ""


class EntryPurgesBody(JsonBody):
    """`entries`: ids of entries that were listed by hash; `images`: those of each image. `version` of the lists is
    matched first."""

    entries: Annotated[list[str], Field(max_length=MAX_HASHES)] = []
    images: Annotated[list[list[str]], Field(max_length=MAX_IMAGES)] = []
    version: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.entries and not any(self.images):
            raise ValueError("give entries or images")
        return self


class NoQuery(_Query):
    pass


class WhyQuery(_Query):
    why: Text = ""


class RemovalQuery(WhyQuery):
    dry_run: bool = False


class LimitQuery(_Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class PageQuery(LimitQuery):
    """`cursor` is 0, or the `cursor` of the previous answer."""

    cursor: Annotated[int, Field(ge=0)] = 0


class WaitQuery(_Query):
    """`wait=verified` waits until every cache has carried out its orders; `timeout` is in seconds."""

    wait: Literal["verified"] | None = None
    timeout: Annotated[float, Field(gt=0, le=600)] = 30.0

    @property
    def seconds(self) -> float | None:
        """How long to wait for the caches; None: not at all."""
        return self.timeout if self.wait else None


class OrdersQuery(WaitQuery):
    """`dry_run`: order nothing, and say what would be ordered."""

    dry_run: bool = False


class UndoQuery(WhyQuery):
    """`timeout`: seconds to wait for the undo of a long import, which then goes on."""

    timeout: Annotated[float, Field(gt=0, le=600)] = 30.0


class ImageQuery(WaitQuery):
    reason: Text = ""
    act: ActId = ""
    signals: Annotated[str, AfterValidator(_known_types)] = "sha256,pdq"


def _radius(value: str) -> str:
    lists.check_radius(radius_of_query(value))
    return value


def radius_of_query(value: str) -> dict[str, int | None]:
    """ "pdq=40,dhash=default" as radii by type; None stands for the type's default.

    Raises:
        InvalidValue: it is no such text.
    """
    radius: dict[str, int | None] = {}
    for part in filter(None, value.split(",")):
        name, _, bits = part.partition("=")
        if bits != "default" and not (bits.isascii() and bits.isdecimal() and len(bits) < 10):
            raise InvalidValue(f"{part!r} is not TYPE=BITS, such as pdq=31", "radius")
        radius[name] = None if bits == "default" else int(bits)
    return radius


class WhatIfQuery(_Query):
    """A policy that a list does not have. What is left out is as it is."""

    radius: Annotated[str, AfterValidator(_radius)] = ""
    rotations: bool | None = None
    geometry: bool | None = None
    min_quality: Annotated[int, Field(ge=0, le=100)] | None = None
    timeout: Annotated[float, Field(gt=0, le=600)] = 30.0


async def read_body(request: web.Request, limit: int, on_chunk: Callable[[bytes], object] | None = None) -> bytes:
    """The body, its content-coding undone. `on_chunk` is called with each part of it, in order.

    Raises:
        TooMuch: it has more than `limit` bytes.
        Malformed: it is incomplete, or its content-coding is broken.
    """
    too_much = TooMuch(f"the body is larger than {limit} bytes")
    if (request.content_length or 0) > limit:
        raise too_much
    body = bytearray()
    try:
        # Counted after decoding: a small compressed body can be a large one.
        async for chunk in request.content.iter_any():
            if len(body) + len(chunk) > limit:
                raise too_much
            body += chunk
            if on_chunk:
                on_chunk(chunk)
    except web.RequestPayloadError as error:
        raise Malformed(f"the body can't be read: {error}") from None
    return bytes(body)


async def parse_body[M: BaseModel](request: web.Request, model: type[M], limit: int = MAX_JSON_BYTES) -> M:
    """The JSON body, of at most `limit` bytes, as a `model`.

    Raises:
        TooMuch: it has more than `limit` bytes.
        Malformed: it is not JSON.
        BadBody: a key is unknown, is missing or has an invalid value.
    """
    return parse_json(await read_body(request, limit), model)


def parse_json[M: BaseModel](body: bytes, model: type[M]) -> M:
    """A body that has been read, as a `model`. Raises Malformed and BadBody like `parse_body`."""
    if not body.strip():
        raise Malformed("the body is empty")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _user_error(error) from None


def parse_query[M: BaseModel](request: web.Request, model: type[M]) -> M:
    """The query as a `model`. Raises BadBody like `parse_body`."""
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise _user_error(error) from None


def if_match(request: web.Request) -> tuple[str, ...]:
    """The entity tags of the header If-Match (RFC 9110, section 13.1.1); without the header, all."""
    values = request.headers.getall("If-Match", ["*"])
    # None of our tags contains a comma. A weak one never matches: If-Match compares strongly.
    return tuple(tag.strip() for value in values for tag in value.split(","))


def _user_error(error: ValidationError) -> UserError:
    """The first problem that pydantic found, in our words."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "json_invalid":
        return Malformed(f"the body is not JSON: {problem['ctx']['error']}")
    if problem["type"] == "extra_forbidden":
        return BadBody(f"unknown key {key}", key)
    if problem["type"] == "missing":
        return BadBody(f"{key} {describe(problem)}", key)
    if problem["type"] in TABLE_TYPES and not key:
        return BadBody(f"the body {describe(problem, table='an object')}", key)
    cause = problem.get("ctx", {}).get("error")
    # The key by which a rule names the value may not be that of this body.
    message = cause.reason if isinstance(cause, InvalidValue) else describe(problem, table="an object")
    return BadBody(f"{key}: {message}" if key else message, key)
