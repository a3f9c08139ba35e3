"""Akamai's Fast Purge API."""

import calendar
import json
import time
from dataclasses import replace

import pytest
from tests.takedown.caches.fakes import Asked, deliveries, driven, order, said, tagged

from edgeward.takedown.caches.akamai import OBJECTS
from edgeward.takedown.caches.edgegrid import Credentials, authorization
from edgeward.types import Delivery, Scope

SECRETS = {"client_token": "akab-c", "client_secret": "c3cret", "access_token": "akab-a"}
SETTINGS = {"driver": "akamai", **SECRETS, "tags": True}
OK = said(
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
    return said(status, {"httpStatus": status, "title": title, "detail": detail, "supportId": "edcp-1"})


async def test_urls_are_deleted_in_both_schemes() -> None:
    """A signed POST of delete (never invalidate) with the URLs of both schemes, percent-encoded."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge([order("/p\xe9?q"), order("/p\xe9?q", scheme="http")])
    assert deliveries(purged) == [Delivery.DELIVERED] * 2
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("POST", "/ccu/v3/delete/url/production")
    assert asked.json == {"objects": ["http://img.test/p%E9?q", "https://img.test/p%E9?q"]}


async def test_the_signature_is_of_what_is_sent() -> None:
    """Signed again from what arrived, with the nonce and time of the header, it is the same."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        await driver.purge([order()])
    (asked,) = server.asked
    said_to_be = dict(part.split("=", 1) for part in asked.headers["authorization"].split(" ", 1)[1].split(";"))
    at = calendar.timegm(time.strptime(said_to_be["timestamp"], "%Y%m%dT%H:%M:%S+0000"))
    assert abs(at - time.time()) < 60
    url = f"http://{asked.headers['host']}{asked.target}"
    assert (
        authorization(Credentials(**SECRETS), url, asked.body, at, said_to_be["nonce"])
        == asked.headers["authorization"]
    )


async def test_tags_and_networks() -> None:
    """Tags have a call of their own, and the network is that of the settings."""
    async with driven({**SETTINGS, "network": "staging"}, lambda _: OK) as (driver, server):
        await driver.purge([tagged("ew-1"), tagged("ew-2")])
    (asked,) = server.asked
    assert (asked.target, asked.json) == ("/ccu/v3/delete/tag/staging", {"objects": ["ew-1", "ew-2"]})


async def test_a_body_has_50_000_bytes_at_most() -> None:
    """Long URLs go in more calls, none of them too large; all of them arrive."""
    orders = [order(f"/{number}/{'x' * 4000}") for number in range(30)]
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge(orders)
    assert set(deliveries(purged)) == {Delivery.DELIVERED}
    assert max(len(asked.body) for asked in server.asked) <= 50_000
    assert sum(len(asked.json["objects"]) for asked in server.asked) == 60


async def test_a_url_of_somebody_else_fails_alone() -> None:
    """The 403 that is about one URL is found out; the 403 that is about the client is not halved."""

    def answer(asked: Asked) -> bytes:
        if "other.test" in asked.body.decode():
            return no(403, "unauthorized arl", "http://other.test/p")
        return OK

    async with driven(SETTINGS, answer) as (driver, server):
        purged = await driver.purge([order("/a"), order(host="other.test"), order("/b")])
        assert deliveries(purged) == [Delivery.DELIVERED, Delivery.REFUSED, Delivery.DELIVERED]
        server.answer = lambda _: no(403, "unauthorized")
        server.asked.clear()
        purged = await driver.purge([order("/a"), order("/b")])
        assert deliveries(purged) == [Delivery.REFUSED] * 2
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("reply", "delivery"),
    [
        (said(200, {"httpStatus": 200}), Delivery.REFUSED),
        (said(201, b"<html>"), Delivery.WAITING),
        (no(401, "Not authorized", "Signature does not match"), Delivery.REFUSED),
        (no(400, "bad URL hostname"), Delivery.REFUSED),
        (no(429, "Rate Limit exceeded"), Delivery.WAITING),
        (no(507, "Insufficient storage"), Delivery.WAITING),
    ],
)
async def test_other_answers(reply: bytes, delivery: Delivery) -> None:
    """A yes is a 201 that says 201; no secret shows in what is not."""
    async with driven(SETTINGS, lambda _: reply) as (driver, _):
        (purged,) = await driver.purge([order()])
    assert purged.delivery is delivery
    assert not any(secret in json.dumps(purged.detail) for secret in SECRETS.values())


@pytest.mark.usefixtures("impatient")
async def test_urls_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside calls, the account's URLs have a bucket: what is beyond it waits."""
    monkeypatch.setitem(OBJECTS, Scope.TARGET, replace(OBJECTS[Scope.TARGET], per_second=0.001))
    orders = [order(f"/{number}") for number in range(250)]
    async with driven({**SETTINGS, "per_second": 1000}, lambda _: OK) as (driver, server):
        rounds = [await driver.purge(orders) for _ in range(21)]
    assert set(deliveries(rounds[19])) == {Delivery.DELIVERED}
    assert set(deliveries(rounds[20])) == {Delivery.WAITING}
    assert len(server.asked) == 20
