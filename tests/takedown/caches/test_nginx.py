"""The nginx driver against a real nginx with the configuration of deploy/."""

import re
from collections.abc import Callable

import pytest
from tests.takedown.caches.test_varnish import SPELLINGS
from tests.takedown.conftest import cached, fetch, fetch_raw, settings, target

from edgeward.demo.caches import DEPLOY, CacheServer, Nginx
from edgeward.takedown.caches import driver_for
from edgeward.types import Delivery


async def test_purges_the_target_and_nothing_else(nginx: CacheServer) -> None:
    """A purge removes its target, says so, and leaves neighbours and other queries alone."""
    for path in ("/p", "/p?a=1", "/px"):
        fetch(nginx, path)
    purged = await driver_for(settings(nginx)).purge(target("/p"))
    assert (purged.delivery, purged.count) == (Delivery.VERIFIED, 1)
    assert not cached(nginx, "/p")
    assert cached(nginx, "/p?a=1")
    assert cached(nginx, "/px")


async def test_removes_every_variant(nginx: CacheServer) -> None:
    """The variants of a response with Vary all go, though nginx keeps a file for each."""
    accepts = ("image/avif,image/webp", "image/webp", "*/*")
    for accept in accepts:
        fetch(nginx, "/vary", accept)
    purged = await driver_for(settings(nginx)).purge(target("/vary", accept="*/*"))
    assert (purged.delivery, purged.count) == (Delivery.VERIFIED, 3)
    assert [cached(nginx, "/vary", accept) for accept in accepts] == [False, False, False]


@pytest.mark.parametrize("path", [path for path in SPELLINGS if b"#" not in path])
async def test_purges_byte_for_byte(nginx: CacheServer, path: bytes) -> None:
    """Whatever the spelling on the wire, the purge finds the file that it was stored under."""
    status, first = fetch_raw(nginx, path)
    assert (status, fetch_raw(nginx, path)[1]) == (200, first)
    purged = await driver_for(settings(nginx)).purge(target(path.decode("latin-1")))
    assert purged.count == 1
    assert fetch_raw(nginx, path)[1] != first


async def test_secret(cold: Callable[..., CacheServer]) -> None:
    """Where a secret is set, only who knows it can purge; the object stays for all others."""
    cache = cold(Nginx, secret="open sesame")
    cache.start()
    fetch(cache, "/p")
    for wrong in ("", "open"):
        refused = await driver_for(settings(cache, secret=wrong)).purge(target("/p"))
        assert (refused.delivery, refused.status) == (Delivery.REFUSED, 403)
    assert cached(cache, "/p")
    assert (await driver_for(settings(cache, secret="open sesame")).purge(target("/p"))).count == 1


async def test_a_listener_without_variants_is_not_trusted(cold: Callable[..., CacheServer]) -> None:
    """Without the marker of our listener only what was seen to go is verified, and never what varies."""
    cache = cold(Nginx)
    cache.start()
    # The listener for clients: an ordinary server that names no variants.
    driver = driver_for(settings(cache).model_copy(update={"url": cache.url}))
    purged = await driver.purge(target("/p"))
    assert purged.delivery is Delivery.DELIVERED


def test_the_listener_names_the_variants_of_the_map() -> None:
    """The tokens that the purge listener announces are exactly those that the cache key is made of."""
    text = (DEPLOY / "nginx" / "edgeward-cache.conf").read_text()
    tokens = re.search(r"map \$http_accept \$edgeward_variant \{(.*?)\}", text, re.DOTALL)
    announced = re.search(r'Edgeward-Variants "(.*?)"', text)
    assert tokens and announced
    assert sorted(announced[1].split()) == sorted(re.findall(r"(\w+);", tokens[1]))
