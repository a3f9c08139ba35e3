"""Controllers whose clocks are wrong, as processes of their own."""

import asyncio
import itertools
import os
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.purging.samples import finish, plain_order
from tests.support.eventually import until
from tests.support.faked_controller import FakedController

from edgeward.purging.orders import Orders
from edgeward.store.connection import Store

DAY = 86400.0
REPEAT_SECONDS = (1.0, 2.5)
_numbers = itertools.count()


class Purged(ThreadingHTTPServer):
    """A cache that notes when each path was purged (time.monotonic)."""

    def __init__(self) -> None:
        self.times: defaultdict[str, list[float]] = defaultdict(list)
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Purged)
        self.server.times[self.path].append(time.monotonic())
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cache() -> Iterator[Purged]:
    server = Purged()
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def namespace() -> str:
    return f"clocks{os.getpid()}-{next(_numbers)}"


def settings(redis_url: str, namespace: str, cache: Purged) -> str:
    return f"""
[store]
url = "{redis_url}"
namespace = "{namespace}"
timeout_ms = 20000
[purge]
repeat_seconds = {list(REPEAT_SECONDS)}
[[caches]]
name = "edge"
driver = "generic"
url = "{cache.url}"
path = "/purge{{path}}"
"""


def in_store[T](redis_url: str, namespace: str, use: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        store = await Store.connect(redis_url, namespace, timeout_ms=20_000)
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(run())


def test_every_repeat_happens(redis_url: str, namespace: str, cache: Purged, tmp_path: Path) -> None:
    """Whichever of two controllers purges first, and whichever repeats: their clocks differ by ten seconds. The last
    repeat comes when it is due. One that is late stands for those it overtook."""
    text = settings(redis_url, namespace, cache)

    async def place(store: Store) -> None:
        for number in range(40):
            await Orders(store).place([plain_order(f"/{number}")])

    one, two = FakedController(tmp_path / "one", text, ""), FakedController(tmp_path / "two", text, "+10s")
    with one, two:
        in_store(redis_url, namespace, place)
        until(lambda: len(cache.times) == 40 and all(map(_is_repeated, cache.times.values())), "every repeat", 100)


def _is_repeated(times: Sequence[float]) -> bool:
    return len(times) > 1 and times[-1] - times[0] >= REPEAT_SECONDS[-1]


def test_a_controller_that_is_a_month_ahead_destroys_nothing(
    redis_url: str, namespace: str, cache: Purged, tmp_path: Path
) -> None:
    """What a cache owes that is configured elsewhere, the orders and their outcomes stay; doctor and log say why."""

    async def owe(store: Store) -> list[str]:
        orders = Orders(store)
        ids = await orders.place([plain_order("/done"), plain_order("/owed")])
        for name in ("edge", "second"):
            await orders.ensure_group(name)
            await orders.take(name, "c", 2, 10)
            await finish(orders, name, ids[0])
        return ids

    async def owed(store: Store) -> tuple[list[str], int, int]:
        orders = Orders(store)
        recent = await orders.recent()
        return [order.id for order, _ in recent], len(recent[-1][1]), (await orders.pending("second"))[0]

    ids = in_store(redis_url, namespace, owe)
    with FakedController(tmp_path / "ahead", settings(redis_url, namespace, cache), "+32d") as controller:
        until(lambda: "nothing is removed for its age" in controller.log, "a line in the log")
        findings = controller.api.post("/doctor", {}).json["findings"]
        assert "fail" in {each["health"] for each in findings if each["about"] == "clock"}
        assert in_store(redis_url, namespace, owed) == (ids[::-1], 2, 1)
        metrics = controller.api.get("/metrics").body.decode()
        (skew,) = [line for line in metrics.splitlines() if line.startswith("edgeward_clock_skew_seconds")]
        assert float(skew.split()[-1]) > 31 * DAY
