"""Google Cloud CDN's invalidations."""

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.takedown.caches.fakes import Asked, Fake, below, deliveries, driven, fake, order, said, tagged
from tests.takedown.caches.test_google_token import key_file

from edgeward.cache_settings import parse_cache
from edgeward.errors import ConfigError
from edgeward.takedown.caches import driver_for
from edgeward.takedown.caches.vendor import Vendor
from edgeward.types import Delivery

pytestmark = pytest.mark.usefixtures("quick_polls")

SETTINGS = {"driver": "google", "project": "shop-1", "url_map": "web-map", "tags": True}
PATH = "/projects/shop-1/global/urlMaps/web-map/invalidateCache"

type Drive = Callable[..., AbstractAsyncContextManager[tuple[Vendor, Fake, Fake]]]


def operation(status: str, **more: object) -> bytes:
    return said(200, {"kind": "compute#operation", "name": "operation-1", "status": status, **more})


def done(asked: Asked) -> bytes:
    return operation("PENDING") if asked.method == "POST" else operation("DONE", progress=100)


def failure(status: int, message: str) -> bytes:
    return said(status, {"error": {"code": status, "message": message, "errors": [{"message": message}]}})


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(65537, 2048)
    kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, plain).decode()


@pytest.fixture
def drive(pem: str) -> Drive:
    """Makes a driver: (driver, API, server of tokens)."""

    @asynccontextmanager
    async def drive(answer: Callable[[Asked], bytes], **more: object) -> AsyncIterator[tuple[Vendor, Fake, Fake]]:
        async with fake(lambda _: said(200, {"access_token": "ya29.token", "expires_in": 3599})) as tokens:
            credentials = key_file(pem, f"{tokens.url}/token")
            async with driven({**SETTINGS, "credentials": credentials, **more}, answer) as (driver, server):
                yield driver, server, tokens

    return drive


async def test_a_path_of_a_host(drive: Drive) -> None:
    """A path goes out with its host and without its query, once for all queries, and its operation is asked for."""
    async with drive(done) as (driver, server, tokens):
        purged = await driver.purge([order("/a\xe9*?x=1"), order("/a\xe9*?x=2"), order("/b", "b.test")])
    assert {(one.delivery, one.detail) for one in purged} == {(Delivery.DELIVERED, "completed")}
    posted = [asked for asked in server.asked if asked.method == "POST"]
    bodies = [{"host": "img.test", "path": "/a%E9%2A"}, {"host": "b.test", "path": "/b"}]
    assert sorted((asked.json for asked in posted), key=str) == sorted(bodies, key=str)
    assert {urlsplit(asked.target).path for asked in posted} == {PATH}
    assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer ya29.token"}
    polled = {asked.target for asked in server.asked if asked.method == "GET"}
    assert polled == {"/projects/shop-1/global/operations/operation-1"}
    assert len(tokens.asked) == 1


async def test_prefixes_are_directories(drive: Drive) -> None:
    """A `*` may only stand after a slash: a prefix within a name takes the whole directory."""
    async with drive(done) as (driver, server, _):
        await driver.purge([below("/a/b*c/"), below("/a/cat"), below("/")])
    asked = [asked.json["path"] for asked in server.asked if asked.method == "POST"]
    assert sorted(asked) == ["/*", "/a/*", "/a/b%2Ac/*"]


async def test_tags(drive: Drive) -> None:
    """Ten tags go in a call."""
    async with drive(done) as (driver, server, _):
        await driver.purge([tagged(f"ew-{number}") for number in range(12)])
    asked = [asked.json["cacheTags"] for asked in server.asked if asked.method == "POST"]
    assert asked == [[f"ew-{number}" for number in range(10)], ["ew-10", "ew-11"]]


async def test_a_lost_answer_is_asked_again_under_the_same_id(drive: Drive) -> None:
    """A call without an answer has the same requestId when it is made again, a repeat another."""
    answers = iter([failure(503, "backend"), done, done])

    def answer(asked: Asked) -> bytes:
        reply = next(answers) if asked.method == "POST" else done
        return reply if isinstance(reply, bytes) else reply(asked)

    async with drive(answer) as (driver, server, _):
        outcomes = [deliveries(await driver.purge([order()])) for _ in range(3)]
    assert outcomes == [[Delivery.WAITING], [Delivery.DELIVERED], [Delivery.DELIVERED]]
    queries = [parse_qs(urlsplit(asked.target).query) for asked in server.asked if asked.method == "POST"]
    lost, again, later = (query["requestId"][0] for query in queries)
    assert uuid.UUID(lost)
    assert lost == again != later


async def test_a_token_that_ended_early_is_replaced(drive: Drive) -> None:
    """A 401 is met with a new token once; a second one is a refusal, which does not show the token."""

    def first_refused(asked: Asked) -> bytes:
        return failure(401, "ya29.token expired") if len(server.asked) == 1 else done(asked)

    async with drive(first_refused) as (driver, server, tokens):
        assert deliveries(await driver.purge([order()])) == [Delivery.DELIVERED]
        assert len(tokens.asked) == 2
        server.answer = lambda _: failure(401, "ya29.token is wrong")
        (purged,) = await driver.purge([order()])
    assert purged.delivery is Delivery.REFUSED
    assert "credentials" in purged.detail
    assert "ya29" not in purged.detail


async def test_no_token_no_purge(drive: Drive) -> None:
    """Where no token is given, that is said, and the API is not asked."""
    async with drive(done) as (driver, server, tokens):
        tokens.answer = lambda _: said(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        (purged,) = await driver.purge([order()])
        assert (purged.delivery, server.asked) == (Delivery.REFUSED, [])
        assert "credentials" in purged.detail
        assert "Invalid JWT Signature." in purged.detail
        tokens.answer = lambda _: said(503)
        assert deliveries(await driver.purge([order()])) == [Delivery.WAITING]


async def test_an_operation_that_failed_stays_owed(drive: Drive) -> None:
    """What was accepted and then failed over there is purged again."""

    def failed(asked: Asked) -> bytes:
        if asked.method == "POST":
            return operation("PENDING")
        return operation("DONE", error={"errors": [{"code": "RESOURCE_NOT_READY", "message": "not ready"}]})

    async with drive(failed) as (driver, _, _):
        (purged,) = await driver.purge([order()])
    assert purged.delivery is Delivery.WAITING
    assert "not ready" in purged.detail


@pytest.mark.parametrize(
    ("reply", "delivery", "names"),
    [
        (failure(403, "Required 'compute.urlMaps.invalidateCache' permission"), Delivery.REFUSED, "permission"),
        (failure(404, "The resource was not found"), Delivery.REFUSED, "url_map"),
        (failure(400, "Invalid value for field"), Delivery.REFUSED, "Invalid value"),
        (failure(429, "Quota exceeded"), Delivery.WAITING, "Quota"),
        (said(200, b"<html>"), Delivery.WAITING, "url"),
        (said(200, {"error": {"message": "no"}}), Delivery.REFUSED, "no"),
    ],
)
async def test_other_answers(drive: Drive, reply: bytes, delivery: Delivery, names: str) -> None:
    """Only an operation is a yes; the rest is refused or waits, in Google's words."""
    async with drive(lambda _: reply) as (driver, _, _):
        (purged,) = await driver.purge([order()])
    assert purged.delivery is delivery
    assert names in purged.detail


def test_bad_credentials_are_a_configuration_error() -> None:
    """They are found when the driver is made, with the name of the setting."""
    settings = parse_cache({"name": "gcp", **SETTINGS, "credentials": "{}"})
    with pytest.raises(ConfigError, match=r"caches\.gcp\.credentials"):
        driver_for(settings)
