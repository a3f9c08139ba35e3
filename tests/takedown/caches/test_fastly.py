"""Fastly's purge API."""

import pytest
from tests.takedown.caches.fakes import Asked, deliveries, driven, order, said, tagged

from edgeward.takedown.caches.vendor import CONCURRENCY
from edgeward.types import Delivery

SETTINGS = {"driver": "fastly", "service": "SU1Z0isxPaozGVKXdv0eY", "token": "fastly-t0k", "tags": True}
OK = said(200, {"status": "ok", "id": "108-1391560174-974124"})


@pytest.mark.parametrize("path", ["/p", "/p?", "//a/../%7e?x=%2F", "/\xe9\xff", "/a?b=c&d"])
async def test_a_url_byte_for_byte(path: str) -> None:
    """The target stands in the request line as it was seen, after its host and without a scheme. Never softly."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        (purged,) = await driver.purge([order(path)])
    assert purged.delivery is Delivery.DELIVERED
    (asked,) = server.asked
    assert (asked.method, asked.target, asked.body) == ("POST", f"/purge/img.test{path}", b"")
    assert asked.headers["fastly-key"] == "fastly-t0k"
    assert asked.headers["host"] == server.url.removeprefix("http://")
    assert "fastly-soft-purge" not in asked.headers


async def test_each_url_once() -> None:
    """Schemes and variants of a URL are one purge; what can't be sent fails alone."""
    orders = [order(), order(scheme="http"), order(accept="image/webp"), order("/a b"), order(host="a/b"), order("/q")]
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge(orders)
    assert deliveries(purged) == [Delivery.DELIVERED] * 3 + [Delivery.REFUSED] * 2 + [Delivery.DELIVERED]
    assert sorted(asked.target for asked in server.asked) == ["/purge/img.test/p", "/purge/img.test/q"]


async def test_few_connections() -> None:
    """However many URLs are to be purged, the API is called on a few connections."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge([order(f"/{number}") for number in range(80)])
    assert set(deliveries(purged)) == {Delivery.DELIVERED}
    assert (len(server.asked), server.connections) == (80, CONCURRENCY)


async def test_surrogate_keys() -> None:
    """Up to 256 keys go in one call, in the documented header."""

    def answer(asked: Asked) -> bytes:
        return said(200, dict.fromkeys(asked.headers["surrogate-key"].split(), "108-1"))

    async with driven(SETTINGS, answer) as (driver, server):
        purged = await driver.purge([tagged(f"ew-{number:032x}") for number in range(300)])
    assert set(deliveries(purged)) == {Delivery.DELIVERED}
    assert {(asked.method, asked.target) for asked in server.asked} == {
        ("POST", f"/service/{SETTINGS['service']}/purge"),
    }
    assert [len(asked.headers["surrogate-key"].split()) for asked in server.asked] == [256, 44]
    assert not any("fastly-soft-purge" in asked.headers for asked in server.asked)


@pytest.mark.parametrize(
    ("reply", "delivery"),
    [
        (said(200, {"status": "error", "msg": "no"}), Delivery.REFUSED),
        (said(200, {"msg": "no"}), Delivery.REFUSED),
        (said(200, b"<html>"), Delivery.WAITING),
        (said(401, {"msg": "Provided credentials are missing or invalid"}), Delivery.REFUSED),
        (said(403, {"msg": "You are not authorized to perform this action"}), Delivery.REFUSED),
        (said(429, {"msg": "slow down"}, Retry_After="9"), Delivery.WAITING),
        (said(503, b""), Delivery.WAITING),
        (said(301, b"", Location="http://127.0.0.1:9/"), Delivery.REFUSED),
        (b"junk\r\n\r\n", Delivery.WAITING),
    ],
)
async def test_other_answers(reply: bytes, delivery: Delivery) -> None:
    """A yes has "status": "ok"; the rest is refused or waits, and the token shows in none."""
    async with driven(SETTINGS, lambda _: reply) as (driver, _):
        (purged,) = await driver.purge([order()])
    assert purged.delivery is delivery
    assert "fastly-t0k" not in purged.detail


async def test_a_base_path_is_kept() -> None:
    """An address with a path is a gateway in front of the API: calls are made below it."""
    async with driven(SETTINGS, lambda _: OK) as (_, server):
        async with driven({**SETTINGS, "url": f"{server.url}/fastly"}, lambda _: OK) as (driver, _):
            await driver.purge([order()])
        assert server.asked[0].target == "/fastly/purge/img.test/p"
