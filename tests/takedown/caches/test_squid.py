"""The Squid driver against a real Squid with the configuration of deploy/."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from tests.takedown.caches.clients import back, holds, order, say
from tests.takedown.caches.test_varnish import SPELLINGS
from tests.takedown.conftest import Origin, settings, until

from edgeward.demo.caches import CacheServer, Squid
from edgeward.takedown.caches import CacheDriver, Purged, driver_for
from edgeward.types import Delivery, PurgeOrder

ACCEPTS = [("accept", value) for value in ("image/avif", "image/webp", "*/*", "image/jpeg")]


@pytest.fixture
async def driver(squid: CacheServer) -> AsyncIterator[CacheDriver]:
    made = driver_for(settings(squid))
    yield made
    await made.close()


async def purge_one(driver: CacheDriver, one: PurgeOrder) -> Purged:
    (purged,) = await driver.purge([one])
    return purged


def seen(purged: Purged) -> tuple[Delivery, int | None]:
    return purged.delivery, purged.count


async def test_purges_the_target_and_nothing_else(squid: CacheServer, driver: CacheDriver) -> None:
    """A purge removes its target, says so, and leaves neighbours and other queries alone."""
    for path in ("/p", "/p?a=1", "/px"):
        say(squid, path)
    assert seen(await purge_one(driver, order("/p"))) == (Delivery.VERIFIED, 1)
    assert [holds(squid, path) for path in ("/p", "/p?a=1", "/px")] == [False, True, True]
    assert seen(await purge_one(driver, order("/p"))) == (Delivery.VERIFIED, 0)


@pytest.mark.parametrize("path", SPELLINGS)
async def test_purges_byte_for_byte(squid: CacheServer, driver: CacheDriver, path: bytes) -> None:
    """Whatever the spelling on the wire, the purge finds the object that it was stored under."""
    target = path.decode("latin-1")
    status, first = say(squid, target)
    assert (status, holds(squid, target)) == (200, True)
    assert (await purge_one(driver, order(target))).count == 1
    assert say(squid, target)[1] != first


async def test_a_long_target(squid: CacheServer, driver: CacheDriver) -> None:
    """8 KB of path are purged like any other."""
    path = "/" + "l" * 8000
    assert say(squid, path)[0] == 200
    assert seen(await purge_one(driver, order(path))) == (Delivery.VERIFIED, 1)


async def test_a_target_that_it_takes_from_nobody(squid: CacheServer, driver: CacheDriver) -> None:
    """A target that is too long for Squid, from clients too, is no refusal of the purge, and stops no other order."""
    path = "/" + "l" * 9000
    assert say(squid, path)[0] in (400, 414)
    orders = [order(path), order(path, ACCEPTS[0]), order("/plain"), order("/plain", ACCEPTS[0])]
    assert [purged.delivery.value for purged in await driver.purge(orders)] == ["delivered"] * 2 + ["verified"] * 2


@pytest.mark.parametrize("batch", [1, 4], ids=["one by one", "at once"])
async def test_removes_every_variant(squid: CacheServer, driver: CacheDriver, origin: Origin, batch: int) -> None:
    """Each order removes its variant for good: also when a fetch afterwards makes Squid look for variants again."""
    path = f"/vary-{batch}"
    for accept in ACCEPTS:
        say(squid, path, accept)
    fetches = origin.fetches[path]
    orders = [order(path, accept) for accept in ACCEPTS]
    for some in itertools.batched(orders, batch):
        assert [seen(purged) for purged in await driver.purge(some)] == [(Delivery.VERIFIED, 1)] * batch
    assert origin.fetches[path] == fetches
    say(squid, path, ("accept", "image/png"))
    assert [holds(squid, path, accept) for accept in ACCEPTS] == [False] * 4


async def test_the_other_variants_stay(squid: CacheServer, driver: CacheDriver) -> None:
    """A variant that no order names is left as it is."""
    bodies = {accept: say(squid, "/vary-stay", accept) for accept in ACCEPTS}
    await driver.purge([order("/vary-stay", accept) for accept in ACCEPTS[:2]])
    assert [holds(squid, "/vary-stay", accept) for accept in ACCEPTS] == [False, False, True, True]
    assert say(squid, "/vary-stay", ACCEPTS[3]) == bodies[ACCEPTS[3]]


@pytest.mark.parametrize("path", ["/vary-lost", "/vary-lost-both"])
async def test_removes_variants_that_squid_lost_sight_of(squid: CacheServer, driver: CacheDriver, path: str) -> None:
    """After somebody's PURGE the other variants can't be found, and yet none of them comes back: whichever order of
    the names in Vary they were stored under."""
    variants = [(("accept", accept[1]), ("origin", "http://a.test")) for accept in ACCEPTS]
    for variant in variants:
        say(squid, path, *variant)
    say(squid, path, *variants[0], method="PURGE")
    assert not holds(squid, path, *variants[1])
    orders = [order(path, *(variant if "both" in path else variant[:1])) for variant in variants]
    assert [purged.delivery for purged in await driver.purge(orders)] == [Delivery.VERIFIED] * 4
    say(squid, path, ("accept", "image/png"))
    assert [holds(squid, path, *variant) for variant in variants] == [False] * 4


async def test_an_absent_header_and_an_empty_one(squid: CacheServer, driver: CacheDriver) -> None:
    """Where the varying header was not there, the variants without it and with an empty one both go."""
    forms: Sequence[tuple[tuple[str, str], ...]] = ((), (("accept", ""),))
    for form in forms:
        say(squid, "/vary-empty", *form)
    assert seen(await purge_one(driver, order("/vary-empty", ("accept", "")))) == (Delivery.VERIFIED, 2)
    say(squid, "/vary-empty", ("accept", "image/png"))
    assert [holds(squid, "/vary-empty", *form) for form in forms] == [False, False]


async def test_what_varies_by_too_much_is_not_claimed(squid: CacheServer, driver: CacheDriver) -> None:
    """With more headers in Vary than can be tried in all their orders, a purge is delivered and not verified."""
    vary = [(f"x-{n}", "1") for n in range(5)]
    say(squid, "/many", *vary)
    assert seen(await purge_one(driver, order("/many", *vary))) == (Delivery.DELIVERED, 1)
    assert not holds(squid, "/many", *vary)


@pytest.mark.parametrize("path", ["/plain-now", "/plain-ahead"])
async def test_a_response_that_varies_no_more(squid: CacheServer, driver: CacheDriver, path: str) -> None:
    """An order for a variant removes what is stored under the URL alone, too, even if it is dated later than now."""
    say(squid, path)
    assert seen(await purge_one(driver, order(path, ACCEPTS[0]))) == (Delivery.VERIFIED, 1)
    assert not holds(squid, path)


async def test_stale_copies_go(squid: CacheServer, driver: CacheDriver) -> None:
    """What is too old to be served is removed too: it would be served when the origin is away."""
    for path, headers in (("/brief", ()), ("/brief-vary", ACCEPTS[:1])):
        say(squid, path, *headers)
    await asyncio.sleep(2.1)
    for path, headers in (("/brief", ()), ("/brief-vary", ACCEPTS[:1])):
        assert seen(await purge_one(driver, order(path, *headers))) == (Delivery.VERIFIED, 1)
        assert say(squid, path, *headers, ("Cache-Control", "only-if-cached, max-stale"))[0] == 504


@pytest.mark.parametrize(("path", "vary"), [("/slow", ()), ("/slow-vary", tuple(ACCEPTS[:1]))])
async def test_a_fetch_under_way_stores_it_again(
    squid: CacheServer, driver: CacheDriver, origin: Origin, path: str, vary: tuple[tuple[str, str], ...]
) -> None:
    """Squid stores what it was fetching during the purge; the purge that is repeated finds and removes it."""
    origin.arrived.clear()
    origin.release.clear()
    fetching = asyncio.create_task(asyncio.to_thread(say, squid, path, *vary))
    assert await asyncio.to_thread(origin.arrived.wait, 10)
    assert (await purge_one(driver, order(path, *vary))).count == 0
    origin.release.set()
    await fetching
    assert holds(squid, path, *vary)
    assert seen(await purge_one(driver, order(path, *vary))) == (Delivery.VERIFIED, 1)
    assert not holds(squid, path, *vary)


async def test_a_purge_never_fetches(squid: CacheServer, driver: CacheDriver, origin: Origin) -> None:
    """Neither a purge nor its probe asks the origin."""
    orders = [order("/never"), order("/vary-never", ACCEPTS[0])]
    assert [seen(purged) for purged in await driver.purge(orders)] == [(Delivery.VERIFIED, 0)] * 2
    assert not origin.fetches["/never"] and not origin.fetches["/vary-never"]


@pytest.mark.usefixtures("patient")
async def test_many_at_once(squid: CacheServer, driver: CacheDriver) -> None:
    """More orders than a batch holds, with and without variants, each get their own answer."""
    orders = [order(f"/m{n}") for n in range(40)] + [order(f"/vary-m{n}", ACCEPTS[n % 4]) for n in range(40)]
    for one in orders[::2]:
        say(squid, one.target.path, *one.target.vary)
    purged = await driver.purge(orders)
    assert [seen(one) for one in purged] == [(Delivery.VERIFIED, 1), (Delivery.VERIFIED, 0)] * 40


async def test_only_the_controller_may_purge(squid: CacheServer) -> None:
    """From another address nothing is purged, nor overwritten."""
    say(squid, "/vary-acl", ACCEPTS[0])
    assert say(squid, "/vary-acl", ACCEPTS[0], method="PURGE", source="127.0.0.2")[0] == 403
    assert say(squid, "/vary-acl", ACCEPTS[0], ("Edgeward-Forget", "accept"), source="127.0.0.2")[0] == 403
    assert holds(squid, "/vary-acl", ACCEPTS[0])


@pytest.mark.parametrize("one", [order("/p"), order("/vary", ACCEPTS[0])], ids=["plain", "varying"])
async def test_secret(cold: Callable[..., CacheServer], one: PurgeOrder) -> None:
    """Where a secret is set, only who knows it can purge; the object stays for all others."""
    cache = cold(Squid, secret="open sesame (^.*$)")
    cache.start()
    say(cache, one.target.path, *one.target.vary)
    for wrong in ("", "open", "open sesame (^.*$)2"):
        purged = await purge_one(driver_for(settings(cache, secret=wrong)), one)
        assert (purged.delivery, purged.status) == (Delivery.REFUSED, 403)
    assert holds(cache, one.target.path, *one.target.vary)
    purged = await purge_one(driver_for(settings(cache, secret="open sesame (^.*$)")), one)
    assert seen(purged) == (Delivery.VERIFIED, 1)


async def test_a_squid_without_the_recipe(cold: Callable[..., CacheServer]) -> None:
    """A Squid that only takes PURGE: what does not vary is verified, what varies is delivered, nothing is stored."""
    cache = cold(Plain)
    cache.start()
    for path, headers in (("/p", ()), ("/vary", ACCEPTS[:1])):
        say(cache, path, *headers)
    driver = driver_for(settings(cache))
    assert seen(await purge_one(driver, order("/p"))) == (Delivery.VERIFIED, 1)
    purged = await purge_one(driver, order("/vary", ACCEPTS[0]))
    assert seen(purged) == (Delivery.DELIVERED, 1)
    assert "edgeward.conf" in purged.detail
    assert not holds(cache, "/vary", ACCEPTS[0])


class Plain(Squid):
    """A Squid set up with the little that its own documentation says on purges."""

    def _command(self) -> list[str]:
        arguments = super()._command()
        (self.directory / "edgeward.conf").write_text(
            f"http_port 127.0.0.1:{self.nowhere_address[1]} accel vhost\n"
            "acl edgeward_forget req_header Never .\nacl purge method PURGE\nhttp_access allow purge\n"
        )
        return arguments


async def test_htcp(cold: Callable[..., CacheServer]) -> None:
    """With `htcp` in its settings the URL is cleared over HTCP too: here where PURGE has no right to."""
    cache = cold(Squid, secret="s")
    assert isinstance(cache, Squid)
    cache.start()
    say(cache, "/htcp")
    host, port = cache.htcp_address
    driver = driver_for(settings(cache, htcp=f"{host}:{port}", secret="wrong"))
    purged = await purge_one(driver, order("/htcp"))
    assert purged.delivery is Delivery.REFUSED
    await until(lambda: not holds(cache, "/htcp"))


async def test_a_node_that_is_away(cold: Callable[..., CacheServer]) -> None:
    """No connection and no answer in time both leave the orders waiting; a restart is no obstacle."""
    cache = cold(Squid)
    driver = driver_for(settings(cache, timeout_ms=200))
    orders = [order("/p"), order("/vary", ACCEPTS[0])]
    assert [purged.delivery for purged in await driver.purge(orders)] == [Delivery.WAITING] * 2
    cache.start()
    cache.pause()
    assert [purged.delivery for purged in await driver.purge(orders)] == [Delivery.WAITING] * 2
    cache.resume()
    assert await back(driver, orders) == [Delivery.VERIFIED] * 2


def test_the_port_where_all_is_gone_is_not_for_clients(squid: CacheServer) -> None:
    """The port that stands in for the origin serves nothing to anybody."""
    assert isinstance(squid, Squid)
    say(squid, "/nowhere")
    with socket.create_connection(squid.nowhere_address, timeout=60) as connection:
        connection.sendall(b"GET /nowhere HTTP/1.1\r\nHost: img.test\r\nConnection: close\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 410")
