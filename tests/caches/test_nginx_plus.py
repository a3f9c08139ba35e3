"""The nginx Plus driver against a server that behaves as documented."""

import pytest
from tests.caches.http_server import http_server, path_of, purge, response
from tests.caches.orders import order_for, prefix_order, tag_order
from tests.support.real_caches import target

from edgeward.caches import CacheDriver, driver_for
from edgeward.settings.cache_settings import parse_cache
from edgeward.types import Delivery


class Stored:
    """The keys of a cache: 204 for a key that was there, also by wildcard; 404 for others; 403 without the secret."""

    def __init__(self, *paths: str, secret: str = "") -> None:
        self.paths = set(paths)
        self.secret = secret

    def __call__(self, head: bytes, _: int) -> bytes:
        if self.secret and f"Edgeward-Secret: {self.secret}\r\n".encode() not in head:
            return response(403)
        assert head.startswith(b"PURGE ") and b"\r\nHost: img.test\r\n" in head
        path = path_of(head)
        gone = {each for each in self.paths if each == path or (path.endswith("*") and each.startswith(path[:-1]))}
        self.paths -= gone
        return b"HTTP/1.1 204 No Content\r\n\r\n" if gone else response(404, body=b"<h1>404</h1>")


def plus(url: str, **more: object) -> CacheDriver:
    return driver_for(parse_cache({"name": "p", "driver": "nginx-plus", "url": url, **more}))


async def test_purges_the_target_and_nothing_else() -> None:
    """A byte-exact purge is repeated until the target is not found, and removes nothing else."""
    stored = Stored("/p", "/p?", "/p?a=1", "//\xe9%7E")
    async with http_server(stored) as (url, _):
        driver = plus(url)
        purged = await driver.purge([order_for(target("/p")), order_for(target("//\xe9%7E"))])
        await driver.close()
    assert [(each.delivery, each.status, each.count) for each in purged] == [(Delivery.VERIFIED, 404, 1)] * 2
    assert stored.paths == {"/p?", "/p?a=1"}


async def test_what_varies_is_never_verified() -> None:
    """A response with Vary has a file for each variant, which a purge of the key may leave."""
    async with http_server(Stored("/p")) as (url, _):
        purged = await purge(plus(url), target("/p", accept="*/*"))
    assert (purged.delivery, purged.count) == (Delivery.DELIVERED, 1)


async def test_not_found_alone_proves_nothing() -> None:
    """A 404 without an earlier 204 may come from an origin to which PURGE is passed on."""
    async with http_server(Stored()) as (url, _):
        purged = await purge(plus(url), target("/p"))
    assert (purged.delivery, purged.status, purged.count) == (Delivery.DELIVERED, 404, None)


async def test_a_prefix_is_a_wildcard() -> None:
    """A prefix is sent once, with a trailing asterisk; the outcome has no count."""
    stored = Stored("/a/1", "/a/2?q", "/b")
    async with http_server(stored) as (url, heads):
        driver = plus(url)
        (purged,) = await driver.purge([prefix_order("/a/")])
        await driver.close()
    assert (purged.delivery, purged.status) == (Delivery.DELIVERED, 204)
    assert [path_of(head) for head in heads] == ["/a/*"]
    assert stored.paths == {"/b"}


async def test_tags_are_left_to_the_targets() -> None:
    """nginx Plus does not purge by tag: such an order changes nothing."""
    async with http_server(Stored("/p")) as (url, heads):
        (purged,) = await plus(url).purge([tag_order("ew-1")])
    assert (purged.delivery, purged.status, heads) == (Delivery.UNSUPPORTED, 0, [])


@pytest.mark.parametrize(("secret", "delivery"), [("", Delivery.REFUSED), ("s3cret", Delivery.VERIFIED)])
async def test_secret(secret: str, delivery: Delivery) -> None:
    """Without the secret purges are refused, by prefix as well."""
    async with http_server(Stored("/p", "/a/1", secret="s3cret")) as (url, _):
        driver = plus(url, secret=secret)
        exact, below = await driver.purge([order_for(target("/p")), prefix_order("/a/")])
        await driver.close()
    assert exact.delivery is delivery
    assert (below.delivery is Delivery.REFUSED) == (not secret)


@pytest.mark.usefixtures("short_repeat_pauses")
@pytest.mark.parametrize(
    ("raw", "delivery"),
    [(response(200), Delivery.REFUSED), (response(301, "Location: /"), Delivery.REFUSED),
     (response(405), Delivery.REFUSED),
     (response(503, "Retry-After: 3"), Delivery.WAITING), (b"garbage\r\n\r\n", Delivery.WAITING),
     (response(404, "Server: nginx/1.27"), Delivery.DELIVERED), (response(404, "Server: Caddy"), Delivery.REFUSED),
     (b"HTTP/1.1 204 No Content\r\n\r\n", Delivery.WAITING)],
)  # fmt: skip
async def test_responses_that_prove_nothing(raw: bytes, delivery: Delivery) -> None:
    """A node that accepts everything, redirects or is overloaded is never verified."""
    async with http_server(lambda head, number: raw) as (url, _):
        purged = await purge(plus(url), target("/p"))
    assert purged.delivery is delivery
    assert purged.retry_after == (3.0 if b"503" in raw else None)
