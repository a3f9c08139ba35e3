"""KeyCDN's purge API."""

import base64

import pytest
from tests.takedown.caches.fakes import deliveries, driven, order, said, tagged

from edgeward.types import Delivery

SETTINGS = {"driver": "keycdn", "zone": 77, "token": "sk_prod_key", "tags": True}
OK = said(200, {"status": "success", "description": "Cache has been cleared for URL(s)."})
BASIC = base64.b64encode(b"sk_prod_key:").decode()


async def test_urls() -> None:
    """URLs go without a scheme, each once, with the key as the user of Basic authentication."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge([order("/p\xe9?q"), order("/p\xe9?q", scheme="http"), order("/b")])
    assert deliveries(purged) == [Delivery.DELIVERED] * 3
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("DELETE", "/zones/purgeurl/77.json")
    assert asked.headers["authorization"] == f"Basic {BASIC}"
    assert asked.json == {"urls": ["img.test/p%E9?q", "img.test/b"]}


async def test_a_body_has_64_kilobytes_at_most() -> None:
    """Long URLs go in more calls."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge([order(f"/{number}/{'x' * 8000}") for number in range(20)])
    assert set(deliveries(purged)) == {Delivery.DELIVERED}
    assert max(len(asked.body) for asked in server.asked) <= 64_000
    assert sum(len(asked.json["urls"]) for asked in server.asked) == 20


async def test_tags() -> None:
    """Tags have 128 characters together in a call."""
    tags = [f"ew-{number:032x}" for number in range(5)]
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        await driver.purge([tagged(tag) for tag in tags])
    assert [asked.target for asked in server.asked] == ["/zones/purgetag/77.json"] * 2
    assert [asked.json["tags"] for asked in server.asked] == [tags[:3], tags[3:]]
    assert max(len(" ".join(asked.json["tags"])) for asked in server.asked) <= 128


@pytest.mark.parametrize(
    ("reply", "delivery"),
    [
        (said(200, {"status": "error", "description": f"no {BASIC} sk_prod_key"}), Delivery.REFUSED),
        (said(401, {"status": "error", "error_message": "Unauthorized"}), Delivery.REFUSED),
        (said(404, {"status": "error", "error_message": "no such zone"}), Delivery.REFUSED),
        (said(200, b"<html>"), Delivery.WAITING),
        (said(429, {"status": "error"}), Delivery.WAITING),
    ],
)
async def test_other_answers(reply: bytes, delivery: Delivery) -> None:
    """A yes says "success"; neither the key nor its Basic form shows in what is not."""
    async with driven(SETTINGS, lambda _: reply) as (driver, _):
        (purged,) = await driver.purge([order()])
    assert purged.delivery is delivery
    assert "sk_prod_key" not in purged.detail
    assert BASIC not in purged.detail
