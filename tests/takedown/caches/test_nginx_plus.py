"""The nginx Plus driver against a server that answers as its documentation says."""

import pytest
from tests.takedown.caches.raw import answer, order, path_of, prefix, purge, server, tag
from tests.takedown.conftest import target

from edgeward.cache_settings import parse_cache
from edgeward.takedown.caches import CacheDriver, driver_for
from edgeward.types import Delivery


class Stored:
    """The keys of a cache: 204 for what was there, also by a wildcard; 404 for what was not; 403 to strangers."""

    def __init__(self, *paths: str, secret: str = "") -> None:
        self.paths = set(paths)
        self.secret = secret

    def __call__(self, head: bytes, _: int) -> bytes:
        if self.secret and f"Edgeward-Secret: {self.secret}\r\n".encode() not in head:
            return answer(403)
        assert head.startswith(b"PURGE ") and b"\r\nHost: img.test\r\n" in head
        path = path_of(head)
        gone = {each for each in self.paths if each == path or (path.endswith("*") and each.startswith(path[:-1]))}
        self.paths -= gone
        return b"HTTP/1.1 204 No Content\r\n\r\n" if gone else answer(404, body=b"<h1>404</h1>")


def plus(url: str, **more: object) -> CacheDriver:
    return driver_for(parse_cache({"name": "p", "driver": "nginx-plus", "url": url, **more}))


async def test_purges_the_target_and_nothing_else() -> None:
    """A purge asks for the target's very bytes until it is not found, and only that one goes."""
    stored = Stored("/p", "/p?", "/p?a=1", "//\xe9%7E")
    async with server(stored) as (url, _):
        driver = plus(url)
        purged = await driver.purge([order(target("/p")), order(target("//\xe9%7E"))])
        await driver.close()
    assert [(each.delivery, each.status, each.count) for each in purged] == [(Delivery.VERIFIED, 404, 1)] * 2
    assert stored.paths == {"/p?", "/p?a=1"}


async def test_what_varies_is_never_verified() -> None:
    """A response with Vary has files of its own per variant, which a purge of the key may leave."""
    async with server(Stored("/p")) as (url, _):
        purged = await purge(plus(url), target("/p", accept="*/*"))
    assert (purged.delivery, purged.count) == (Delivery.DELIVERED, 1)


async def test_not_found_alone_proves_nothing() -> None:
    """A 404 without a 204 before may come from an origin that PURGE is passed on to."""
    async with server(Stored()) as (url, _):
        purged = await purge(plus(url), target("/p"))
    assert (purged.delivery, purged.status, purged.count) == (Delivery.DELIVERED, 404, 0)


async def test_a_prefix_is_a_wildcard() -> None:
    """A prefix goes out once, with an asterisk behind it; what it removed nobody says."""
    stored = Stored("/a/1", "/a/2?q", "/b")
    async with server(stored) as (url, heads):
        driver = plus(url)
        (purged,) = await driver.purge([prefix("/a/")])
        await driver.close()
    assert (purged.delivery, purged.status) == (Delivery.DELIVERED, 204)
    assert [path_of(head) for head in heads] == ["/a/*"]
    assert stored.paths == {"/b"}


async def test_tags_are_left_to_the_targets() -> None:
    """nginx Plus knows no tags: such an order touches nothing."""
    async with server(Stored("/p")) as (url, heads):
        (purged,) = await plus(url).purge([tag("ew-1")])
    assert (purged.delivery, purged.status, heads) == (Delivery.DELIVERED, 0, [])


@pytest.mark.parametrize(("secret", "delivery"), [("", Delivery.REFUSED), ("s3cret", Delivery.VERIFIED)])
async def test_secret(secret: str, delivery: Delivery) -> None:
    """Who does not know the secret is refused, by prefix as well."""
    async with server(Stored("/p", "/a/1", secret="s3cret")) as (url, _):
        driver = plus(url, secret=secret)
        exact, below = await driver.purge([order(target("/p")), prefix("/a/")])
        await driver.close()
    assert exact.delivery is delivery
    assert (below.delivery is Delivery.REFUSED) == (not secret)


@pytest.mark.usefixtures("quick_confirmation")
@pytest.mark.parametrize(
    ("raw", "delivery"),
    [(answer(200), Delivery.REFUSED), (answer(301, "Location: /"), Delivery.REFUSED), (answer(405), Delivery.REFUSED),
     (answer(503, "Retry-After: 3"), Delivery.WAITING), (b"garbage\r\n\r\n", Delivery.WAITING),
     (b"HTTP/1.1 204 No Content\r\n\r\n", Delivery.DELIVERED)],
)  # fmt: skip
async def test_answers_that_prove_nothing(raw: bytes, delivery: Delivery) -> None:
    """A node that says yes to everything, redirects or is overloaded is never verified."""
    async with server(lambda head, number: raw) as (url, _):
        purged = await purge(plus(url), target("/p"))
    assert purged.delivery is delivery
    assert purged.retry_after == (3.0 if b"503" in raw else None)
