"""The Varnish driver against a real varnishd with the VCL of deploy/."""

import asyncio
import http.client
import socket
from collections.abc import Callable, Iterator

import pytest
from tests.caches.cache_client import purge_when_up
from tests.caches.http_server import http_server, purge, response
from tests.caches.orders import order_for, prefix_order, tag_order
from tests.caches.unusual_paths import UNUSUAL_PATHS
from tests.support.eventually import eventually
from tests.support.programs import require
from tests.support.real_caches import Origin, address_of, cached, fetch, fetch_raw, settings, target

from edgeward.caches import driver_for
from edgeward.demo.caches import CacheServer, Varnish
from edgeward.settings.cache_settings import parse_cache
from edgeward.types import Delivery

SECRET = "open sesame"


@pytest.fixture(scope="module")
def full(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    """A Varnish with a secret, which also purges by tag and by prefix."""
    require("varnishd")
    cache = Varnish(tmp_path_factory.mktemp("full"), address_of(origin), SECRET)
    cache.tags = cache.bans = True
    with cache:
        yield cache


@pytest.fixture(scope="module")
def spare(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    """A Varnish with a foreign VCL. The first segment of the path says what it does with a PURGE."""
    require("varnishd")
    with Other(tmp_path_factory.mktemp("spare"), address_of(origin)) as cache:
        yield cache


class Other(Varnish):
    def _command(self) -> list[str]:
        arguments = super()._command()
        host, port = self.backend
        (self.directory / "default.vcl").write_text(f'''
            vcl 4.1;
            backend default {{ .host = "{host}"; .port = "{port}"; }}
            sub vcl_recv {{
                if (req.method != "PURGE") {{ return (hash); }}
                if (req.url ~ "^/plain/") {{ return (purge); }}
                if (req.url ~ "^/429/") {{ return (synth(429)); }}
                if (req.url ~ "^/503/") {{ return (synth(503)); }}
                if (req.url ~ "^/500/") {{ return (synth(500)); }}
            }}
            sub vcl_synth {{
                if (resp.status == 429 || resp.status == 503) {{ set resp.http.Retry-After = "7"; }}
                return (deliver);
            }}''')
        return arguments


async def test_purges_the_target_and_nothing_else(varnish: CacheServer) -> None:
    """A purge removes its target, is verified, and leaves neighbours and other queries alone."""
    for path in ("/p", "/p?a=1", "/px"):
        fetch(varnish, path)
    purged = await purge(driver_for(settings(varnish)), target("/p"))
    assert (purged.delivery, purged.count) == (Delivery.VERIFIED, 1)
    assert not cached(varnish, "/p")
    assert cached(varnish, "/p?a=1")
    assert cached(varnish, "/px")


async def test_removes_every_variant(varnish: CacheServer) -> None:
    """One purge removes all Vary variants, whichever of them it names."""
    accepts = ("image/avif", "image/webp", "*/*")
    for accept in accepts:
        fetch(varnish, "/vary", accept)
    purged = await purge(driver_for(settings(varnish)), target("/vary", accept="image/png"))
    assert (purged.delivery, purged.count) == (Delivery.VERIFIED, 3)
    assert [cached(varnish, "/vary", accept) for accept in accepts] == [False, False, False]


@pytest.mark.parametrize("path", UNUSUAL_PATHS)
async def test_purges_byte_for_byte(varnish: CacheServer, path: bytes) -> None:
    """Whatever form the request target has, the purge finds the object stored under it."""
    status, first = fetch_raw(varnish, path)
    assert (status, fetch_raw(varnish, path)[1]) == (200, first)
    purged = await purge(driver_for(settings(varnish)), target(path.decode("latin-1")))
    assert purged.count == 1
    assert fetch_raw(varnish, path)[1] != first


async def test_a_target_that_fits_a_get_alone(varnish: CacheServer) -> None:
    """A PURGE of it is longer than Varnish accepts: it is refused, with the reason, and not owed for ever."""
    path = "/" + "a" * 32_700
    status, first = fetch_raw(varnish, path.encode())
    assert (status, fetch_raw(varnish, path.encode())[1]) == (200, first)
    purged = await purge(driver_for(settings(varnish, secret="s" * 20)), target(path))
    assert (purged.delivery, purged.count) == (Delivery.REFUSED, None)
    assert "longer than it accepts" in purged.detail


async def test_long_variant_headers(varnish: CacheServer) -> None:
    """A purge removes every variant without headers that would make it longer than Varnish accepts."""
    path = "/vary/" + "a" * 25_000
    fetch(varnish, path)
    purged = await purge(driver_for(settings(varnish)), target(path, accept="*/*", origin="o" * 8000))
    assert (purged.delivery, purged.count) == (Delivery.VERIFIED, 1)


@pytest.mark.parametrize("host", ["IMG.test", "img.test:80", "img.test."])
async def test_forms_of_a_host_are_one_object(varnish: CacheServer, host: str) -> None:
    """An object fetched with another form of its host is purged too."""
    fetch(varnish, f"/host/{host}", host=host)
    purged = await purge(driver_for(settings(varnish)), target(f"/host/{host}"))
    assert purged.count == 1


@pytest.mark.parametrize("path", ["/slow", "/slow-vary", "/slow-brief"])
async def test_waits_for_a_fetch_under_way(varnish: CacheServer, origin: Origin, path: str) -> None:
    """A purge during a fetch ends after it, so that the old image is not stored after the purge: also when another
    variant is cached already, and when a stale object is served during the fetch."""
    origin.release.set()
    if path != "/slow":
        fetch(varnish, path, "image/webp" if "brief" in path else "*/*")
        await asyncio.sleep(1.1 if "brief" in path else 0)
    origin.arrived.clear()
    origin.release.clear()
    fetching = asyncio.create_task(asyncio.to_thread(fetch, varnish, path, "image/webp"))
    assert await asyncio.to_thread(origin.arrived.wait, 60)
    driver = driver_for(settings(varnish, timeout_ms=10_000))
    purging = asyncio.create_task(purge(driver, target(path, accept="image/webp")))
    await asyncio.sleep(0.1)
    assert not purging.done()
    origin.release.set()
    purged = await purging
    await fetching
    assert purged.delivery is Delivery.VERIFIED
    assert not cached(varnish, path, "image/webp")


async def test_a_fetch_under_way_delays_no_other_order(varnish: CacheServer, origin: Origin) -> None:
    """While one of many orders waits for a fetch, the copies of all others are removed."""
    paths = [f"/inflight/{number}" for number in range(60)]
    for path in paths:
        fetch(varnish, path)
    origin.arrived.clear()
    origin.release.clear()
    fetching = asyncio.create_task(asyncio.to_thread(fetch, varnish, "/inflight/slow"))
    assert await asyncio.to_thread(origin.arrived.wait, 60)
    driver = driver_for(settings(varnish, timeout_ms=10_000))
    purging = asyncio.create_task(driver.purge([order_for(target(path)) for path in ("/inflight/slow", *paths)]))
    left = list(paths)

    def gone() -> bool:
        left[:] = [path for path in left if cached(varnish, path)]
        return not left

    await eventually(gone)
    assert not purging.done()
    origin.release.set()
    purged = await purging
    await fetching
    await driver.close()
    assert {each.delivery for each in purged} == {Delivery.VERIFIED}
    assert not cached(varnish, "/inflight/slow")


async def test_secret(full: CacheServer) -> None:
    """With a secret set, a purge without it is refused and removes nothing."""
    fetch(full, "/p")
    for wrong in ("", "open"):
        refused = await purge(driver_for(settings(full, secret=wrong)), target("/p"))
        assert (refused.delivery, refused.status) == (Delivery.REFUSED, 403)
    assert cached(full, "/p")
    purged = await purge(driver_for(settings(full, secret=SECRET)), target("/p"))
    assert purged.count == 1


async def test_only_the_acl_may_purge(varnish: CacheServer) -> None:
    """A purge from another address than those of the acl is refused."""
    fetch(varnish, "/acl")
    with socket.create_connection(varnish.address, source_address=("127.0.0.2", 0), timeout=60) as stranger:
        stranger.sendall(b"PURGE /acl HTTP/1.1\r\nHost: img.test\r\nConnection: close\r\n\r\n")
        assert stranger.recv(100).startswith(b"HTTP/1.1 403")
    assert cached(varnish, "/acl")


async def test_plain_purge_is_delivered(spare: CacheServer) -> None:
    """The `return (purge)` of Varnish's documentation returns 200 for everything: delivered, never verified."""
    before, _ = fetch(spare, "/plain/p")
    purged = await purge(driver_for(settings(spare)), target("/plain/p"))
    assert (purged.delivery, purged.status, purged.count) == (Delivery.DELIVERED, 200, None)
    assert fetch(spare, "/plain/p")[0] != before


async def test_a_vcl_without_purges(spare: CacheServer) -> None:
    """When PURGE is passed on to the origin, no purge counts as done."""
    purged = await purge(driver_for(settings(spare)), target("/p"))
    assert (purged.delivery, purged.status) == (Delivery.REFUSED, 501)


@pytest.mark.parametrize(("status", "pause"), [(429, 7.0), (503, 7.0), (500, None)])
async def test_an_overloaded_node_makes_orders_wait(spare: CacheServer, status: int, pause: float | None) -> None:
    """429 and 5xx wait, for as long as the node asks for."""
    purged = await purge(driver_for(settings(spare)), target(f"/{status}/p"))
    assert (purged.delivery, purged.status, purged.retry_after) == (Delivery.WAITING, status, pause)


@pytest.mark.parametrize(
    "raw",
    [
        response(200, "X-Varnish: 7"),
        response(200, "X-Varnish: 7", "X-Purged: many"),
        response(200),
        response(302, "Location: /"),
        response(404),
    ],
)
async def test_a_response_without_a_count_is_never_verified(raw: bytes) -> None:
    """A response without a count of objects does not prove that none is left."""
    async with http_server(lambda head, number: raw) as (url, heads):
        purged = await purge(driver_for(parse_cache({"name": "v", "driver": "varnish", "url": url})), target("/p"))
    assert purged.delivery is (Delivery.DELIVERED if b"X-Varnish" in raw else Delivery.REFUSED)
    assert len(heads) == 1


@pytest.mark.usefixtures("short_repeat_pauses")
async def test_what_stays_is_not_verified() -> None:
    """An object that is counted in every repeated purge is not verified as removed."""
    async with http_server(lambda head, number: response(200, "X-Purged: 1")) as (url, _):
        purged = await purge(driver_for(parse_cache({"name": "v", "driver": "varnish", "url": url})), target("/p"))
    assert (purged.delivery, purged.count) == (Delivery.WAITING, 1)


async def test_a_node_that_is_down(full: CacheServer, cold: Callable[..., CacheServer]) -> None:
    """Without a connection or a response in time the order waits; when the node is back, it is carried out."""
    driver = driver_for(settings(full, secret=SECRET, timeout_ms=300))
    one = order_for(target("/away"))
    (away,) = await driver_for(settings(cold(Varnish))).purge([one])
    full.pause()
    try:
        (silent,) = await driver.purge([one])
    finally:
        full.resume()
    assert [away.delivery, silent.delivery, *await purge_when_up(driver, [one])] == [
        Delivery.WAITING, Delivery.WAITING, Delivery.VERIFIED]  # fmt: skip
    await driver.close()
    assert "connection refused" in away.detail
    assert "no answer within" in silent.detail


@pytest.mark.usefixtures("no_stall_limit")
async def test_a_batch_is_purged_together(varnish: CacheServer) -> None:
    """Each order of a batch gets its own outcome: removed, never there, or impossible to send."""
    for number in range(0, 300, 3):
        fetch(varnish, f"/batch/{number}")
    driver = driver_for(settings(varnish))
    targets = [target("/batch/a b"), *(target(f"/batch/{number}") for number in range(300))]
    bad, *purged = await driver.purge([order_for(each) for each in targets])
    await driver.close()
    assert bad.delivery is Delivery.REFUSED
    assert {each.delivery for each in purged} == {Delivery.VERIFIED}
    assert [each.count for each in purged] == [1, 0, 0] * 100


async def test_invalid_names_in_vary_do_no_harm(varnish: CacheServer) -> None:
    """Invalid names in an origin's Vary are left out of the purge, which succeeds without them."""
    fetch(varnish, "/p/names")
    odd = {"content-length": "5", "x y": "1", "edgeward-secret": "guess", "transfer-encoding": "chunked", "": "1"}
    assert (await purge(driver_for(settings(varnish)), target("/p/names", **odd))).count == 1


async def test_a_prefix_removes_all_below_it(full: CacheServer) -> None:
    """A ban removes all that begin with the prefix at its host, in any form of the host, and nothing else."""
    for path in ("/a/1", "/a/2?q=1", "/a", "/ab/1"):
        fetch(full, path)
    fetch(full, "/a/1", host="other.test")
    driver = driver_for(settings(full, secret=SECRET, bans=True))
    (purged,) = await driver.purge([prefix_order("/a/", host="IMG.test:80")])
    await driver.close()
    assert (purged.delivery, purged.status) == (Delivery.DELIVERED, 200)
    assert "ban" in purged.detail
    assert [cached(full, path) for path in ("/a/1", "/a/2?q=1", "/a", "/ab/1")] == [False, False, True, True]
    assert fetch(full, "/a/1", host="other.test")[1] == "HIT"


HOSTILE = ["/.*", "/h[a-z]", "/(h", "/h|/", "/h$", "/h\\", "/h\\E.*", '/h"', "/h'", "/h&&obj.http.x~.", "/h?", "/h*",
           "/h+{1}", "/h{", "/h#", "/h;", "/h%2", "/h\xe9", "/^", "/h" + "." * 7000]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
async def test_a_prefix_is_literal(full: CacheServer, path: str) -> None:
    """Characters with a meaning in regular expressions or bans are literal in a prefix."""
    raw = path.encode("latin-1")
    inside, outside = fetch_raw(full, raw + b"x"), [fetch_raw(full, other) for other in (b"/h", b"/hx", b"/h1", b"/")]
    driver = driver_for(settings(full, secret=SECRET, bans=True))
    (purged,) = await driver.purge([prefix_order(path)])
    await driver.close()
    assert purged.delivery is Delivery.DELIVERED, purged
    assert fetch_raw(full, raw + b"x") != inside
    assert [fetch_raw(full, other) for other in (b"/h", b"/hx", b"/h1", b"/")] == outside


async def test_a_prefix_where_there_are_no_bans(varnish: CacheServer) -> None:
    """A Varnish without bans gets none: the targets have orders of their own."""
    fetch(varnish, "/nobans/1")
    driver = driver_for(settings(varnish))
    (purged,) = await driver.purge([prefix_order("/nobans/")])
    await driver.close()
    assert (purged.delivery, purged.status) == (Delivery.UNSUPPORTED, 0)
    assert "set bans = true" in purged.detail
    assert cached(varnish, "/nobans/1")


async def test_a_vcl_without_bans(varnish: CacheServer) -> None:
    """Bans in the settings that the VCL does not support are a configuration error."""
    driver = driver_for(settings(varnish, bans=True, tags=True))
    purged = await driver.purge([prefix_order("/a/"), tag_order("ew-1")])
    await driver.close()
    assert [each.delivery for each in purged] == [Delivery.REFUSED, Delivery.REFUSED]


async def test_a_tag_removes_every_url_and_variant(full: CacheServer) -> None:
    """One purge by tag removes all objects with it, also those with several tags."""
    paths = ("/tags/ew-1/a", "/tags/ew-1/b?q", "/tags/ew-1,ew-2/vary", "/tags/ew-2/c")
    for path in paths:
        fetch(full, path)
    fetch(full, "/tags/ew-1,ew-2/vary", "image/webp")
    driver = driver_for(settings(full, secret=SECRET, tags=True))
    first, again, unknown = [(await driver.purge([tag_order(name)]))[0] for name in ("ew-1", "ew-1", "ew-3")]
    await driver.close()
    assert [(each.delivery, each.count) for each in (first, again, unknown)] == [
        (Delivery.VERIFIED, 4), (Delivery.VERIFIED, 0), (Delivery.VERIFIED, 0)]  # fmt: skip
    assert [cached(full, path) for path in paths] == [False, False, False, True]


def test_clients_see_neither_tags_nor_marks(full: CacheServer) -> None:
    """Headers that the cache keeps for purging are not sent to clients."""
    connection = http.client.HTTPConnection(*full.address, timeout=60)
    connection.request("GET", "/tags/ew-9/x", headers={"Host": "img.test"})
    names = [name.lower() for name, _ in connection.getresponse().getheaders()]
    connection.close()
    assert "x-cache" in names
    assert not [name for name in names if name == "xkey" or name.startswith("edgeward")]


@pytest.mark.parametrize("secret", ["", "wrong"])
async def test_every_kind_of_purge_needs_the_secret(full: CacheServer, secret: str) -> None:
    """Purges by prefix and by tag are refused without the secret as well."""
    fetch(full, "/tags/ew-5/doors")
    driver = driver_for(settings(full, secret=secret, tags=True, bans=True))
    purged = await driver.purge([order_for(target("/tags/ew-5/doors")), prefix_order("/"), tag_order("ew-5")])
    await driver.close()
    assert [(each.delivery, each.status) for each in purged] == [(Delivery.REFUSED, 403)] * 3
    assert cached(full, "/tags/ew-5/doors")


@pytest.mark.parametrize("method", ["PURGE", "PURGETAG", "BAN"])
def test_every_kind_of_purge_is_subject_to_the_acl(full: CacheServer, method: str) -> None:
    """From another address every kind of purge is refused, even with the secret."""
    lines = (f"{method} / HTTP/1.1", "Host: img.test", f"Edgeward-Secret: {SECRET}", "Edgeward-Tag: ew-1", "", "")
    with socket.create_connection(full.address, source_address=("127.0.0.2", 0), timeout=60) as stranger:
        stranger.sendall("\r\n".join(lines).encode())
        assert stranger.recv(100).startswith(b"HTTP/1.1 403")
