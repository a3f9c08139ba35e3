"""Google Cloud CDN's invalidations."""

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.caches.cdn_server import ApiRequest, ApiServer, api_server, cdn_driver, deliveries, response
from tests.caches.google_key import key_file, pem
from tests.caches.orders import https_order, prefix_order, tag_order

from edgeward.caches import driver_for
from edgeward.caches.cdn_driver import CdnDriver
from edgeward.errors import ConfigError
from edgeward.settings.cache_settings import parse_cache
from edgeward.types import Delivery

pytestmark = pytest.mark.usefixtures("short_poll_pauses")

SETTINGS = {"driver": "google", "project": "shop-1", "url_map": "web-map", "tags": True}
PATH = "/projects/shop-1/global/urlMaps/web-map/invalidateCache"

type Drive = Callable[..., AbstractAsyncContextManager[tuple[CdnDriver, ApiServer, ApiServer]]]


def operation(status: str, **more: object) -> bytes:
    return response(200, {"kind": "compute#operation", "name": "operation-1", "status": status, **more})


def done(request: ApiRequest) -> bytes:
    return operation("PENDING") if request.method == "POST" else operation("DONE", progress=100)


def failure(status: int, message: str) -> bytes:
    return response(status, {"error": {"code": status, "message": message, "errors": [{"message": message}]}})


@pytest.fixture(scope="module")
def private_key() -> str:
    return pem(rsa.generate_private_key(65537, 2048))


@pytest.fixture
def drive(private_key: str) -> Drive:
    """Makes a driver: (driver, API server, token server)."""

    @asynccontextmanager
    async def drive(
        answer: Callable[[ApiRequest], bytes], **more: object
    ) -> AsyncIterator[tuple[CdnDriver, ApiServer, ApiServer]]:
        async with api_server(lambda _: response(200, {"access_token": "ya29.token", "expires_in": 3599})) as tokens:
            credentials = key_file(private_key, f"{tokens.url}/token")
            async with cdn_driver({**SETTINGS, "credentials": credentials, **more}, answer) as (driver, server):
                yield driver, server, tokens

    return drive


async def test_a_path_of_a_host(drive: Drive) -> None:
    """A path is sent with its host and without its query, once for all queries; its operation is polled."""
    async with drive(done) as (driver, server, tokens):
        purged = await driver.purge([https_order("/a\xe9?x=1"), https_order("/a\xe9?x=*"), https_order("/b", "b.test")])
    assert {(one.delivery, one.detail) for one in purged} == {(Delivery.DELIVERED, "completed")}
    posted = [request for request in server.requests if request.method == "POST"]
    bodies = [{"host": "img.test", "path": "/a%E9"}, {"host": "b.test", "path": "/b"}]
    assert sorted((request.json for request in posted), key=str) == sorted(bodies, key=str)
    assert {urlsplit(request.target).path for request in posted} == {PATH}
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer ya29.token"}
    polled = {request.target for request in server.requests if request.method == "GET"}
    assert polled == {"/projects/shop-1/global/operations/operation-1"}
    assert len(tokens.requests) == 1


async def test_prefixes_are_directories(drive: Drive) -> None:
    """A `*` is only allowed at the end and after a slash: a prefix that ends inside a name purges the whole directory,
    and so does a path with a `*` of its own, as `%2A` would be another path."""
    async with drive(done) as (driver, server, _):
        await driver.purge(
            [prefix_order("/a/b*c/"), prefix_order("/b/cat"), prefix_order("/"), https_order("/c/x*y/p")]
        )
    posted = [request.json["path"] for request in server.requests if request.method == "POST"]
    assert sorted(posted) == ["/*", "/a/*", "/b/*", "/c/*"]


async def test_tags(drive: Drive) -> None:
    """A call has at most ten tags."""
    async with drive(done) as (driver, server, _):
        await driver.purge([tag_order(f"ew-{number}") for number in range(12)])
    posted = [request.json["cacheTags"] for request in server.requests if request.method == "POST"]
    assert posted == [[f"ew-{number}" for number in range(10)], ["ew-10", "ew-11"]]


async def test_a_lost_call_is_repeated_with_the_same_id(drive: Drive) -> None:
    """A call without a response is made again with the same requestId, a later purge with another."""
    answers = iter([failure(503, "backend"), done, done])

    def answer(request: ApiRequest) -> bytes:
        reply = next(answers) if request.method == "POST" else done
        return reply if isinstance(reply, bytes) else reply(request)

    async with drive(answer) as (driver, server, _):
        outcomes = [deliveries(await driver.purge([https_order()])) for _ in range(3)]
    assert outcomes == [[Delivery.WAITING], [Delivery.DELIVERED], [Delivery.DELIVERED]]
    queries = [parse_qs(urlsplit(request.target).query) for request in server.requests if request.method == "POST"]
    lost, again, later = (query["requestId"][0] for query in queries)
    assert uuid.UUID(lost)
    assert lost == again != later


async def test_a_token_that_was_revoked_is_replaced(drive: Drive) -> None:
    """After a 401 the call is made once more with a new token; a second 401 is a refusal, without the token."""

    def first_refused(request: ApiRequest) -> bytes:
        return failure(401, "ya29.token expired") if len(server.requests) == 1 else done(request)

    async with drive(first_refused) as (driver, server, tokens):
        assert deliveries(await driver.purge([https_order()])) == [Delivery.DELIVERED]
        assert len(tokens.requests) == 2
        server.respond = lambda _: failure(401, "ya29.token is wrong")
        (purged,) = await driver.purge([https_order()])
    assert purged.delivery is Delivery.REFUSED
    assert "credentials" in purged.detail
    assert "ya29" not in purged.detail


async def test_no_token_no_purge(drive: Drive) -> None:
    """When no token is granted, the outcome says so, and the API is not called."""
    async with drive(done) as (driver, server, tokens):
        tokens.respond = lambda _: response(
            400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        )
        (purged,) = await driver.purge([https_order()])
        assert (purged.delivery, server.requests) == (Delivery.REFUSED, [])
        assert "credentials" in purged.detail
        assert "Invalid JWT Signature." in purged.detail
        tokens.respond = lambda _: response(503)
        assert deliveries(await driver.purge([https_order()])) == [Delivery.WAITING]


async def test_an_operation_that_failed_waits(drive: Drive) -> None:
    """A purge that was accepted and then failed is tried again."""

    def failed(request: ApiRequest) -> bytes:
        if request.method == "POST":
            return operation("PENDING")
        return operation("DONE", error={"errors": [{"code": "RESOURCE_NOT_READY", "message": "not ready"}]})

    async with drive(failed) as (driver, _, _):
        (purged,) = await driver.purge([https_order()])
    assert purged.delivery is Delivery.WAITING
    assert "not ready" in purged.detail


@pytest.mark.parametrize(
    ("reply", "delivery", "names"),
    [
        (failure(403, "Required 'compute.urlMaps.invalidateCache' permission"), Delivery.REFUSED, "permission"),
        (failure(404, "The resource was not found"), Delivery.REFUSED, "url_map"),
        (failure(400, "Invalid value for field"), Delivery.REFUSED, "Invalid value"),
        (failure(429, "Quota exceeded"), Delivery.WAITING, "Quota"),
        (response(200, b"<html>"), Delivery.WAITING, "url"),
        (response(200, {"error": {"message": "no"}}), Delivery.REFUSED, "no"),
    ],
)
async def test_other_responses(drive: Drive, reply: bytes, delivery: Delivery, names: str) -> None:
    """Only an operation is accepted; the rest is refused or waits, with Google's reason."""
    async with drive(lambda _: reply) as (driver, _, _):
        (purged,) = await driver.purge([https_order()])
    assert purged.delivery is delivery
    assert names in purged.detail


def test_bad_credentials_are_a_configuration_error() -> None:
    """They are reported when the driver is made, with the name of the setting."""
    settings = parse_cache({"name": "gcp", **SETTINGS, "credentials": "{}"})
    with pytest.raises(ConfigError, match=r"caches\.gcp\.credentials"):
        driver_for(settings)


async def test_an_operation_that_failed_by_its_status_alone_waits(drive: Drive) -> None:
    """An operation may fail without `error`: its HTTP status says it."""

    def failed(request: ApiRequest) -> bytes:
        if request.method == "POST":
            return operation("PENDING")
        return operation("DONE", httpErrorStatusCode=503, httpErrorMessage="SERVICE UNAVAILABLE")

    async with drive(failed) as (driver, _, _):
        (purged,) = await driver.purge([https_order()])
    assert purged.delivery is Delivery.WAITING
    assert "503 SERVICE UNAVAILABLE" in purged.detail


@pytest.mark.parametrize(
    "error",
    [
        {"errors": [{"reason": "rateLimitExceeded"}]},
        {"errors": [{"reason": "userRateLimitExceeded"}]},
        {"errors": [{"reason": "quotaExceeded"}]},
        {"errors": [{"reason": "dailyLimitExceeded"}]},
        {"details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"}]},
        {"status": "RESOURCE_EXHAUSTED"},
    ],
)
async def test_a_403_for_too_many_calls_is_no_refusal(drive: Drive, error: dict[str, object]) -> None:
    """It is tried again later, after the pause that was asked for: the credentials are right."""
    busy = response(403, {"error": {"code": 403, "message": "no", **error}}, Retry_After="7")
    async with drive(lambda _: busy) as (driver, _, _):
        (purged,) = await driver.purge([https_order()])
    assert (purged.delivery, purged.retry_after) == (Delivery.WAITING, 7.0)
