"""The Varnish driver against a real varnishd with the VCL of deploy/."""

import asyncio
import socket
from collections.abc import Callable

import pytest
from tests.takedown.conftest import Origin, cached, fetch, fetch_raw, settings, target

from edgeward.demo.caches import CacheServer, Varnish
from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches import driver_for
from edgeward.types import Delivery

SPELLINGS = [b"/s/%7Ea", b"/s/~a", b"/s/a%2Fb", b"/s/a%2fb", b"//s//a", b"/s/a?", b"/s/a", b"/s/./a", b"/s/\xe9.png",
             b"/s/%C3%A9", b"/s/a?x=%41&y", b"/s/a?b#c"]  # fmt: skip


async def test_purges_the_target_and_nothing_else(varnish: CacheServer) -> None:
    """A purge removes its target, says so, and leaves neighbours and other queries alone."""
    for path in ("/p", "/p?a=1", "/px"):
        fetch(varnish, path)
    purged = await driver_for(settings(varnish)).purge(target("/p"))
    assert (purged.delivery, purged.count) == (Delivery.VERIFIED, 1)
    assert not cached(varnish, "/p")
    assert cached(varnish, "/p?a=1")
    assert cached(varnish, "/px")


async def test_removes_every_variant(varnish: CacheServer) -> None:
    """All Vary variants go with one purge, whichever of them it names."""
    accepts = ("image/avif", "image/webp", "*/*")
    for accept in accepts:
        fetch(varnish, "/vary", accept)
    purged = await driver_for(settings(varnish)).purge(target("/vary", accept="image/png"))
    assert (purged.delivery, purged.count) == (Delivery.VERIFIED, 3)
    assert [cached(varnish, "/vary", accept) for accept in accepts] == [False, False, False]


@pytest.mark.parametrize("path", SPELLINGS)
async def test_purges_byte_for_byte(varnish: CacheServer, path: bytes) -> None:
    """Whatever the spelling on the wire, the purge finds the object that it was stored under."""
    status, first = fetch_raw(varnish, path)
    assert (status, fetch_raw(varnish, path)[1]) == (200, first)
    purged = await driver_for(settings(varnish)).purge(target(path.decode("latin-1")))
    assert purged.count == 1
    assert fetch_raw(varnish, path)[1] != first


@pytest.mark.parametrize("host", ["IMG.test", "img.test:80", "img.test."])
async def test_a_host_has_one_spelling(varnish: CacheServer, host: str) -> None:
    """An object fetched under another spelling of its host is purged too."""
    fetch(varnish, f"/host/{host}", host=host)
    purged = await driver_for(settings(varnish)).purge(target(f"/host/{host}"))
    assert purged.count == 1


@pytest.mark.parametrize("path", ["/slow", "/slow-vary", "/slow-brief"])
async def test_waits_for_a_fetch_under_way(varnish: CacheServer, origin: Origin, path: str) -> None:
    """A purge during a fetch ends after it, so that the old image is not stored behind its back: also where another
    variant is there already, and where a stale object is served while it is fetched anew."""
    origin.release.set()
    if path != "/slow":
        fetch(varnish, path, "image/webp" if "brief" in path else "*/*")
        await asyncio.sleep(1.1 if "brief" in path else 0)
    origin.arrived.clear()
    origin.release.clear()
    fetching = asyncio.create_task(asyncio.to_thread(fetch, varnish, path, "image/webp"))
    await asyncio.to_thread(origin.arrived.wait, 5)
    purging = asyncio.create_task(driver_for(settings(varnish)).purge(target(path, accept="image/webp")))
    await asyncio.sleep(0.1)
    assert not purging.done()
    origin.release.set()
    purged = await purging
    await fetching
    assert purged.delivery is Delivery.VERIFIED
    assert not cached(varnish, path, "image/webp")


async def test_secret(cold: Callable[..., CacheServer]) -> None:
    """Where a secret is set, only who knows it can purge; the object stays for all others."""
    cache = cold(Varnish, secret="open sesame")
    cache.start()
    fetch(cache, "/p")
    for wrong in ("", "open"):
        refused = await driver_for(settings(cache, secret=wrong)).purge(target("/p"))
        assert (refused.delivery, refused.status) == (Delivery.REFUSED, 403)
    assert cached(cache, "/p")
    purged = await driver_for(settings(cache, secret="open sesame")).purge(target("/p"))
    assert purged.count == 1


async def test_only_the_acl_may_purge(varnish: CacheServer) -> None:
    """A purge from another address than those of the acl is refused."""
    fetch(varnish, "/acl")
    with socket.create_connection(varnish.address, source_address=("127.0.0.2", 0), timeout=5) as stranger:
        stranger.sendall(b"PURGE /acl HTTP/1.1\r\nHost: img.test\r\nConnection: close\r\n\r\n")
        assert stranger.recv(100).startswith(b"HTTP/1.1 403")
    assert cached(varnish, "/acl")


async def test_plain_purge_is_delivered(cold: Callable[..., CacheServer]) -> None:
    """The `return (purge)` of Varnish's documentation says 200 to everything: delivered, never verified."""
    cache = cold(Varnish)
    cache.start()
    await _use(cache, 'sub vcl_recv { if (req.method == "PURGE") { return (purge); } }')
    before, _ = fetch(cache, "/p")
    purged = await driver_for(settings(cache)).purge(target("/p"))
    assert (purged.delivery, purged.status, purged.count) == (Delivery.DELIVERED, 200, None)
    assert fetch(cache, "/p")[0] != before


async def test_a_vcl_that_knows_no_purge(cold: Callable[..., CacheServer]) -> None:
    """Where PURGE is passed on to the origin, nothing is taken for a purge that went through."""
    cache = cold(Varnish)
    cache.start()
    await _use(cache, "")
    with pytest.raises(CacheUnavailable, match="501"):
        await driver_for(settings(cache)).purge(target("/p"))


async def test_a_node_that_is_away(cold: Callable[..., CacheServer]) -> None:
    """No connection and no answer in time both say that the node is away."""
    cache = cold(Varnish)
    driver = driver_for(settings(cache, timeout_ms=100))
    with pytest.raises(CacheUnavailable, match="Connect"):
        await driver.purge(target("/p"))
    cache.start()
    cache.pause()
    with pytest.raises(CacheUnavailable, match="no answer within"):
        await driver.purge(target("/p"))
    cache.resume()


async def _use(cache: CacheServer, vcl: str) -> None:
    """Let a running Varnish go on with another VCL."""
    host, port = cache.backend
    path = (cache.directory / "other.vcl").absolute()
    path.write_text(f'vcl 4.1;\nbackend default {{ .host = "{host}"; .port = "{port}"; }}\n{vcl}\n')
    name = ("-n", str((cache.directory / "varnish").absolute()))
    for command in (("vcl.load", "other", str(path)), ("vcl.use", "other")):
        process = await asyncio.create_subprocess_exec("varnishadm", *name, *command, stdout=asyncio.subprocess.DEVNULL)
        assert await process.wait() == 0
