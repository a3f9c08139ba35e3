"""Request headers by which Cloudflare tells copies apart although no Vary names them: from the request to the purge."""

import pytest
from mitmproxy import http
from tests.caches.cdn_server import cdn_driver, response
from tests.caches.orders import order_for
from tests.proxy.conftest import StartWorker
from tests.proxy.responses import IMAGE
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg, sha256

from edgeward.proxy.key_headers import MAX_TARGETS, MAX_VALUES, KeyHeaders
from edgeward.proxy.target_cache import CachedTarget, TargetCache, Validators
from edgeward.purging.orders import Orders
from edgeward.settings.cache_settings import parse_cache
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.types import UNKNOWN_KEY_HEADERS, Cause, Target

CLOUDFLARE = {"name": "cf", "driver": "cloudflare", "zone": "0" * 32, "token": "t0k"}
OK = {"success": True, "errors": [], "result": {"id": "0" * 32}}
BASE = Target("http", "img.test", "/a.jpg")


def request(*fields: tuple[str, str]) -> http.Request:
    made = http.Request.make("GET", "http://img.test/a.jpg")
    made.headers = http.Headers([(name.encode(), value.encode("latin-1")) for name, value in fields])
    return made


@pytest.fixture
def key_headers() -> KeyHeaders:
    return KeyHeaders([parse_cache(CLOUDFLARE)])


async def test_a_copy_that_was_stored_by_origin_is_purged(start_worker: StartWorker) -> None:
    """A client sends Origin and the response has no Vary: Cloudflare stores it apart, and is purged of both copies. The
    purge of a match in transit names the header too."""
    worker = await start_worker(caches=[CLOUDFLARE])
    worker.upstream.put("/a.jpg", jpeg(), *IMAGE)
    for headers in ((), ("Origin: https://shop.test", "X-HTTP-Method-Override: HEAD")):
        assert (await worker.get("/a.jpg", *headers)).body == jpeg()

    async def seen() -> list[Target]:
        return [one for one, _ in await Sightings(worker.store, SightingsSettings()).targets(sha256(jpeg()).value)]

    async def both() -> bool:
        return len(await seen()) == 2

    await eventually(both)
    async with cdn_driver(CLOUDFLARE, lambda _: response(200, OK)) as (driver, server):
        await driver.purge([order_for(target) for target in await seen()])
    keyed = {"origin": "https://shop.test", "x-http-method-override": "HEAD"}
    files = server.requests[0].json["files"]
    assert {"url": "https://img.test/a.jpg", "headers": keyed} in files
    assert {"url": "https://img.test/a.jpg", "headers": {"origin": "https://shop.test"}} in files
    assert "https://img.test/a.jpg" in files
    await worker.list(sha256(jpeg()))
    worker.upstream.put("/b.jpg", jpeg(), *IMAGE)
    assert (await worker.get("/b.jpg", "Origin: https://other.test")).status == 451

    async def matched() -> bool:
        orders = [order for order, _ in await Orders(worker.store).recent()]
        return [order.target.key_headers for order in orders if order.cause is Cause.MATCH] == [
            (("origin", "https://other.test"),)
        ]

    await eventually(matched)


async def test_without_such_a_cdn_nothing_is_recorded(start_worker: StartWorker) -> None:
    """Other caches store by what Vary names, and one sighting is enough."""
    worker = await start_worker(caches=[{"name": "v", "driver": "varnish", "url": "http://127.0.0.1:9"}])
    worker.upstream.put("/a.jpg", jpeg(), *IMAGE)
    await worker.get("/a.jpg", "Origin: https://shop.test")

    async def seen() -> list[Target]:
        return [one for one, _ in await Sightings(worker.store, SightingsSettings()).targets(sha256(jpeg()).value)]

    await eventually(seen)
    assert [target.key_headers for target in await seen()] == [()]


def test_a_few_values_of_each_target(key_headers: KeyHeaders) -> None:
    """Any client can send any number: the first ones are recorded, the others stand for all, whatever they are."""
    values = [key_headers.keyed(BASE, request(("Origin", f"https://{number}.test"))) for number in range(20)]
    assert [one.key_headers[0][1] for one in values[:MAX_VALUES]] == [f"https://{n}.test" for n in range(MAX_VALUES)]
    assert {one.key_headers for one in values[MAX_VALUES:]} == {UNKNOWN_KEY_HEADERS}
    assert key_headers.keyed(BASE, request(("oRIGIN", "https://0.test"))).key_headers == (("origin", "https://0.test"),)
    other = Target("http", "img.test", "/b.jpg")
    assert key_headers.keyed(other, request(("Origin", "https://9.test"))).key_headers == (
        ("origin", "https://9.test"),
    )
    assert key_headers.keyed(BASE, request(("Cookie", "a=1"))) == BASE


@pytest.mark.parametrize(
    "fields",
    [
        [("Origin", "https://\xe9.test")],
        [("Origin", "a"), ("Origin", "b")],
        [("X-Forwarded-Host", "x" * 2000)],
        [("Forwarded", "for=192.0.2.7")],
    ],
    ids=["not ASCII", "repeated", "long", "of a person"],
)
def test_what_can_not_be_recorded_is_said(key_headers: KeyHeaders, fields: list[tuple[str, str]]) -> None:
    """Then the copy can't be named: all that begins with the path is purged."""
    assert key_headers.keyed(BASE, request(*fields)).key_headers == UNKNOWN_KEY_HEADERS


def test_its_memory_is_bounded(key_headers: KeyHeaders) -> None:
    """Of the targets that were requested last."""
    for number in range(MAX_TARGETS + 10):
        key_headers.keyed(Target("http", "img.test", f"/{number}"), request(("Origin", "https://a.test")))
    assert len(key_headers._seen) == MAX_TARGETS


def test_what_a_target_shows_does_not_depend_on_them() -> None:
    """An image that is known is refused at once, whatever Origin a client sends."""
    cache = TargetCache()
    cache.put(BASE, CachedTarget(None, Validators('"1"')))
    keyed = Target("http", "img.test", "/a.jpg", key_headers=(("origin", "https://a.test"),))
    assert cache.get(keyed) is not None
    assert cache.variant(keyed, {}) == keyed
