"""Purges per second at one local Varnish: by its driver alone, and from orders in the stream to outcomes on record."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from itertools import batched, count
from pathlib import Path

from tests.bench.measurement import Budget, Effort, Row, Section, interleaved, quantity
from tests.bench.synthetic_sightings import keep_on_disk, running

from edgeward.caches import driver_for
from edgeward.caches.raw_http import RawHttpClient, RawHttpRequest
from edgeward.caches.response_parser import HttpResponse
from edgeward.demo.caches import Varnish
from edgeward.demo.caches.base import free_port
from edgeward.errors import Unavailable
from edgeward.purging.orders import Orders
from edgeward.purging.purger import Purger
from edgeward.settings.cache_settings import parse_cache
from edgeward.settings.config import PurgeSettings
from edgeward.store.connection import Store
from edgeward.types import Cause, Delivery, PurgeOrder, Target

NAME = "varnish"
HOST = "photos.example"
ACCEPT = (("accept", "image/avif,image/webp,*/*;q=0.8"),)
SECONDS = 60.0
BATCH_SIZE = 2000
"""Objects that are requested together to fill the cache."""
PURGES = Budget(">=", 10_000)
SYNTHETIC = """
sub vcl_backend_error {
  set beresp.status = 200;
  set beresp.ttl = 1h;
  synthetic("a picture");
  return (deliver);
}
"""


class FullVarnish(Varnish):
    """Varnish with deploy/varnish/default.vcl that answers and stores every request by itself, without an origin."""

    def _command(self) -> list[str]:
        command = super()._command()
        with (self.directory / "default.vcl").open("a") as vcl:
            vcl.write(SYNTHETIC)
        return command


def measure(effort: Effort) -> Section:
    """Each in turn purges objects of its own that Varnish holds."""
    objects = 100 * effort.listings
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name, running(Path(name)) as store:
        asyncio.run(keep_on_disk(store))
        with FullVarnish(Path(name) / NAME, ("127.0.0.1", free_port())) as cache:
            turn = Turn(cache, store, objects)
            driver, purger, loop = interleaved((turn.driver, turn.purger, turn.loop), 0, effort.rounds)
    how = (
        f"{objects:,} objects a round, all of them in Varnish; medians of rounds in which all take turns. Verified: "
        "each is purged until Varnish says that nothing is left, so at least twice. Driver: the orders are in memory. "
        "End to end: from the start of a purger, which finds the orders in the stream, to the last outcome on record, "
        "in a store that has each change on disk before it answers. Against: a bare loop with http.client on one "
        "keep-alive connection, which purges each once and asks no further."
    )
    rows = [_row("driver", driver, loop), _row("end to end", purger, loop)]
    return Section("Purges a second", how, rows)


def _row(what: str, ours: Sequence[float], loop: Sequence[float]) -> Row:
    rate, other = statistics.median(ours), statistics.median(loop)
    against = f"{quantity(other, '/s')} ({quantity(rate / other)} x)"
    return Row(f"Verified purges, {what}", quantity(rate, "/s"), against, rate, "/s", PURGES)


class Turn:
    """Fills the cache with new objects and purges them in one of three ways. Each returns objects per second."""

    def __init__(self, cache: Varnish, store: str, objects: int) -> None:
        self._cache, self._store, self._objects = cache, store, objects
        self._settings = parse_cache(cache.section(NAME))
        self._turns = count()

    def driver(self) -> float:
        """By the driver."""
        return self._objects / asyncio.run(self._by_driver())

    def purger(self) -> float:
        """By a purger, from the stream of orders to the record."""
        return self._objects / asyncio.run(self._by_purger())

    def loop(self) -> float:
        """By a bare loop."""
        orders = asyncio.run(self._fill())
        connection = HTTPConnection(*self._cache.address)
        began = time.perf_counter()
        for order in orders:
            connection.request("PURGE", order.target.path, headers={"Host": HOST, **dict(ACCEPT)})
            connection.getresponse().read()
        seconds = time.perf_counter() - began
        connection.close()
        return self._objects / seconds

    async def _by_driver(self) -> float:
        orders, driver = await self._fill(), driver_for(self._settings)
        began = time.perf_counter()
        purged = await driver.purge(orders)
        seconds = time.perf_counter() - began
        await driver.close()
        if not all(each.delivery is Delivery.VERIFIED and each.count for each in purged):
            raise Unavailable("a purge was not verified, or found nothing")
        return seconds

    async def _by_purger(self) -> float:
        placed = await self._fill()
        store = await Store.connect(self._store, f"turn{next(self._turns)}")
        orders = Orders(store)
        await orders.ensure_group(NAME)
        ids = await orders.place(placed)
        purger = Purger(orders, self._settings, driver_for(self._settings), PurgeSettings(), [self._settings])
        began = time.perf_counter()
        await purger.start()
        owed = await orders.wait_done(ids, [NAME], SECONDS)
        seconds = time.perf_counter() - began
        await purger.close()
        outcomes = [outcomes[NAME].delivery for _, outcomes in await orders.get_many(ids)] if not owed else []
        await store.redis.flushall()
        await store.close()
        if outcomes != [Delivery.VERIFIED] * self._objects:
            raise Unavailable("a purge was not verified")
        return seconds

    async def _fill(self) -> list[PurgeOrder]:
        """Fill the cache with objects; returns orders to purge them."""
        turn = next(self._turns)
        targets = [Target("http", HOST, f"/{turn}/{number}.jpg", ACCEPT) for number in range(self._objects)]
        client = RawHttpClient(self._cache.url, SECONDS)
        for some in batched(targets, BATCH_SIZE):
            replies = await client.ask_many([RawHttpRequest("GET", HOST, target.path, ACCEPT) for target in some])
            if not all(isinstance(reply, HttpResponse) and reply.status == 200 for reply in replies):
                raise Unavailable("Varnish did not store")
        client.close()
        return [PurgeOrder(target, Cause.MANUAL, time.time()) for target in targets]
