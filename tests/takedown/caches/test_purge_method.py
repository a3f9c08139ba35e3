"""What Squid's and Traffic Server's drivers share, against servers that lie, refuse or are overloaded."""

from collections.abc import Callable

import pytest
from tests.takedown.caches.clients import order
from tests.takedown.caches.fakes import Asked, fake, said

from edgeward.cache_settings import parse_cache
from edgeward.takedown.caches import Purged, driver_for
from edgeward.types import Delivery

KINDS = ("squid", "trafficserver")


async def purge(kind: str, answer: Callable[[Asked], bytes], path: str = "/p") -> tuple[Purged, list[Asked]]:
    async with fake(answer) as server:
        driver = driver_for(parse_cache({"name": "edge", "driver": kind, "url": server.url, "secret": "s"}))
        try:
            (purged,) = await driver.purge([order(path)])
        finally:
            await driver.close()
        return purged, server.asked


def by_method(purge: bytes, probe: bytes) -> Callable[[Asked], bytes]:
    return lambda asked: purge if asked.method == "PURGE" else probe


@pytest.mark.usefixtures("quick_confirmation")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_purge_that_nothing_follows_from(kind: str) -> None:
    """Who says 200 to every purge and still has a copy is not believed."""
    purged, asked = await purge(kind, by_method(said(200), said(200)))
    assert purged.delivery is Delivery.DELIVERED
    assert 1 < len(asked) < 20


@pytest.mark.parametrize("kind", KINDS)
async def test_the_probe(kind: str) -> None:
    """The last question is a client's: only what is stored, a stale copy too, and without the secret."""
    purged, asked = await purge(kind, by_method(said(404), said(504)))
    assert purged == Purged(Delivery.VERIFIED, 504, count=0)
    probe = asked[-1]
    assert (probe.method, probe.target) == ("GET", "/p")
    assert probe.headers["cache-control"] == "only-if-cached, max-stale"
    assert "edgeward-secret" not in probe.headers
    assert {one.headers["edgeward-secret"] for one in asked[:-1]} == {"s"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [301, 400, 401, 403, 405, 501])
async def test_a_server_that_knows_no_purge(kind: str, status: int) -> None:
    """Whatever is neither 200 nor 404 is a refusal, at the purge as at the probe."""
    for answer in (by_method(said(status, Location="/"), said(504)), by_method(said(404), said(status))):
        purged, _ = await purge(kind, answer)
        if status == 301 and purged.status == 200:
            continue  # A redirect may be what is stored.
        assert (purged.delivery, purged.status) == (Delivery.REFUSED, status)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_is_overloaded(kind: str) -> None:
    """429 and 5xx leave the order waiting, as long as the server asks for."""
    for answer in (by_method(said(503, Retry_After="7"), said(504)), by_method(said(404), said(429, Retry_After="7"))):
        purged, _ = await purge(kind, answer)
        assert (purged.delivery, purged.retry_after) == (Delivery.WAITING, 7.0)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_target_that_no_client_gets(kind: str) -> None:
    """400 is no refusal where the target is odd, and proves nothing either."""
    purged, _ = await purge(kind, lambda asked: said(400), "/\xe9")
    assert (purged.delivery, purged.status) == (Delivery.DELIVERED, 400)
