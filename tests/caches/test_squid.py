"""The Squid driver against a real Squid with the configuration of deploy/."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from tests.caches.cache_client import is_cached, purge_when_up, send
from tests.caches.orders import http_order
from tests.caches.unusual_paths import UNUSUAL_PATHS
from tests.support.eventually import eventually
from tests.support.real_caches import Origin, settings

from edgeward.caches import CacheDriver, Purged, driver_for
from edgeward.caches.squid import hides_variant
from edgeward.demo.caches import CacheServer, Squid
from edgeward.settings.cache_settings import parse_cache
from edgeward.types import UNKNOWN_VARY, Delivery, PurgeOrder, Target

ACCEPTS = [("accept", value) for value in ("image/avif", "image/webp", "*/*", "image/jpeg")]


@pytest.fixture
async def driver(squid: CacheServer) -> AsyncIterator[CacheDriver]:
    made = driver_for(settings(squid))
    yield made
    await made.close()


async def purge_one(driver: CacheDriver, one: PurgeOrder) -> Purged:
    (purged,) = await driver.purge([one])
    return purged


def result(purged: Purged) -> tuple[Delivery, int | None]:
    return purged.delivery, purged.count


async def test_purges_the_target_and_nothing_else(squid: CacheServer, driver: CacheDriver) -> None:
    """A purge removes its target, is verified, and leaves neighbours and other queries alone."""
    for path in ("/p", "/p?a=1", "/px"):
        send(squid, path)
    assert result(await purge_one(driver, http_order("/p"))) == (Delivery.VERIFIED, 1)
    assert [is_cached(squid, path) for path in ("/p", "/p?a=1", "/px")] == [False, True, True]
    assert result(await purge_one(driver, http_order("/p"))) == (Delivery.VERIFIED, 0)


@pytest.mark.parametrize("path", UNUSUAL_PATHS)
async def test_purges_byte_for_byte(squid: CacheServer, driver: CacheDriver, path: bytes) -> None:
    """Whatever form the request target has, the purge finds the object stored under it."""
    target = path.decode("latin-1")
    status, first = send(squid, target)
    assert (status, is_cached(squid, target)) == (200, True)
    assert (await purge_one(driver, http_order(target))).count == 1
    assert send(squid, target)[1] != first


async def test_a_long_target(squid: CacheServer, driver: CacheDriver) -> None:
    """A path of 8 KB is purged like any other."""
    path = "/" + "l" * 8000
    assert send(squid, path)[0] == 200
    assert result(await purge_one(driver, http_order(path))) == (Delivery.VERIFIED, 1)


async def test_a_target_that_it_refuses_to_clients_too(squid: CacheServer, driver: CacheDriver) -> None:
    """A target that is too long for Squid, for clients too, is not refused, and stops no other order."""
    path = "/" + "l" * 9000
    assert send(squid, path)[0] in (400, 414)
    orders = [http_order(path), http_order(path, ACCEPTS[0]), http_order("/plain"), http_order("/plain", ACCEPTS[0])]
    assert [purged.delivery.value for purged in await driver.purge(orders)] == ["verified"] * 4


@pytest.mark.parametrize("batch", [1, 4], ids=["one by one", "at once"])
async def test_removes_every_variant(squid: CacheServer, driver: CacheDriver, origin: Origin, batch: int) -> None:
    """Each order removes its variant for good, even when a later fetch makes Squid look for variants again."""
    path = f"/vary-{batch}"
    for accept in ACCEPTS:
        send(squid, path, accept)
    fetches = origin.fetches[path]
    orders = [http_order(path, accept) for accept in ACCEPTS]
    for some in itertools.batched(orders, batch):
        assert [result(purged) for purged in await driver.purge(some)] == [(Delivery.VERIFIED, 1)] * batch
    assert origin.fetches[path] == fetches
    send(squid, path, ("accept", "image/png"))
    assert [is_cached(squid, path, accept) for accept in ACCEPTS] == [False] * 4


async def test_the_other_variants_stay(squid: CacheServer, driver: CacheDriver) -> None:
    """A variant that no order names stays."""
    bodies = {accept: send(squid, "/vary-stay", accept) for accept in ACCEPTS}
    await driver.purge([http_order("/vary-stay", accept) for accept in ACCEPTS[:2]])
    assert [is_cached(squid, "/vary-stay", accept) for accept in ACCEPTS] == [False, False, True, True]
    assert send(squid, "/vary-stay", ACCEPTS[3]) == bodies[ACCEPTS[3]]


@pytest.mark.parametrize("path", ["/vary-lost", "/vary-lost-both"])
async def test_removes_variants_that_squid_lost_track_of(squid: CacheServer, driver: CacheDriver, path: str) -> None:
    """After a plain PURGE the other variants cannot be found, and yet none of them comes back, whichever order of the
    names in Vary they were stored under."""
    variants = [(("accept", accept[1]), ("origin", "http://a.test")) for accept in ACCEPTS]
    for variant in variants:
        send(squid, path, *variant)
    send(squid, path, *variants[0], method="PURGE")
    assert not is_cached(squid, path, *variants[1])
    orders = [http_order(path, *(variant if "both" in path else variant[:1])) for variant in variants]
    assert [purged.delivery for purged in await driver.purge(orders)] == [Delivery.VERIFIED] * 4
    send(squid, path, ("accept", "image/png"))
    assert [is_cached(squid, path, *variant) for variant in variants] == [False] * 4


async def test_an_absent_header_and_an_empty_one(squid: CacheServer, driver: CacheDriver) -> None:
    """If the target has no value for a header in Vary, the variants without and with an empty one are both removed."""
    forms: Sequence[tuple[tuple[str, str], ...]] = ((), (("accept", ""),))
    for form in forms:
        send(squid, "/vary-empty", *form)
    assert result(await purge_one(driver, http_order("/vary-empty", ("accept", "")))) == (Delivery.VERIFIED, 2)
    send(squid, "/vary-empty", ("accept", "image/png"))
    assert [is_cached(squid, "/vary-empty", *form) for form in forms] == [False, False]


async def test_too_many_headers_in_vary_are_not_verified(squid: CacheServer, driver: CacheDriver) -> None:
    """With more headers in Vary than can be tried in every order, a purge is not known to remove the copy: an earlier
    version may have sorted them."""
    vary = [(f"x-{n}", "1") for n in range(5)]
    send(squid, "/many", *vary)
    assert result(await purge_one(driver, http_order("/many", *vary))) == (Delivery.UNSUPPORTED, 1)
    assert not is_cached(squid, "/many", *vary)
    assert result(await purge_one(driver, http_order("/many", *reversed(vary)))) == (Delivery.VERIFIED, 0)


@pytest.mark.parametrize(
    "vary",
    [
        ((UNKNOWN_VARY, ""),),
        (("edgeward-forget", ""), ("accept", "*/*")),
        (("cache-control", "no-cache"),),
        (("range", "bytes=0-1"), ("accept", "*/*")),
        (('"x"', ""), ("accept", "*/*")),
        (("x-\xe9", ""), ("accept", "*/*")),
    ],
)
async def test_what_no_request_can_select_is_not_called_gone(
    squid: CacheServer, driver: CacheDriver, vary: tuple[tuple[str, str], ...]
) -> None:
    """A variant by headers that the requests of a purge can't have, or by names that are not recorded."""
    purged = await purge_one(driver, http_order("/unknown", *vary))
    assert purged.delivery is Delivery.UNSUPPORTED
    assert "can't be searched for" in purged.detail


def test_what_squid_must_not_store_in_fill() -> None:
    """Where Edgeward does not see what the client sent, or no purge can have it; only if there is a Squid."""
    squid = parse_cache({"name": "a", "driver": "squid", "url": "http://127.0.0.1:1"})
    other = parse_cache({"name": "b", "driver": "varnish", "url": "http://127.0.0.1:1"})

    def by(*names: str) -> Target:
        return Target("http", "img.test", "/", tuple((name, "") for name in names))

    for target in (by("accept", "x-forwarded-for"), by("authorization"), by("via"), by(UNKNOWN_VARY), by('"x"')):
        assert hides_variant([other, squid], target)
        assert not hides_variant([other], target)
    assert not hides_variant([squid], by("accept", "host", "cookie", "x y"))


@pytest.mark.parametrize("path", ["/plain-now", "/plain-ahead"])
async def test_a_response_that_no_longer_varies(squid: CacheServer, driver: CacheDriver, path: str) -> None:
    """An order for a variant also removes the object under the URL alone, even if it is dated in the future."""
    send(squid, path)
    assert result(await purge_one(driver, http_order(path, ACCEPTS[0]))) == (Delivery.VERIFIED, 1)
    assert not is_cached(squid, path)


async def test_stale_copies_are_removed(squid: CacheServer, driver: CacheDriver) -> None:
    """Stale copies are removed too: Squid would serve them while the origin is down."""
    for path, headers in (("/brief", ()), ("/brief-vary", ACCEPTS[:1])):
        send(squid, path, *headers)
    await asyncio.sleep(2.1)
    for path, headers in (("/brief", ()), ("/brief-vary", ACCEPTS[:1])):
        assert result(await purge_one(driver, http_order(path, *headers))) == (Delivery.VERIFIED, 1)
        assert send(squid, path, *headers, ("Cache-Control", "only-if-cached, max-stale"))[0] == 504


@pytest.mark.parametrize(("path", "vary"), [("/slow", ()), ("/slow-vary", tuple(ACCEPTS[:1]))])
async def test_a_fetch_under_way_stores_it_again(
    squid: CacheServer, driver: CacheDriver, origin: Origin, path: str, vary: tuple[tuple[str, str], ...]
) -> None:
    """Squid stores a response that it was fetching during the purge; a repeated purge removes it."""
    origin.arrived.clear()
    origin.release.clear()
    fetching = asyncio.create_task(asyncio.to_thread(send, squid, path, *vary))
    assert await asyncio.to_thread(origin.arrived.wait, 60)
    assert (await purge_one(driver, http_order(path, *vary))).count == 0
    origin.release.set()
    await fetching
    assert is_cached(squid, path, *vary)
    assert result(await purge_one(driver, http_order(path, *vary))) == (Delivery.VERIFIED, 1)
    assert not is_cached(squid, path, *vary)


async def test_a_purge_never_fetches(squid: CacheServer, driver: CacheDriver, origin: Origin) -> None:
    """Neither a purge nor its probe fetches from the origin."""
    orders = [http_order("/never"), http_order("/vary-never", ACCEPTS[0])]
    assert [result(purged) for purged in await driver.purge(orders)] == [(Delivery.VERIFIED, 0)] * 2
    assert not origin.fetches["/never"] and not origin.fetches["/vary-never"]


@pytest.mark.usefixtures("no_stall_limit")
async def test_many_at_once(squid: CacheServer, driver: CacheDriver) -> None:
    """More orders than a batch holds, with and without variants, each get their own outcome."""
    orders = [http_order(f"/m{n}") for n in range(40)] + [http_order(f"/vary-m{n}", ACCEPTS[n % 4]) for n in range(40)]
    for one in orders[::2]:
        send(squid, one.target.path, *one.target.vary)
    purged = await driver.purge(orders)
    assert [result(one) for one in purged] == [(Delivery.VERIFIED, 1), (Delivery.VERIFIED, 0)] * 40


async def test_only_the_controller_may_purge(squid: CacheServer) -> None:
    """From another address nothing is purged, nor overwritten."""
    send(squid, "/vary-acl", ACCEPTS[0])
    assert send(squid, "/vary-acl", ACCEPTS[0], method="PURGE", source="127.0.0.2")[0] == 403
    assert send(squid, "/vary-acl", ACCEPTS[0], ("Edgeward-Forget", "accept"), source="127.0.0.2")[0] == 403
    assert is_cached(squid, "/vary-acl", ACCEPTS[0])


@pytest.mark.parametrize("one", [http_order("/p"), http_order("/vary", ACCEPTS[0])], ids=["plain", "varying"])
async def test_secret(cold: Callable[..., CacheServer], one: PurgeOrder) -> None:
    """With a secret set, a purge without it is refused and removes nothing."""
    cache = cold(Squid, secret="open sesame (^.*$)")
    cache.start()
    send(cache, one.target.path, *one.target.vary)
    for wrong in ("", "open", "open sesame (^.*$)2"):
        purged = await purge_one(driver_for(settings(cache, secret=wrong)), one)
        assert (purged.delivery, purged.status) == (Delivery.REFUSED, 403)
    assert is_cached(cache, one.target.path, *one.target.vary)
    purged = await purge_one(driver_for(settings(cache, secret="open sesame (^.*$)")), one)
    assert result(purged) == (Delivery.VERIFIED, 1)


async def test_a_squid_without_our_configuration(cold: Callable[..., CacheServer]) -> None:
    """With a Squid that only supports PURGE, targets without Vary are verified, others delivered; nothing is stored."""
    cache = cold(Plain)
    cache.start()
    for path, headers in (("/p", ()), ("/vary", ACCEPTS[:1])):
        send(cache, path, *headers)
    driver = driver_for(settings(cache))
    assert result(await purge_one(driver, http_order("/p"))) == (Delivery.VERIFIED, 1)
    purged = await purge_one(driver, http_order("/vary", ACCEPTS[0]))
    assert result(purged) == (Delivery.DELIVERED, 1)
    assert "edgeward.conf" in purged.detail
    assert not is_cached(cache, "/vary", ACCEPTS[0])


class Plain(Squid):
    """A Squid configured for purges as its own documentation says."""

    def _command(self) -> list[str]:
        arguments = super()._command()
        (self.directory / "edgeward.conf").write_text(
            f"http_port 127.0.0.1:{self.nowhere_address[1]} accel vhost\n"
            "acl edgeward_forget req_header Never .\nacl purge method PURGE\nhttp_access allow purge\n"
        )
        return arguments


async def test_htcp(cold: Callable[..., CacheServer]) -> None:
    """With `htcp` in the settings the URL is purged by HTCP too: here where PURGE is denied."""
    cache = cold(Squid, secret="s")
    assert isinstance(cache, Squid)
    cache.start()
    send(cache, "/htcp")
    host, port = cache.htcp_address
    driver = driver_for(settings(cache, htcp=f"{host}:{port}", secret="wrong"))
    purged = await purge_one(driver, http_order("/htcp"))
    assert purged.delivery is Delivery.REFUSED
    await eventually(lambda: not is_cached(cache, "/htcp"))


async def test_a_node_that_is_down(cold: Callable[..., CacheServer]) -> None:
    """Without a connection or a response in time the orders wait; after a restart they are carried out."""
    cache = cold(Squid)
    driver = driver_for(settings(cache, timeout_ms=200))
    orders = [http_order("/p"), http_order("/vary", ACCEPTS[0])]
    assert [purged.delivery for purged in await driver.purge(orders)] == [Delivery.WAITING] * 2
    cache.start()
    cache.pause()
    assert [purged.delivery for purged in await driver.purge(orders)] == [Delivery.WAITING] * 2
    cache.resume()
    assert await purge_when_up(driver, orders) == [Delivery.VERIFIED] * 2


def test_the_overwriting_port_is_not_for_clients(squid: CacheServer) -> None:
    """The port that stands in for the origin serves nothing to clients."""
    assert isinstance(squid, Squid)
    send(squid, "/nowhere")
    with socket.create_connection(squid.nowhere_address, timeout=60) as connection:
        connection.sendall(b"GET /nowhere HTTP/1.1\r\nHost: img.test\r\nConnection: close\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 410")


class StoresAll(Squid):
    """A Squid that stores what must not be stored, for a day, as some operators have it."""

    def _command(self) -> list[str]:
        arguments = super()._command()
        with (self.directory / "squid.conf").open("a") as file:
            file.write("refresh_pattern . 1440 50% 2880 ignore-no-store ignore-private override-expire\n")
        return arguments


class StoresAllAsBefore(StoresAll):
    """The same with an edgeward.conf that does not keep it from storing Edgeward's own 410."""

    def _command(self) -> list[str]:
        arguments = super()._command()
        conf = self.directory / "edgeward.conf"
        lines = conf.read_text().splitlines(keepends=True)
        conf.write_text("".join(line for line in lines if not line.startswith("store_miss")))
        return arguments


@pytest.mark.parametrize("kind", [StoresAll, StoresAllAsBefore])
async def test_no_410_is_left_where_squid_stores_everything(
    cold: Callable[..., CacheServer], origin: Origin, kind: type[Squid]
) -> None:
    """With `ignore-no-store` the 410 that drops a variant could stay, and clients would get it for a day. It is not
    stored, or found and purged: then clients get the image again, if the purge was a mistake."""
    cache = cold(kind)
    cache.start()
    driver = driver_for(settings(cache))
    for accept in ACCEPTS[:2]:
        assert send(cache, "/vary-stored", accept)[0] == 200
    before = send(cache, "/vary-stored", ACCEPTS[0])[1]
    purged = await driver.purge([http_order("/vary-stored", accept) for accept in ACCEPTS[:2]])
    assert [one.delivery for one in purged] == [Delivery.VERIFIED] * 2
    assert [one.count for one in purged] == [1, 1]
    for accept in ACCEPTS[:3]:
        status, body = send(cache, "/vary-stored", accept)
        assert (status, body == before) == (200, False)
    await driver.close()
