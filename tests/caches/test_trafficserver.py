"""The Traffic Server driver against a real one with the configuration of deploy/."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from tests.caches.cache_client import is_cached, purge_when_up, send
from tests.caches.orders import http_order
from tests.caches.unusual_paths import UNUSUAL_PATHS
from tests.support.eventually import eventually
from tests.support.real_caches import Origin, settings

from edgeward.caches import CacheDriver, Purged, driver_for
from edgeward.demo.caches import CacheServer, TrafficServer
from edgeward.types import Delivery, PurgeOrder

ACCEPTS = [("accept", value) for value in ("image/avif", "image/webp", "*/*", "image/jpeg")]


@pytest.fixture
async def driver(trafficserver: CacheServer) -> AsyncIterator[CacheDriver]:
    made = driver_for(settings(trafficserver))
    yield made
    await made.close()


async def purge_one(driver: CacheDriver, one: PurgeOrder) -> Purged:
    (purged,) = await driver.purge([one])
    return purged


def result(purged: Purged) -> tuple[Delivery, int | None]:
    return purged.delivery, purged.count


async def written(cache: CacheServer, path: str, *headers: tuple[str, str]) -> bytes:
    """Fetch it, and wait until the cache has written it: until then it does not serve it."""
    _, body = send(cache, path, *headers)
    await eventually(lambda: is_cached(cache, path, *headers))
    return body


async def test_purges_the_target_and_nothing_else(trafficserver: CacheServer, driver: CacheDriver) -> None:
    """A purge removes its target, is verified, and leaves neighbours and other queries alone."""
    for path in ("/p", "/p?a=1", "/px"):
        await written(trafficserver, path)
    assert result(await purge_one(driver, http_order("/p"))) == (Delivery.VERIFIED, 1)
    assert [is_cached(trafficserver, path) for path in ("/p", "/p?a=1", "/px")] == [False, True, True]
    assert result(await purge_one(driver, http_order("/p"))) == (Delivery.VERIFIED, 0)


@pytest.mark.parametrize("path", [path for path in UNUSUAL_PATHS if path.isascii()])
async def test_purges_byte_for_byte(trafficserver: CacheServer, driver: CacheDriver, path: bytes) -> None:
    """Whatever form the request target has, the purge finds the object stored under it."""
    target = path.decode("latin-1")
    first = await written(trafficserver, target)
    assert (await purge_one(driver, http_order(target))).count == 1
    assert send(trafficserver, target)[1] != first


async def test_a_target_that_fits_a_get_alone(trafficserver: CacheServer, driver: CacheDriver) -> None:
    """A PURGE of it is longer than Traffic Server accepts: it is not gone, and the outcome says why."""
    path = "/" + "l" * 65_518
    await written(trafficserver, path)
    purged = await purge_one(driver, http_order(path))
    assert (purged.delivery, purged.status) == (Delivery.REFUSED, 400)
    assert is_cached(trafficserver, path)


async def test_a_long_target(trafficserver: CacheServer, driver: CacheDriver) -> None:
    """A path of 8 KB is purged like any other."""
    path = "/" + "l" * 8000
    await written(trafficserver, path)
    assert result(await purge_one(driver, http_order(path))) == (Delivery.VERIFIED, 1)


async def test_bytes_that_it_refuses_to_clients_too(trafficserver: CacheServer, driver: CacheDriver) -> None:
    """A target that Traffic Server refuses to clients too is not refused, and stops no other order."""
    assert send(trafficserver, "/\xe9")[0] == 400
    odd, plain = await driver.purge([http_order("/\xe9"), http_order("/plain")])
    assert (odd.delivery, odd.status, odd.count) == (Delivery.VERIFIED, 400, 0)
    assert plain.delivery is Delivery.VERIFIED


@pytest.mark.parametrize("batch", [1, 4], ids=["one", "all"])
async def test_removes_every_variant(
    trafficserver: CacheServer, driver: CacheDriver, origin: Origin, batch: int
) -> None:
    """One order for any variant removes them all; orders for each of them are all verified."""
    path = f"/vary-{batch}"
    for accept in ACCEPTS:
        await written(trafficserver, path, accept)
    fetches = origin.fetches[path]
    for purged in await driver.purge([http_order(path, accept) for accept in ACCEPTS[:batch]]):
        assert purged.delivery is Delivery.VERIFIED
    assert origin.fetches[path] == fetches
    send(trafficserver, path, ("accept", "image/png"))
    assert [is_cached(trafficserver, path, accept) for accept in ACCEPTS] == [False] * 4


async def test_purges_what_was_just_fetched(trafficserver: CacheServer, driver: CacheDriver) -> None:
    """An object that is purged right after its last byte was delivered is gone for good, though still being written."""
    await purge_one(driver, http_order("/connected"))
    for number in range(30):
        path = f"/large{number}"
        await read_whole(trafficserver, path)
        assert (await purge_one(driver, http_order(path))).delivery is Delivery.VERIFIED
        assert not is_cached(trafficserver, path)


async def read_whole(cache: CacheServer, path: str) -> None:
    """GET, up to the last byte."""
    reader, writer = await asyncio.open_connection(*cache.address)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: img.test\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(300_000)
    writer.close()


async def test_waits_for_a_fetch_under_way(trafficserver: CacheServer, origin: Origin) -> None:
    """A purge during a fetch ends after it, so that the old image is not stored after the purge."""
    driver = driver_for(settings(trafficserver, timeout_ms=10_000))
    origin.arrived.clear()
    origin.release.clear()
    fetching = asyncio.create_task(asyncio.to_thread(send, trafficserver, "/slow"))
    assert await asyncio.to_thread(origin.arrived.wait, 60)
    purging = asyncio.create_task(purge_one(driver, http_order("/slow")))
    await asyncio.sleep(0.1)
    assert not purging.done()
    origin.release.set()
    assert (await purging).delivery is Delivery.VERIFIED
    await fetching
    await driver.close()
    assert not is_cached(trafficserver, "/slow")


async def test_a_purge_never_fetches(trafficserver: CacheServer, driver: CacheDriver, origin: Origin) -> None:
    """Neither a purge nor its probe fetches from the origin, whatever state the copy is in."""
    await written(trafficserver, "/brief-never")
    await asyncio.sleep(2.1)
    orders = [http_order("/never"), http_order("/vary-never", ACCEPTS[0]), http_order("/brief-never")]
    # On a slow machine the copy may have been stale, and fetched again, before it was seen to be written.
    fetches = [origin.fetches[one.target.path] for one in orders]
    assert [purged.delivery for purged in await driver.purge(orders)] == [Delivery.VERIFIED] * 3
    assert [origin.fetches[one.target.path] for one in orders] == fetches
    assert fetches[:2] == [0, 0]


@pytest.mark.usefixtures("no_stall_limit")
async def test_many_at_once(trafficserver: CacheServer, driver: CacheDriver) -> None:
    """Hundreds of orders each get their own outcome."""
    orders = [http_order(f"/m{n}") for n in range(300)]
    for one in orders[::10]:
        await written(trafficserver, one.target.path)
    purged = await driver.purge(orders)
    assert [result(one) for one in purged] == ([(Delivery.VERIFIED, 1)] + [(Delivery.VERIFIED, 0)] * 9) * 30


async def test_only_the_controller_may_purge(trafficserver: CacheServer) -> None:
    """A purge from another address than those of ip_allow.yaml is refused."""
    await written(trafficserver, "/acl")
    assert send(trafficserver, "/acl", method="PURGE", source="127.0.0.2")[0] == 403
    assert is_cached(trafficserver, "/acl")


async def test_secret(cold: Callable[..., CacheServer]) -> None:
    """With a secret set, a purge without it is refused and removes nothing."""
    cache = cold(TrafficServer, secret="open sesame (^.*$)")
    cache.start()
    await written(cache, "/p")
    for wrong in ("", "open", "open sesame (^.*$)2"):
        purged = await purge_one(driver_for(settings(cache, secret=wrong)), http_order("/p"))
        assert (purged.delivery, purged.status) == (Delivery.REFUSED, 403)
    assert is_cached(cache, "/p")
    driver = driver_for(settings(cache, secret="open sesame (^.*$)"))
    assert result(await purge_one(driver, http_order("/p"))) == (Delivery.VERIFIED, 1)


async def test_a_node_that_is_down(cold: Callable[..., CacheServer]) -> None:
    """Without a connection or a response in time the order waits."""
    cache = cold(TrafficServer)
    driver = driver_for(settings(cache, timeout_ms=200))
    assert (await purge_one(driver, http_order("/p"))).delivery is Delivery.WAITING
    cache.start()
    cache.pause()
    assert (await purge_one(driver, http_order("/p"))).delivery is Delivery.WAITING
    cache.resume()
    assert await purge_when_up(driver, [http_order("/p")]) == [Delivery.VERIFIED]


async def test_what_is_on_its_disk_after_a_crash(cold: Callable[..., CacheServer]) -> None:
    """What was purged before a crash does not return from the disk; what is on it is removed by the first purge that
    gets a response."""
    cache = cold(TrafficServer)
    cache.start()
    driver = driver_for(settings(cache))
    for seconds in SYNCED_SECONDS:
        await written(cache, "/purged")
        await crash(cache, seconds)
        if is_cached(cache, "/purged"):
            break
    assert is_cached(cache, "/purged")
    for seconds in SYNCED_SECONDS:
        assert (await purge_one(driver, http_order("/purged"))).delivery is Delivery.VERIFIED
        for path in ("/kept", "/last"):
            await written(cache, path)
        await crash(cache, seconds)
        first = await purge_one(driver, http_order("/kept"))
        if is_cached(cache, "/last"):
            break
    assert result(first) == (Delivery.VERIFIED, 1)
    assert not is_cached(cache, "/purged")


SYNCED_SECONDS = (2.3, 4, 8)
"""Traffic Server syncs its directory to disk once a second, and the objects a little later; later still on a slow
machine. If the object stored last is there after a crash, so are all before it."""


async def crash(cache: CacheServer, seconds: float) -> None:
    """Let it run for `seconds`, kill it, and start it again with what is on its disk."""
    await asyncio.sleep(seconds)
    cache.kill()
    cache.start()
