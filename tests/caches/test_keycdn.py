"""KeyCDN's purge API."""

import base64

import pytest
from tests.caches.cdn_server import cdn_driver, deliveries, response
from tests.caches.orders import https_order, tag_order

from edgeward.types import Delivery

SETTINGS = {"driver": "keycdn", "zone": 77, "token": "sk_prod_key", "tags": True}
OK = response(200, {"status": "success", "description": "Cache has been cleared for URL(s)."})
BASIC = base64.b64encode(b"sk_prod_key:").decode()


async def test_urls() -> None:
    """URLs are sent without a scheme, each once, with the key as the user of Basic authentication."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge(
            [https_order("/p\xe9?q"), https_order("/p\xe9?q", scheme="http"), https_order("/b")]
        )
    assert deliveries(purged) == [Delivery.DELIVERED] * 3
    (request,) = server.requests
    assert (request.method, request.target) == ("DELETE", "/zones/purgeurl/77.json")
    assert request.headers["authorization"] == f"Basic {BASIC}"
    assert request.json == {"urls": ["img.test/p%E9?q", "img.test/b"]}


async def test_a_body_has_64_kilobytes_at_most() -> None:
    """Long URLs are split into several calls."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge([https_order(f"/{number}/{'x' * 8000}") for number in range(20)])
    assert set(deliveries(purged)) == {Delivery.DELIVERED}
    assert max(len(request.body) for request in server.requests) <= 64_000
    assert sum(len(request.json["urls"]) for request in server.requests) == 20


async def test_tags() -> None:
    """The tags of a call have at most 128 characters together."""
    tags = [f"ew-{number:032x}" for number in range(5)]
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        await driver.purge([tag_order(tag) for tag in tags])
    assert [request.target for request in server.requests] == ["/zones/purgetag/77.json"] * 2
    assert [request.json["tags"] for request in server.requests] == [tags[:3], tags[3:]]
    assert max(len(" ".join(request.json["tags"])) for request in server.requests) <= 128


@pytest.mark.parametrize(
    ("reply", "delivery"),
    [
        (response(200, {"status": "error", "description": f"no {BASIC} sk_prod_key"}), Delivery.REFUSED),
        (response(401, {"status": "error", "error_message": "Unauthorized"}), Delivery.REFUSED),
        (response(404, {"status": "error", "error_message": "no such zone"}), Delivery.REFUSED),
        (response(200, b"<html>"), Delivery.WAITING),
        (response(429, {"status": "error"}), Delivery.WAITING),
    ],
)
async def test_other_responses(reply: bytes, delivery: Delivery) -> None:
    """Only "success" is accepted; other outcomes show neither the key nor its Basic form."""
    async with cdn_driver(SETTINGS, lambda _: reply) as (driver, _):
        (purged,) = await driver.purge([https_order()])
    assert purged.delivery is delivery
    assert "sk_prod_key" not in purged.detail
    assert BASIC not in purged.detail
