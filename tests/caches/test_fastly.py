"""Fastly's purge API."""

import pytest
from tests.caches.cdn_server import ApiRequest, cdn_driver, deliveries, response
from tests.caches.orders import https_order, tag_order

from edgeward.caches.cdn_driver import MAX_CONCURRENT_CALLS
from edgeward.types import Delivery

SETTINGS = {"driver": "fastly", "service": "SU1Z0isxPaozGVKXdv0eY", "token": "fastly-t0k", "tags": True}
OK = response(200, {"status": "ok", "id": "108-1391560174-974124"})


@pytest.mark.parametrize("path", ["/p", "/p?", "//a/../%7e?x=%2F", "/\xe9\xff", "/a?b=c&d"])
async def test_a_url_byte_for_byte(path: str) -> None:
    """The request line has the host and the byte-exact target, without a scheme. The purge is never soft."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        (purged,) = await driver.purge([https_order(path)])
    assert purged.delivery is Delivery.DELIVERED
    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("POST", f"/purge/img.test{path}", b"")
    assert request.headers["fastly-key"] == "fastly-t0k"
    assert request.headers["host"] == server.url.removeprefix("http://")
    assert "fastly-soft-purge" not in request.headers


async def test_each_url_once() -> None:
    """Schemes and variants of a URL take one purge; an order that cannot be sent fails alone."""
    orders = [
        https_order(),
        https_order(scheme="http"),
        https_order(accept="image/webp"),
        https_order("/a b"),
        https_order(host="a/b"),
        https_order("/q"),
    ]
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge(orders)
    assert deliveries(purged) == [Delivery.DELIVERED] * 3 + [Delivery.REFUSED] * 2 + [Delivery.DELIVERED]
    assert sorted(request.target for request in server.requests) == ["/purge/img.test/p", "/purge/img.test/q"]


async def test_few_connections() -> None:
    """Any number of URLs is purged over a few connections."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge([https_order(f"/{number}") for number in range(80)])
    assert set(deliveries(purged)) == {Delivery.DELIVERED}
    assert (len(server.requests), server.connections) == (80, MAX_CONCURRENT_CALLS)


async def test_surrogate_keys() -> None:
    """Up to 256 keys are sent in one call, in the documented header."""

    def answer(request: ApiRequest) -> bytes:
        return response(200, dict.fromkeys(request.headers["surrogate-key"].split(), "108-1"))

    async with cdn_driver(SETTINGS, answer) as (driver, server):
        purged = await driver.purge([tag_order(f"ew-{number:032x}") for number in range(300)])
    assert set(deliveries(purged)) == {Delivery.DELIVERED}
    assert {(request.method, request.target) for request in server.requests} == {
        ("POST", f"/service/{SETTINGS['service']}/purge"),
    }
    assert [len(request.headers["surrogate-key"].split()) for request in server.requests] == [256, 44]
    assert not any("fastly-soft-purge" in request.headers for request in server.requests)


@pytest.mark.parametrize(
    ("reply", "delivery"),
    [
        (response(200, {"status": "error", "msg": "no"}), Delivery.REFUSED),
        (response(200, {"msg": "no"}), Delivery.REFUSED),
        (response(200, {"error": "unauthorized"}), Delivery.REFUSED),
        (response(200, {"success": False}), Delivery.REFUSED),
        (response(200, {"HttpCode": 401}), Delivery.REFUSED),
        (response(200, {}), Delivery.WAITING),
        (response(200, b"<html>"), Delivery.WAITING),
        (response(401, {"msg": "Provided credentials are missing or invalid"}), Delivery.REFUSED),
        (response(403, {"msg": "You are not authorized to perform this action"}), Delivery.REFUSED),
        (response(429, {"msg": "slow down"}, Retry_After="9"), Delivery.WAITING),
        (response(503, b""), Delivery.WAITING),
        (response(301, b"", Location="http://127.0.0.1:9/"), Delivery.REFUSED),
        (b"junk\r\n\r\n", Delivery.WAITING),
    ],
)
async def test_other_responses(reply: bytes, delivery: Delivery) -> None:
    """Only "status": "ok" is accepted; the rest is refused or waits, and shows no token."""
    async with cdn_driver(SETTINGS, lambda _: reply) as (driver, _):
        (purged,) = await driver.purge([https_order()])
    assert purged.delivery is delivery
    assert "fastly-t0k" not in purged.detail


async def test_a_base_path_is_kept() -> None:
    """A `url` with a path is a gateway in front of the API: calls are made below that path."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (_, server):
        async with cdn_driver({**SETTINGS, "url": f"{server.url}/fastly"}, lambda _: OK) as (driver, _):
            await driver.purge([https_order()])
        assert server.requests[0].target == "/fastly/purge/img.test/p"


@pytest.mark.parametrize("whole", [{"error": "unauthorized"}, {"status": "ok"}, {"success": True}])
async def test_a_key_that_is_not_answered_is_not_purged(whole: dict[str, object]) -> None:
    """The response names each key that it purges. What it leaves out is refused alone. Without any key it is no yes."""

    def all_but_one(request: ApiRequest) -> bytes:
        keys = request.headers["surrogate-key"].split()
        return response(200, {"note": "", **{key: "108-1" for key in keys if key != "ew-2"}})

    orders = [tag_order(f"ew-{number}") for number in (1, 2, 3)]
    async with cdn_driver(SETTINGS, all_but_one) as (driver, server):
        expected = [Delivery.DELIVERED, Delivery.REFUSED, Delivery.DELIVERED]
        assert deliveries(await driver.purge(orders)) == expected
        server.respond = lambda _: response(200, whole)
        assert set(deliveries(await driver.purge(orders))) == {Delivery.REFUSED}


async def test_a_key_that_is_not_answered_takes_two_calls_more() -> None:
    """The response tells which of 256 keys it leaves out: that one is purged alone, and the others again."""

    def all_but_one(request: ApiRequest) -> bytes:
        keys = request.headers["surrogate-key"].split()
        return response(200, {"note": "", **{key: "108-1" for key in keys if key != "ew-77-"}})

    async with cdn_driver(SETTINGS, all_but_one) as (driver, server):
        purged = await driver.purge([tag_order(f"ew-{number}-") for number in range(256)])
    assert [number for number, one in enumerate(purged) if one.delivery is Delivery.REFUSED] == [77]
    assert len(server.requests) == 3
