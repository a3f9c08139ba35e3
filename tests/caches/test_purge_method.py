"""What Squid's and Traffic Server's drivers share, against servers that lie, refuse or are overloaded."""

from collections.abc import Callable

import pytest
from tests.caches.cdn_server import ApiRequest, api_server, response
from tests.caches.orders import http_order

from edgeward.caches import Purged, driver_for
from edgeward.settings.cache_settings import parse_cache
from edgeward.types import Delivery

KINDS = ("squid", "trafficserver")


async def purge(kind: str, answer: Callable[[ApiRequest], bytes], path: str = "/p") -> tuple[Purged, list[ApiRequest]]:
    async with api_server(answer) as server:
        driver = driver_for(parse_cache({"name": "edge", "driver": kind, "url": server.url, "secret": "s"}))
        try:
            (purged,) = await driver.purge([http_order(path)])
        finally:
            await driver.close()
        return purged, server.requests


def by_method(purge: bytes, probe: bytes) -> Callable[[ApiRequest], bytes]:
    return lambda request: purge if request.method == "PURGE" else probe


@pytest.mark.usefixtures("short_repeat_pauses")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_purge_without_effect(kind: str) -> None:
    """A cache that returns 200 for every purge and still has a copy is not done: it is purged again later."""
    purged, requests = await purge(kind, by_method(response(200), response(200)))
    assert purged.delivery is Delivery.WAITING
    assert 1 < len(requests) < 20


@pytest.mark.parametrize("kind", KINDS)
async def test_the_probe(kind: str) -> None:
    """The last request is like a client's: for a cached copy only, stale ones included, and without the secret."""
    purged, requests = await purge(kind, by_method(response(404), response(504)))
    assert purged == Purged(Delivery.VERIFIED, 504, count=0)
    probe = requests[-1]
    assert (probe.method, probe.target) == ("GET", "/p")
    assert probe.headers["cache-control"] == "only-if-cached, max-stale"
    assert "edgeward-secret" not in probe.headers
    assert {one.headers["edgeward-secret"] for one in requests[:-1]} == {"s"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [301, 400, 401, 403, 405, 501])
async def test_a_server_that_does_not_purge(kind: str, status: int) -> None:
    """Any status but 200 and 404 is a refusal, for the purge and for the probe."""
    for answer in (
        by_method(response(status, Location="/"), response(504)),
        by_method(response(404), response(status)),
    ):
        purged, _ = await purge(kind, answer)
        if status == 301 and purged.status == 200:
            continue  # A redirect may be what is stored.
        assert (purged.delivery, purged.status) == (Delivery.REFUSED, status)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_is_overloaded(kind: str) -> None:
    """429 and 5xx leave the order waiting, as long as the server asks for."""
    for answer in (
        by_method(response(503, Retry_After="7"), response(504)),
        by_method(response(404), response(429, Retry_After="7")),
    ):
        purged, _ = await purge(kind, answer)
        assert (purged.delivery, purged.retry_after) == (Delivery.WAITING, 7.0)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_target_that_no_client_can_request(kind: str) -> None:
    """A 400 for an unusual target is not a refusal. A client gets a 400 too, so no copy is served. But a server that
    answers so to everything is no cache."""

    def answer(request: ApiRequest) -> bytes:
        if "edgeward" not in request.target:
            return response(400)
        return response(404 if request.method == "PURGE" else 504)

    purged, _ = await purge(kind, answer, "/\xe9")
    assert (purged.delivery, purged.status, purged.count) == (Delivery.VERIFIED, 400, 0)
    purged, _ = await purge(kind, lambda request: response(400), "/\xe9")
    assert (purged.delivery, purged.status) == (Delivery.REFUSED, 400)
