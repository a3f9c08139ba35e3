"""A host with many images beside one with few, all of them requested all the time, and some removed at once.

`python -m tests.origin_check.two_hosts` plays it in full: 5,000 and 20 images, for about a quarter of an hour. Delays
are counted in requests that the big host's origin got, too: a slow machine changes the seconds, not these.
"""

import asyncio
import hashlib
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.measurement import percentile
from tests.bench.synthetic_sightings import running
from tests.support.eventually import eventually

from edgeward.demo.origin import Origin as Site
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.origin_check.queue import ServedTarget, SweepQueue, sweep_queue
from edgeward.origin_check.sweeper import Sweeper
from edgeward.purging.orders import Orders
from edgeward.settings.config import Config
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Target

BIG, SMALL = "big.test", "small.test"
BODY = b"\xff\xd8\xff image"
IMAGE = hashlib.sha256(BODY).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Size:
    """`images` of a host, of which so many are removed."""

    images: int
    removed: int

    def targets(self, host: str) -> list[Target]:
        return [Target("http", host, f"/{host}/{number}.jpg") for number in range(self.images)]

    def removed_targets(self, host: str) -> list[Target]:
        return self.targets(host)[:: self.images // self.removed][: self.removed]


@dataclass(slots=True)
class Delays:
    """From the removals to their purges, by host: in seconds, and in requests that the big host's origin got."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {BIG: [], SMALL: []})
    requests: dict[str, list[int]] = field(default_factory=lambda: {BIG: [], SMALL: []})


class Play:
    """What both hosts serve, and what was purged of it."""

    def __init__(self, site: Site, queue: SweepQueue, orders: Orders, sizes: dict[str, Size]) -> None:
        self._site, self._queue, self._orders, self._sizes = site, queue, orders, sizes
        self._served = [target for host, size in sizes.items() for target in size.targets(host)]
        self._purged: set[Target] = set()
        self._reported_at = 0.0
        for target in self._served:
            site.put(target.path, BODY)

    def asked(self) -> int:
        """Requests that the big host's origin got."""
        return sum(self._site.sweeps[target.path] for target in self._served if target.host == BIG)

    async def report(self, pause: float) -> bool:
        """Everything that was not purged is served, once in `pause` seconds. Never true: it goes on."""
        if time.monotonic() < self._reported_at + pause:
            return False
        self._reported_at = time.monotonic()
        served = [ServedTarget(each, IMAGE, time.time()) for each in self._served if each not in self._purged]
        await self._queue.report(served, 10_000)
        return False

    async def remove(self, limit: float) -> Delays:
        """Remove some of both hosts, and wait until all of them are purged."""
        removed = {target for host, size in self._sizes.items() for target in size.removed_targets(host)}
        for target in removed:
            del self._site.resources[target.path]
        delays, started, before = Delays(), time.monotonic(), self.asked()

        async def look() -> bool:
            found = {order.target for order, _ in await self._orders.recent(10_000)} - self._purged
            for target in found:
                delays.seconds[target.host].append(time.monotonic() - started)
                delays.requests[target.host].append(self.asked() - before)
            self._purged |= found
            return self._purged >= removed

        await eventually(look, seconds=limit)
        assert self._purged == removed
        return delays


async def play(url: str, sizes: dict[str, Size], within: float, per_second: float, limit: float) -> Delays:
    """Follow all images until each was checked twice, on average; remove some; wait until all of these are purged.

    Args:
        limit: for each of the two, in seconds.
    """
    with Site() as site:
        config = Config.model_validate(
            {
                "hosts": [{"name": "*", "origin": f"http://{site.address}"}],
                "sweep": {"within_seconds": within, "per_second": per_second, "share": 1.0, "timeout_ms": 60_000},
            }
        )
        store = await Store.connect(url, "two-hosts")
        orders, queue = Orders(store), sweep_queue(config, store)
        sweeper = Sweeper(config, queue, Sightings(store, config.sightings), orders, HasherPool(config.hashing))
        playing = Play(site, queue, orders, sizes)
        serving = asyncio.create_task(eventually(lambda: playing.report(within / 8), seconds=2 * limit))
        await sweeper.start()
        try:
            await eventually(lambda: playing.asked() >= 2 * sizes[BIG].images, seconds=limit)
            return await playing.remove(limit)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await sweeper.close()
            await store.close()


def main() -> int:
    """Play it in full, and print the delays. Returns 1 if they are longer than they must be."""
    sizes = {BIG: Size(5000, 50), SMALL: Size(20, 5)}
    with tempfile.TemporaryDirectory(prefix="edgeward-two-hosts-") as name, running(Path(name)) as url:
        delays = asyncio.run(play(url, sizes, within=60.0, per_second=20.0, limit=1800.0))
    for host, seconds in delays.seconds.items():
        print(f"{host}: purged after {percentile(seconds, 0.5):.0f} s (p50), {percentile(seconds, 0.99):.0f} s (p99)")
    rate_allows = sizes[BIG].images / 20.0
    print(f"the small host must take at most 60 s, the big one about {rate_allows:.0f} s")
    return int(max(delays.seconds[SMALL]) > 60 or max(delays.seconds[BIG]) > 1.5 * rate_allows)


if __name__ == "__main__":
    sys.exit(main())
