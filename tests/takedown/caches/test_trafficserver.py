"""The Traffic Server driver against a real one with the configuration of deploy/."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from tests.takedown.caches.clients import back, holds, order, say
from tests.takedown.caches.test_varnish import SPELLINGS
from tests.takedown.conftest import Origin, settings, until

from edgeward.demo.caches import CacheServer, TrafficServer
from edgeward.takedown.caches import CacheDriver, Purged, driver_for
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


def seen(purged: Purged) -> tuple[Delivery, int | None]:
    return purged.delivery, purged.count


async def written(cache: CacheServer, path: str, *headers: tuple[str, str]) -> bytes:
    """Fetch it, and wait until it is stored: what is being written is not held yet."""
    _, body = say(cache, path, *headers)
    await until(lambda: holds(cache, path, *headers))
    return body


async def test_purges_the_target_and_nothing_else(trafficserver: CacheServer, driver: CacheDriver) -> None:
    """A purge removes its target, says so, and leaves neighbours and other queries alone."""
    for path in ("/p", "/p?a=1", "/px"):
        await written(trafficserver, path)
    assert seen(await purge_one(driver, order("/p"))) == (Delivery.VERIFIED, 1)
    assert [holds(trafficserver, path) for path in ("/p", "/p?a=1", "/px")] == [False, True, True]
    assert seen(await purge_one(driver, order("/p"))) == (Delivery.VERIFIED, 0)


@pytest.mark.parametrize("path", [path for path in SPELLINGS if path.isascii()])
async def test_purges_byte_for_byte(trafficserver: CacheServer, driver: CacheDriver, path: bytes) -> None:
    """Whatever the spelling on the wire, the purge finds the object that it was stored under."""
    target = path.decode("latin-1")
    first = await written(trafficserver, target)
    assert (await purge_one(driver, order(target))).count == 1
    assert say(trafficserver, target)[1] != first


async def test_a_long_target(trafficserver: CacheServer, driver: CacheDriver) -> None:
    """8 KB of path are purged like any other."""
    path = "/" + "l" * 8000
    await written(trafficserver, path)
    assert seen(await purge_one(driver, order(path))) == (Delivery.VERIFIED, 1)


async def test_bytes_that_it_takes_from_nobody(trafficserver: CacheServer, driver: CacheDriver) -> None:
    """A target that Traffic Server refuses to clients too is no refusal of the purge, and stops no other order."""
    assert say(trafficserver, "/\xe9")[0] == 400
    odd, plain = await driver.purge([order("/\xe9"), order("/plain")])
    assert (odd.delivery, odd.status) == (Delivery.DELIVERED, 400)
    assert plain.delivery is Delivery.VERIFIED


@pytest.mark.parametrize("batch", [1, 4], ids=["one", "all"])
async def test_removes_every_variant(
    trafficserver: CacheServer, driver: CacheDriver, origin: Origin, batch: int
) -> None:
    """One order for any of the variants removes them all; orders for all of them are each verified."""
    path = f"/vary-{batch}"
    for accept in ACCEPTS:
        await written(trafficserver, path, accept)
    fetches = origin.fetches[path]
    for purged in await driver.purge([order(path, accept) for accept in ACCEPTS[:batch]]):
        assert purged.delivery is Delivery.VERIFIED
    assert origin.fetches[path] == fetches
    say(trafficserver, path, ("accept", "image/png"))
    assert [holds(trafficserver, path, accept) for accept in ACCEPTS] == [False] * 4


async def test_purges_what_was_fetched_this_very_moment(trafficserver: CacheServer, driver: CacheDriver) -> None:
    """An object that is purged when its last byte has just come is gone for good, though it is still being written."""
    await purge_one(driver, order("/connected"))
    for number in range(30):
        path = f"/large{number}"
        await read_whole(trafficserver, path)
        assert (await purge_one(driver, order(path))).delivery is Delivery.VERIFIED
        assert not holds(trafficserver, path)


async def read_whole(cache: CacheServer, path: str) -> None:
    """GET, until the very last byte."""
    reader, writer = await asyncio.open_connection(*cache.address)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: img.test\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(300_000)
    writer.close()


async def test_waits_for_a_fetch_under_way(trafficserver: CacheServer, origin: Origin) -> None:
    """A purge during a fetch ends after it, so that the old image is not stored behind its back."""
    driver = driver_for(settings(trafficserver, timeout_ms=10_000))
    origin.arrived.clear()
    origin.release.clear()
    fetching = asyncio.create_task(asyncio.to_thread(say, trafficserver, "/slow"))
    assert await asyncio.to_thread(origin.arrived.wait, 10)
    purging = asyncio.create_task(purge_one(driver, order("/slow")))
    await asyncio.sleep(0.1)
    assert not purging.done()
    origin.release.set()
    assert (await purging).delivery is Delivery.VERIFIED
    await fetching
    await driver.close()
    assert not holds(trafficserver, "/slow")


async def test_a_purge_never_fetches(trafficserver: CacheServer, driver: CacheDriver, origin: Origin) -> None:
    """Neither a purge nor its probe asks the origin, whatever state the copy is in."""
    await written(trafficserver, "/brief-never")
    await asyncio.sleep(2.1)
    orders = [order("/never"), order("/vary-never", ACCEPTS[0]), order("/brief-never")]
    assert [purged.delivery for purged in await driver.purge(orders)] == [Delivery.VERIFIED] * 3
    assert [origin.fetches[one.target.path] for one in orders] == [0, 0, 1]


@pytest.mark.usefixtures("patient")
async def test_many_at_once(trafficserver: CacheServer, driver: CacheDriver) -> None:
    """Hundreds of orders each get their own answer."""
    orders = [order(f"/m{n}") for n in range(300)]
    for one in orders[::10]:
        await written(trafficserver, one.target.path)
    purged = await driver.purge(orders)
    assert [seen(one) for one in purged] == ([(Delivery.VERIFIED, 1)] + [(Delivery.VERIFIED, 0)] * 9) * 30


async def test_only_the_controller_may_purge(trafficserver: CacheServer) -> None:
    """A purge from another address than those of ip_allow.yaml is refused."""
    await written(trafficserver, "/acl")
    assert say(trafficserver, "/acl", method="PURGE", source="127.0.0.2")[0] == 403
    assert holds(trafficserver, "/acl")


async def test_secret(cold: Callable[..., CacheServer]) -> None:
    """Where a secret is set, only who knows it can purge; the object stays for all others."""
    cache = cold(TrafficServer, secret="open sesame (^.*$)")
    cache.start()
    await written(cache, "/p")
    for wrong in ("", "open", "open sesame (^.*$)2"):
        purged = await purge_one(driver_for(settings(cache, secret=wrong)), order("/p"))
        assert (purged.delivery, purged.status) == (Delivery.REFUSED, 403)
    assert holds(cache, "/p")
    driver = driver_for(settings(cache, secret="open sesame (^.*$)"))
    assert seen(await purge_one(driver, order("/p"))) == (Delivery.VERIFIED, 1)


async def test_a_node_that_is_away(cold: Callable[..., CacheServer]) -> None:
    """No connection and no answer in time both leave the order waiting."""
    cache = cold(TrafficServer)
    driver = driver_for(settings(cache, timeout_ms=200))
    assert (await purge_one(driver, order("/p"))).delivery is Delivery.WAITING
    cache.start()
    cache.pause()
    assert (await purge_one(driver, order("/p"))).delivery is Delivery.WAITING
    cache.resume()
    assert await back(driver, [order("/p")]) == [Delivery.VERIFIED]


async def test_what_is_on_its_disk_after_a_crash(cold: Callable[..., CacheServer]) -> None:
    """What was purged before a crash does not come back with the disk; what is there goes with the first purge that
    is answered."""
    cache = cold(TrafficServer)
    cache.start()
    driver = driver_for(settings(cache))
    for seconds in SYNCED_SECONDS:
        await written(cache, "/purged")
        await crash(cache, seconds)
        if holds(cache, "/purged"):
            break
    assert holds(cache, "/purged")
    for seconds in SYNCED_SECONDS:
        assert (await purge_one(driver, order("/purged"))).delivery is Delivery.VERIFIED
        for path in ("/kept", "/last"):
            await written(cache, path)
        await crash(cache, seconds)
        first = await purge_one(driver, order("/kept"))
        if holds(cache, "/last"):
            break
    assert seen(first) == (Delivery.VERIFIED, 1)
    assert not holds(cache, "/purged")


SYNCED_SECONDS = (2.3, 4, 8)
"""The table of contents goes to disk once a second, and a little after it the objects: later, where all is slow. What
was stored last and is there after the crash tells that all before it had come so far."""


async def crash(cache: CacheServer, seconds: float) -> None:
    """Let it run on for so long, and then begin anew with what is on its disk."""
    await asyncio.sleep(seconds)
    cache.kill()
    cache.start()
