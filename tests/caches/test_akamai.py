"""Akamai's Fast Purge API."""

import calendar
import json
import time
from dataclasses import replace

import pytest
from tests.caches.cdn_server import ApiRequest, cdn_driver, deliveries, response
from tests.caches.orders import https_order, tag_order

from edgeward.caches.akamai import OBJECT_RATES
from edgeward.caches.edgegrid import Credentials, authorization
from edgeward.types import Delivery, Scope

SECRETS = {"client_token": "akab-c", "client_secret": "c3cret", "access_token": "akab-a"}
SETTINGS = {"driver": "akamai", **SECRETS, "tags": True}
OK = response(
    201,
    {
        "httpStatus": 201,
        "detail": "Request accepted",
        "estimatedSeconds": 5,
        "purgeId": "edcp-1",
        "supportId": "edcp-1",
    },
)


def no(status: int, title: str, detail: str = "") -> bytes:
    return response(status, {"httpStatus": status, "title": title, "detail": detail, "supportId": "edcp-1"})


async def test_urls_are_deleted_in_both_schemes() -> None:
    """A signed POST of delete (never invalidate) with the URLs of both schemes, percent-encoded."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge([https_order("/p\xe9?q"), https_order("/p\xe9?q", scheme="http")])
    assert deliveries(purged) == [Delivery.DELIVERED] * 2
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/ccu/v3/delete/url/production")
    assert request.json == {"objects": ["http://img.test/p%E9?q", "https://img.test/p%E9?q"]}


async def test_the_signature_fits_the_request() -> None:
    """Signing the received request with the nonce and time of its header gives the same signature."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        await driver.purge([https_order()])
    (request,) = server.requests
    header = dict(part.split("=", 1) for part in request.headers["authorization"].split(" ", 1)[1].split(";"))
    at = calendar.timegm(time.strptime(header["timestamp"], "%Y%m%dT%H:%M:%S+0000"))
    assert abs(at - time.time()) < 60
    url = f"http://{request.headers['host']}{request.target}"
    assert (
        authorization(Credentials(**SECRETS), url, request.body, at, header["nonce"])
        == request.headers["authorization"]
    )


async def test_tags_and_networks() -> None:
    """Tags go in a separate call, and the network is that of the settings."""
    async with cdn_driver({**SETTINGS, "network": "staging"}, lambda _: OK) as (driver, server):
        await driver.purge([tag_order("ew-1"), tag_order("ew-2")])
    (request,) = server.requests
    assert (request.target, request.json) == ("/ccu/v3/delete/tag/staging", {"objects": ["ew-1", "ew-2"]})


async def test_a_body_has_50_000_bytes_at_most() -> None:
    """Long URLs are split into several calls, none of them too large; all of them arrive."""
    orders = [https_order(f"/{number}/{'x' * 4000}") for number in range(30)]
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge(orders)
    assert set(deliveries(purged)) == {Delivery.DELIVERED}
    assert max(len(request.body) for request in server.requests) <= 50_000
    assert sum(len(request.json["objects"]) for request in server.requests) == 60


async def test_a_url_that_is_not_ours_fails_alone() -> None:
    """After a 403 about one URL the batch is halved to find it; after a 403 about the client it is not."""

    def answer(request: ApiRequest) -> bytes:
        if "other.test" in request.body.decode():
            return no(403, "unauthorized arl", "http://other.test/p")
        return OK

    async with cdn_driver(SETTINGS, answer) as (driver, server):
        purged = await driver.purge([https_order("/a"), https_order(host="other.test"), https_order("/b")])
        assert deliveries(purged) == [Delivery.DELIVERED, Delivery.REFUSED, Delivery.DELIVERED]
        server.respond = lambda _: no(403, "unauthorized")
        server.requests.clear()
        purged = await driver.purge([https_order("/a"), https_order("/b")])
        assert deliveries(purged) == [Delivery.REFUSED] * 2
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "delivery"),
    [
        (response(200, {"httpStatus": 200}), Delivery.REFUSED),
        (response(201, b"<html>"), Delivery.WAITING),
        (no(401, "Not authorized", "Signature does not match"), Delivery.REFUSED),
        (no(400, "bad URL hostname"), Delivery.REFUSED),
        (no(429, "Rate Limit exceeded"), Delivery.WAITING),
        (no(507, "Insufficient storage"), Delivery.WAITING),
    ],
)
async def test_other_responses(reply: bytes, delivery: Delivery) -> None:
    """Only a 201 whose body says 201 is accepted; other outcomes show no secret."""
    async with cdn_driver(SETTINGS, lambda _: reply) as (driver, _):
        (purged,) = await driver.purge([https_order()])
    assert purged.delivery is delivery
    assert not any(secret in json.dumps(purged.detail) for secret in SECRETS.values())


@pytest.mark.usefixtures("no_rate_limit_wait")
async def test_urls_have_a_rate_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """URLs have a rate limit of their own beside that of calls: those beyond it wait."""
    monkeypatch.setitem(OBJECT_RATES, Scope.TARGET, replace(OBJECT_RATES[Scope.TARGET], per_second=0.001))
    orders = [https_order(f"/{number}") for number in range(250)]
    async with cdn_driver({**SETTINGS, "per_second": 1000}, lambda _: OK) as (driver, server):
        rounds = [await driver.purge(orders) for _ in range(21)]
    assert set(deliveries(rounds[19])) == {Delivery.DELIVERED}
    assert set(deliveries(rounds[20])) == {Delivery.WAITING}
    assert len(server.requests) == 20
