"""The nginx driver against a real nginx with the configuration of deploy/."""

import http.client
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.caches.http_server import http_server, purge, response
from tests.caches.orders import order_for, prefix_order
from tests.caches.unusual_paths import UNUSUAL_PATHS
from tests.support.eventually import until
from tests.support.programs import require
from tests.support.real_caches import cached, fetch, fetch_raw, settings, target

from edgeward.caches import CacheDriver, driver_for
from edgeward.demo.caches import DEPLOY, CacheServer, Nginx
from edgeward.settings.cache_settings import parse_cache
from edgeward.types import Delivery, Target

SLICE = 1000
LONG = b"/s/" + b"a" * 3000
"""About as long as nginx stores with its proxy_buffer_size of 4k: a longer key is never cached."""


class Ranges(BaseHTTPRequestHandler):
    """An origin with range support. The path says how long a body is. No two responses are equal."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    serial = 0

    def do_GET(self) -> None:
        Ranges.serial += 1
        size = int(self.path.split("/")[2])
        first, last = map(int, re.findall(r"\d+", self.headers["Range"]))
        body = str(Ranges.serial).encode().ljust(min(last + 1, size) - first)
        self.send_response(206)
        self.send_header("Cache-Control", "max-age=1000")
        self.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/{size}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    """An nginx that stores slices of 1,000 bytes."""
    require("nginx")
    origin = ThreadingHTTPServer(("127.0.0.1", 0), Ranges)
    thread = threading.Thread(target=origin.serve_forever, daemon=True)
    thread.start()
    cache = Nginx(tmp_path_factory.mktemp("slices"), ("127.0.0.1", origin.server_address[1]))
    cache.slice_bytes = SLICE
    with cache:
        yield cache
    origin.shutdown()
    origin.server_close()
    thread.join(5)


def store(cache: CacheServer, path: str, accept: str = "*/*") -> bytes:
    """Fetch until the cache serves it: nginx moves a file into place only after its last byte was delivered."""
    until(lambda: fetch(cache, path, accept)[1] == "HIT", f"{path} is stored")
    return fetch(cache, path, accept)[0]


async def test_purges_the_target_and_nothing_else(nginx: CacheServer) -> None:
    """A purge removes its target, is verified, and leaves neighbours and other queries alone."""
    for path in ("/p", "/p?a=1", "/px"):
        store(nginx, path)
    purged = await purge(driver_for(settings(nginx)), target("/p"))
    assert (purged.delivery, purged.count) == (Delivery.VERIFIED, 1)
    assert not cached(nginx, "/p")
    assert cached(nginx, "/p?a=1")
    assert cached(nginx, "/px")


async def test_removes_every_variant(nginx: CacheServer) -> None:
    """All variants of a response with Vary are removed, though nginx keeps a file for each."""
    accepts = ("image/avif,image/webp", "image/webp", "*/*")
    for accept in accepts:
        store(nginx, "/vary", accept)
    purged = await purge(driver_for(settings(nginx)), target("/vary", accept="*/*"))
    assert (purged.delivery, purged.count) == (Delivery.VERIFIED, 3)
    assert [cached(nginx, "/vary", accept) for accept in accepts] == [False, False, False]


@pytest.mark.parametrize(
    "path", [*(path for path in UNUSUAL_PATHS if b"#" not in path and len(path) < 4000), b"/s/" + b"a" * 3000]
)
async def test_purges_byte_for_byte(nginx: CacheServer, path: bytes) -> None:
    """Whatever form the request target has, the purge finds the file stored under it."""
    assert fetch_raw(nginx, path)[0] == 200
    # The origin answers each fetch otherwise: two equal responses came from the cache.
    until(lambda: fetch_raw(nginx, path) == fetch_raw(nginx, path), "it is stored")
    first = fetch_raw(nginx, path)
    purged = await purge(driver_for(settings(nginx)), target(path.decode("latin-1")))
    assert purged.count == 1
    assert fetch_raw(nginx, path) != first


async def test_secret(cold: Callable[..., CacheServer]) -> None:
    """With a secret set, a purge without it is refused and removes nothing."""
    cache = cold(Nginx, secret="open sesame")
    cache.start()
    store(cache, "/p")
    for wrong in ("", "open"):
        refused = await purge(driver_for(settings(cache, secret=wrong)), target("/p"))
        assert (refused.delivery, refused.status) == (Delivery.REFUSED, 403)
    assert cached(cache, "/p")
    assert (await purge(driver_for(settings(cache, secret="open sesame")), target("/p"))).count == 1


async def test_a_listener_without_variants_is_not_trusted(cold: Callable[..., CacheServer]) -> None:
    """Without the header of our listener only removed objects without Vary are verified."""
    cache = cold(Nginx)
    cache.start()
    # The listener for clients: an ordinary server that names no variants.
    driver = driver_for(settings(cache).model_copy(update={"url": cache.url}))
    purged = await purge(driver, target("/p"))
    assert purged.delivery is Delivery.WAITING
    assert "does not purge" in purged.detail
    assert purged.count is None  # what it answered with 200 may have been served, and not removed


async def test_equal_orders_find_the_same_copy(nginx: CacheServer) -> None:
    """Two listings may order the same purge at the same time, and a takedown one for each scheme, which a key has not:
    one has the count, and none says that there was nothing."""
    store(nginx, "/twice", "image/webp")
    driver = driver_for(settings(nginx))
    secure = replace(target("/twice"), scheme="https")
    purged = await driver.purge([order_for(each) for each in (target("/twice"), secure, target("/twice"))])
    await driver.close()
    assert [(each.delivery, each.count) for each in purged] == [(Delivery.VERIFIED, count) for count in (1, None, None)]


@pytest.mark.usefixtures("no_stall_limit")
async def test_a_batch_is_purged_together(nginx: CacheServer) -> None:
    """Each order of a batch gets its own outcome: removed, never there, or impossible to send."""
    for number in range(0, 90, 3):
        store(nginx, f"/batch/{number}", "image/webp")
    driver = driver_for(settings(nginx))
    bad, *purged = await driver.purge(
        [order_for(target(path)) for path in ("/a b", *(f"/batch/{n}" for n in range(90)))]
    )
    await driver.close()
    assert bad.delivery is Delivery.REFUSED
    assert {each.delivery for each in purged} == {Delivery.VERIFIED}
    assert [each.count for each in purged] == [1, 0, 0] * 30


@pytest.mark.usefixtures("no_stall_limit")
@pytest.mark.parametrize("known", [True, False])
async def test_every_slice_is_removed(slices: CacheServer, known: bool) -> None:
    """All slices of an image are removed in every variant; another image's stay. Verified if the size is known."""
    path, size = f"/{known}/9500", 9500
    accepts = ("image/webp", "*/*")
    before = [store(slices, path, accept) for accept in accepts]
    store(slices, "/other/9500")
    purged = await purge(_sliced(slices), Target("http", "img.test", path, size=size if known else 0))
    assert (purged.delivery, purged.count) == (Delivery.VERIFIED if known else Delivery.DELIVERED, 20)
    assert not {*b"".join(before).split()} & {*b"".join(fetch(slices, path, accept)[0] for accept in accepts).split()}
    assert (await purge(_sliced(slices), Target("http", "img.test", "/other/9500"))).count == 10


@pytest.mark.usefixtures("no_stall_limit")
async def test_a_missing_slice_is_not_the_end(slices: CacheServer) -> None:
    """With only some slices cached, those behind a missing one are removed too: up to the known size, or, where that is
    not known, behind a few dozen missing ones."""
    for size, delivery in ((30500, Delivery.VERIFIED), (0, Delivery.DELIVERED)):
        path = f"/holes{size}/30500"
        for part in ("0-10", "29000-29010"):
            _store_range(slices, path, part)
        purged = await purge(_sliced(slices), Target("http", "img.test", path, size=size))
        assert (purged.delivery, purged.count) == (delivery, 2)


@pytest.mark.usefixtures("no_stall_limit")
async def test_an_image_that_has_grown_leaves_nothing(slices: CacheServer) -> None:
    """Slices beyond the known size are removed as well, as long as they follow one another."""
    store(slices, "/grown/8000")
    purged = await purge(_sliced(slices), Target("http", "img.test", "/grown/8000", size=1500))
    assert (purged.delivery, purged.count) == (Delivery.VERIFIED, 8)


@pytest.mark.usefixtures("no_stall_limit")
async def test_slices_without_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that claims to have every slice does not keep the driver busy forever."""
    monkeypatch.setattr("edgeward.caches.nginx.MAX_SLICES", 300)
    answers: dict[str, int] = {}

    def reply(head: bytes, _: int) -> bytes:
        name = head.partition(b"Edgeward-Slice: ")[2].partition(b"\r\n")[0].decode()
        answers[name] = answers.get(name, 0) + 1
        return response(200 if answers[name] % 2 else 404)

    async with http_server(reply) as (url, _):
        driver = driver_for(parse_cache({"name": "n", "driver": "nginx", "url": url, "slice_bytes": 1}))
        purged = await purge(driver, target("/p"))
    assert purged.delivery is Delivery.REFUSED
    assert "slice_bytes is too small" in purged.detail


@pytest.mark.parametrize(
    ("raw", "delivery"),
    [(response(302, "Location: /"), Delivery.REFUSED), (response(429, "Retry-After: 3"), Delivery.WAITING),
     (response(502), Delivery.WAITING), (b"garbage\r\n\r\n", Delivery.WAITING), (response(200), Delivery.WAITING),
     (response(404), Delivery.REFUSED), (response(404, "Server: nginx/1.22.1"), Delivery.REFUSED),
     (response(404, "Edgeward-Variants: std"), Delivery.VERIFIED), (response(412), Delivery.VERIFIED)],
)  # fmt: skip
async def test_responses_that_prove_nothing(raw: bytes, delivery: Delivery) -> None:
    """A node that redirects, is overloaded, sends garbage or accepts everything is never verified. A 404 is a yes only
    where the purge listener names its variants; 412 is a status of a purge module alone."""
    async with http_server(lambda head, number: raw) as (url, _):
        driver = driver_for(parse_cache({"name": "n", "driver": "nginx", "url": url}))
        purged = await purge(driver, target("/p"))
    assert purged.delivery is delivery
    assert purged.retry_after == (3.0 if b"429" in raw else None)


async def test_what_answers_in_place_of_the_listener_is_named() -> None:
    """With the line that the purge listener needs."""
    async with http_server(lambda head, number: response(404, "Server: Caddy")) as (url, _):
        purged = await purge(driver_for(parse_cache({"name": "n", "driver": "nginx", "url": url})), target("/p"))
    assert "status 404 from 'Caddy' without Edgeward-Variants" in purged.detail
    assert 'add_header Edgeward-Variants "std avif webp" always;' in purged.detail


async def test_a_node_that_is_down(cold: Callable[..., CacheServer]) -> None:
    """The order waits while nginx is down; when it is back with its files, the image is removed."""
    cache = cold(Nginx)
    cache.start()
    store(cache, "/p")
    cache.kill()
    assert (await purge(driver_for(settings(cache)), target("/p"))).delivery is Delivery.WAITING
    cache.start()
    assert cached(cache, "/p")
    assert (await purge(driver_for(settings(cache)), target("/p"))).count == 1
    assert not cached(cache, "/p")


async def test_prefixes_are_left_to_the_targets(nginx: CacheServer) -> None:
    """The module does not purge by prefix: such an order changes nothing."""
    store(nginx, "/prefix/1")
    driver = driver_for(settings(nginx))
    (purged,) = await driver.purge([prefix_order("/prefix/")])
    assert (purged.delivery, purged.status) == (Delivery.UNSUPPORTED, 0)
    assert cached(nginx, "/prefix/1")


@pytest.mark.parametrize("name", ["edgeward-cache.conf", "edgeward-slice.conf"])
def test_the_listener_names_the_variants_of_the_map(name: str) -> None:
    """The purge listener announces exactly the tokens that the cache key is made of."""
    text = (DEPLOY / "nginx" / "edgeward-cache.conf").read_text()
    tokens = re.search(r"map \$http_accept \$edgeward_variant \{(.*?)\}", text, re.DOTALL)
    announced = re.search(r'Edgeward-Variants "(.*?)"', (DEPLOY / "nginx" / name).read_text())
    assert tokens and announced
    assert sorted(announced[1].split()) == sorted(re.findall(r"(\w+);", tokens[1]))


def _sliced(cache: CacheServer) -> CacheDriver:
    return driver_for(settings(cache, slice_bytes=SLICE))


def _store_range(cache: CacheServer, path: str, part: str) -> None:
    until(lambda: _fetch_range(cache, path, part) == "HIT", f"bytes {part} of {path} are stored")


def _fetch_range(cache: CacheServer, path: str, part: str) -> str:
    """GET a range; return X-Cache."""
    connection = http.client.HTTPConnection(*cache.address, timeout=60)
    connection.request("GET", path, headers={"Host": "img.test", "Range": f"bytes={part}"})
    response = connection.getresponse()
    assert response.read()
    connection.close()
    return response.headers.get("X-Cache", "")
