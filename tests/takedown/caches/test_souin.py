"""The Souin driver against a server that answers as its documentation says."""

import re

import pytest
from tests.takedown.caches.raw import answer, order, path_of, prefix, purge, server, tag
from tests.takedown.conftest import target

from edgeward.cache_settings import parse_cache
from edgeward.takedown.caches import CacheDriver, driver_for
from edgeward.types import Delivery, Target

API = "/souin-api/souin/"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
IMAGE = "GET-http-img.test-/a/b.jpg"
KEYS = {IMAGE, "GET-https-img.test-/a/b.jpg", "HEAD-https-img.test-/a/b.jpg", "GET-http-IMG.test:8080-/a/b.jpg",
        f"{IMAGE}{{-VARY-}}Accept:image/webp"}  # fmt: skip
OTHERS = {"GET-http-img.test-/a/b.jpg?x=1", "GET-http-img.test-/a/bxjpg", "GET-http-img.test-/a/b.jpg2",
          "GET-http-other.test-/a/b.jpg", "GET-http-xximg.test-/a/b.jpg", "GET-http-img.test-/z/a/b.jpg"}  # fmt: skip


class Souin:
    """Keys as a storage of Souin holds them, `IDX_` and the key beside each, purged by regular expression."""

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
            return answer(200 if found else 404, body=repr(found).encode())
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
    """A target goes in both schemes, every method and every variant; neighbours stay."""
    api = Souin(*KEYS, *OTHERS)
    async with server(api) as (url, _):
        purged = await purge(souin(url), target("/a/b.jpg", accept="*/*"))
    assert (purged.delivery, purged.status, purged.count) == (Delivery.VERIFIED, 204, 1)
    assert api.listed == OTHERS
    assert {key for key in api.keys if key.startswith("IDX_")} == {f"IDX_{key}" for key in OTHERS}


@pytest.mark.parametrize("key", ["GET-img.test-/a/b.jpg", "http-img.test-/a/b.jpg", "GET-http-/a/b.jpg", "/a/b.jpg"])
async def test_a_key_may_lack_parts(key: str) -> None:
    """A Souin that is set to leave method, scheme or host out of its keys is purged too."""
    api = Souin(key, *OTHERS)
    async with server(api) as (url, _):
        assert (await purge(souin(url), target("/a/b.jpg"))).delivery is Delivery.VERIFIED
    assert api.listed == OTHERS


@pytest.mark.parametrize(
    ("path", "key"),
    [("/%7Ea", "/~a"), ("/a%2Fb", "/a/b"), ("/a?", "/a"), ("/a?x=%41&y", "/a?x=%41&y"), ("//s//a", "//s//a"),
     ("/a.*[^b]$(c)|{d}+\\", "/a.*[^b]$(c)|{d}+\\"), ("/%C3%A9", "/\xe9"), ("/\xc3\xa9", "/\xe9"),
     ("/%E9.png", "/\ufffd.png"), ("/\xe4\xb8.png", "/\ufffd\ufffd.png"), ("/" + "." * 8000, "/" + "." * 8000)],
)  # fmt: skip
async def test_spellings(path: str, key: str) -> None:
    """The path is undone of its percent-encoding as Go does it, the query is not, and each byte means itself."""
    api = Souin(f"GET-https-img.test-{key}", *OTHERS)
    async with server(api) as (url, _):
        assert (await purge(souin(url), target(path))).delivery is Delivery.VERIFIED
    assert api.listed == OTHERS


async def test_nothing_listed_proves_nothing() -> None:
    """Keys of another shape, hashed ones say, are not listed: such a purge is never verified."""
    api = Souin("4f1c9e")
    async with server(api) as (url, _):
        purged = await purge(souin(url), target("/a/b.jpg"))
    assert (purged.delivery, purged.count) == (Delivery.DELIVERED, 0)
    assert "no such key is listed" in purged.detail


@pytest.mark.usefixtures("quick_confirmation")
async def test_a_storage_that_forgets_nothing_is_told() -> None:
    """Where a key is listed however often it is purged, that is an alarm, though each purge was answered with 204."""
    async with server(Souin(IMAGE, forgets=False)) as (url, _):
        purged = await purge(souin(url), target("/a/b.jpg"))
    assert purged.delivery is Delivery.REFUSED
    assert "still listed" in purged.detail


async def test_a_prefix_takes_all_below_it() -> None:
    """A prefix takes every key that begins so at its host."""
    api = Souin(*KEYS, *OTHERS)
    async with server(api) as (url, _):
        driver = souin(url)
        (purged,) = await driver.purge([prefix("/a/b.")])
        await driver.close()
    assert purged.delivery is Delivery.VERIFIED
    assert api.listed == {
        "GET-http-img.test-/a/bxjpg", "GET-http-other.test-/a/b.jpg", "GET-http-xximg.test-/a/b.jpg",
        "GET-http-img.test-/z/a/b.jpg"}  # fmt: skip


async def test_tags() -> None:
    """A tag goes out as a surrogate key where the settings say so; what it removed nobody says."""
    api = Souin(IMAGE)
    async with server(api) as (url, heads):
        without, driver = souin(url), souin(url, tags=True)
        (left,) = await without.purge([tag("ew-1")])
        assert (left.status, heads) == (0, [])
        purged = await driver.purge([tag("ew-1"), tag("ew-2")])
        await driver.close()
    assert [(each.delivery, each.status) for each in purged] == [(Delivery.DELIVERED, 204)] * 2
    assert sorted(api.tags) == ["ew-1", "ew-2"]


async def test_many_at_once() -> None:
    """Of many orders each gets its own outcome."""
    api = Souin(*(f"GET-http-img.test-/{number}" for number in range(0, 60, 2)))
    async with server(api) as (url, _):
        driver = souin(url)
        purged = await driver.purge([order(target(f"/{number}")) for number in range(60)])
        await driver.close()
    assert [each.delivery for each in purged] == [Delivery.VERIFIED, Delivery.DELIVERED] * 30
    assert api.keys == set()


@pytest.mark.usefixtures("quick_confirmation")
@pytest.mark.parametrize(
    ("raw", "delivery"),
    [(answer(200), Delivery.REFUSED), (answer(302, "Location: /"), Delivery.REFUSED), (answer(401), Delivery.REFUSED),
     (answer(404), Delivery.REFUSED), (answer(503, "Retry-After: 3"), Delivery.WAITING),
     (b"garbage\r\n\r\n", Delivery.WAITING)],
)  # fmt: skip
async def test_an_api_that_is_not_there(raw: bytes, delivery: Delivery) -> None:
    """What answers otherwise than Souin's API is a configuration error, or away."""
    async with server(lambda head, number: raw) as (url, _):
        driver = souin(url, tags=True)
        purged = await driver.purge([order(Target("http", "img.test", "/p")), prefix("/"), tag("ew-1")])
        await driver.close()
    assert [each.delivery for each in purged] == [delivery] * 3


async def test_asks_where_the_settings_say() -> None:
    """The API is asked by its own host, under its own path, with the secret."""
    async with server(lambda head, number: NO_CONTENT) as (url, heads):
        await purge(souin(url, api_path="/__cache/souin", secret="s3cret"), target("/p"))
    lines = heads[0].decode().split("\r\n")
    assert lines[0].startswith("GET /__cache/souin/^")
    assert lines[1:3] == [f"Host: {url.removeprefix('http://')}", "Edgeward-Secret: s3cret"]
