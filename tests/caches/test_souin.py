"""The Souin driver against a server that behaves as documented."""

import re

import pytest
from tests.caches.http_server import http_server, path_of, purge, response
from tests.caches.orders import order_for, prefix_order, tag_order
from tests.support.real_caches import target

from edgeward.caches import CacheDriver, driver_for
from edgeward.settings.cache_settings import parse_cache
from edgeward.types import Delivery, Target

API = "/souin-api/souin/"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
IMAGE = "GET-http-img.test-/a/b.jpg"
KEYS = {IMAGE, "GET-https-img.test-/a/b.jpg", "HEAD-https-img.test-/a/b.jpg", "GET-http-IMG.test:8080-/a/b.jpg",
        f"{IMAGE}{{-VARY-}}Accept:image/webp"}  # fmt: skip
OTHERS = {"GET-http-img.test-/a/b.jpg?x=1", "GET-http-img.test-/a/bxjpg", "GET-http-img.test-/a/b.jpg2",
          "GET-http-other.test-/a/b.jpg", "GET-http-xximg.test-/a/b.jpg", "GET-http-img.test-/z/a/b.jpg"}  # fmt: skip


class Souin:
    """The keys of a Souin storage, each also as `IDX_` and the key, purged by regular expression."""

    def __init__(self, *keys: str, forgets: bool = True) -> None:
        self.keys = {*keys, *(f"IDX_{key.partition('{')[0]}" for key in keys)}
        self.forgets = forgets
        self.tags: list[str] = []

    @property
    def listed(self) -> set[str]:
        return {key for key in self.keys if not key.startswith("IDX_")}

    def __call__(self, head: bytes, _: int) -> bytes:
        method, path = head.split(b" ")[0], path_of(head)
        assert path.startswith(API)
        pattern = re.compile(_from_go(path.removeprefix(API)))
        if method == b"GET":
            found = [key for key in self.listed if pattern.search(key)]
            return response(200 if found else 404, body=repr(found).encode())
        assert method == b"PURGE"
        if path == API:
            self.tags.append(head.partition(b"Surrogate-Key: ")[2].partition(b"\r\n")[0].decode())
        elif self.forgets:
            self.keys = {key for key in self.keys if not pattern.search(key)}
        return NO_CONTENT


def _from_go(pattern: str) -> str:
    """Python writes a code point as \\uXXXX where Go writes \\x{XXXX}."""
    return re.sub(r"\\x\{([0-9A-F]+)\}", lambda found: f"\\u{int(found[1], 16):04x}", pattern)


def souin(url: str, **more: object) -> CacheDriver:
    return driver_for(parse_cache({"name": "s", "driver": "souin", "url": url, **more}))


async def test_purges_the_target_and_nothing_else() -> None:
    """A target is removed in both schemes, every method and every variant; neighbours stay."""
    api = Souin(*KEYS, *OTHERS)
    async with http_server(api) as (url, _):
        purged = await purge(souin(url), target("/a/b.jpg", accept="*/*"))
    assert (purged.delivery, purged.status, purged.count) == (Delivery.VERIFIED, 204, 1)
    assert api.listed == OTHERS
    assert {key for key in api.keys if key.startswith("IDX_")} == {f"IDX_{key}" for key in OTHERS}


@pytest.mark.parametrize("key", ["GET-img.test-/a/b.jpg", "http-img.test-/a/b.jpg", "GET-http-/a/b.jpg", "/a/b.jpg"])
async def test_a_key_may_lack_parts(key: str) -> None:
    """Keys without method, scheme or host, as Souin can be configured, are purged too."""
    api = Souin(key, *OTHERS)
    async with http_server(api) as (url, _):
        assert (await purge(souin(url), target("/a/b.jpg"))).delivery is Delivery.VERIFIED
    assert api.listed == OTHERS


@pytest.mark.parametrize(
    ("path", "key"),
    [("/%7Ea", "/~a"), ("/a%2Fb", "/a/b"), ("/a?", "/a"), ("/a?x=%41&y", "/a?x=%41&y"), ("//s//a", "//s//a"),
     ("/a.*[^b]$(c)|{d}+\\", "/a.*[^b]$(c)|{d}+\\"), ("/%C3%A9", "/\xe9"), ("/\xc3\xa9", "/\xe9"),
     ("/%E9.png", "/\ufffd.png"), ("/\xe4\xb8.png", "/\ufffd\ufffd.png"), ("/" + "." * 8000, "/" + "." * 8000)],
)  # fmt: skip
async def test_forms_of_a_path(path: str, key: str) -> None:
    """The path is percent-decoded as in Go, the query is not, and each byte is matched literally."""
    api = Souin(f"GET-https-img.test-{key}", *OTHERS)
    async with http_server(api) as (url, _):
        assert (await purge(souin(url), target(path))).delivery is Delivery.VERIFIED
    assert api.listed == OTHERS


async def test_nothing_listed_proves_nothing() -> None:
    """Keys of another format, hashed ones for example, are not listed: such a purge is never verified."""
    api = Souin("4f1c9e")
    async with http_server(api) as (url, _):
        purged = await purge(souin(url), target("/a/b.jpg"))
    assert (purged.delivery, purged.count) == (Delivery.DELIVERED, None)
    assert "no key matches" in purged.detail


@pytest.mark.usefixtures("short_repeat_pauses")
async def test_a_key_that_stays_listed_is_refused() -> None:
    """A key that stays listed after many purges is a refusal, although each purge returned 204."""
    async with http_server(Souin(IMAGE, forgets=False)) as (url, _):
        purged = await purge(souin(url), target("/a/b.jpg"))
    assert purged.delivery is Delivery.REFUSED
    assert "still listed" in purged.detail


async def test_a_prefix_removes_all_below_it() -> None:
    """A prefix removes every key of its host that begins so."""
    api = Souin(*KEYS, *OTHERS)
    async with http_server(api) as (url, _):
        driver = souin(url)
        (purged,) = await driver.purge([prefix_order("/a/b.")])
        await driver.close()
    assert purged.delivery is Delivery.VERIFIED
    assert api.listed == {
        "GET-http-img.test-/a/bxjpg", "GET-http-other.test-/a/b.jpg", "GET-http-xximg.test-/a/b.jpg",
        "GET-http-img.test-/z/a/b.jpg"}  # fmt: skip


async def test_tags() -> None:
    """A tag is sent as a surrogate key if the settings allow tags; the outcome has no count."""
    api = Souin(IMAGE)
    async with http_server(api) as (url, heads):
        without, driver = souin(url), souin(url, tags=True)
        (left,) = await without.purge([tag_order("ew-1")])
        assert (left.status, heads) == (0, [])
        purged = await driver.purge([tag_order("ew-1"), tag_order("ew-2")])
        await driver.close()
    assert [(each.delivery, each.status) for each in purged] == [(Delivery.DELIVERED, 204)] * 2
    assert sorted(api.tags) == ["ew-1", "ew-2"]


async def test_many_at_once() -> None:
    """Each of many orders gets its own outcome."""
    api = Souin(*(f"GET-http-img.test-/{number}" for number in range(0, 60, 2)))
    async with http_server(api) as (url, _):
        driver = souin(url)
        purged = await driver.purge([order_for(target(f"/{number}")) for number in range(60)])
        await driver.close()
    assert [each.delivery for each in purged] == [Delivery.VERIFIED, Delivery.DELIVERED] * 30
    assert api.keys == set()


@pytest.mark.usefixtures("short_repeat_pauses")
@pytest.mark.parametrize(
    ("raw", "delivery"),
    [(response(200), Delivery.REFUSED), (response(302, "Location: /"), Delivery.REFUSED),
     (response(401), Delivery.REFUSED),
     (response(404), Delivery.REFUSED), (response(503, "Retry-After: 3"), Delivery.WAITING),
     (b"garbage\r\n\r\n", Delivery.WAITING)],
)  # fmt: skip
async def test_an_api_that_is_not_there(raw: bytes, delivery: Delivery) -> None:
    """Another server at the API's path is a configuration error, or waits."""
    async with http_server(lambda head, number: raw) as (url, _):
        driver = souin(url, tags=True)
        purged = await driver.purge([order_for(Target("http", "img.test", "/p")), prefix_order("/"), tag_order("ew-1")])
        await driver.close()
    assert [each.delivery for each in purged] == [delivery] * 3


async def test_calls_the_configured_api() -> None:
    """The API is called with its own host, below its own path, with the secret."""
    async with http_server(lambda head, number: NO_CONTENT) as (url, heads):
        await purge(souin(url, api_path="/__cache/souin", secret="s3cret"), target("/p"))
    lines = heads[0].decode().split("\r\n")
    assert lines[0].startswith("GET /__cache/souin/^")
    assert lines[1:3] == [f"Host: {url.removeprefix('http://')}", "Edgeward-Secret: s3cret"]
