"""Origin removal: the time from the removal of an image at its origin to its purge, while it is still requested."""

import asyncio
import hashlib
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.measurement import Budget, Effort, Row, Section, percentile, quantity
from tests.bench.synthetic_sightings import running
from tests.support.eventually import eventually

from edgeward.demo.origin import Origin as Site
from edgeward.errors import Unavailable
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.origin_check import served_reporter, sweeper
from edgeward.origin_check.queue import sweep_queue
from edgeward.origin_check.served_reporter import ServedReporter
from edgeward.origin_check.sweeper import Sweeper
from edgeward.purging.orders import Orders
from edgeward.settings.config import Config, SweepSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Target

SPEED = 4.0
"""The clock of the measurement: seconds of the origin check that pass in one."""
WORKERS = 2
HOSTS = 4
RATE = 400.0 * HOSTS
"""Images delivered a second, by all workers."""
IMAGES = 100 * HOSTS
"""As many of each host."""
ZIPF_EXPONENT = 0.9
"""The popularity of a host's images in caches: the n-th is requested n ** -0.9 times as often as the first (Breslau
1999)."""
WARM_UP_SECONDS = 100.0
SETTLED_SECONDS = 200.0
"""After this time most images must be purged; one that is not counts with all of it."""
LONGEST_SECONDS = 600.0
MEDIAN, WORST, SHARE = Budget("<=", 15), Budget("<=", 60), Budget("<=", 0.01)


@dataclass(slots=True)
class Traffic:
    """What is delivered. `removed` and `purged`: when an image was, by its number, on the clock of the measurement."""

    delivered: int = 0
    removed: dict[int, float] = field(default_factory=dict)
    purged: dict[int, float] = field(default_factory=dict)


def measure(effort: Effort) -> Section:
    """Some hosts, images of different popularity, and removals of random images, each as likely as any other."""
    removals = 240 if effort.rounds > 2 else 100
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name, running(Path(name)) as url:
        traffic, asked = asyncio.run(_play(url, removals))
    delays = [traffic.purged.get(number, at + SETTLED_SECONDS) - at for number, at in traffic.removed.items()]
    popularity = _popularity()
    by_request = _weighted(delays, [popularity[number] for number in traffic.removed])
    how = (
        f"{HOSTS} hosts of {IMAGES // HOSTS} images each, requested {RATE:.0f} times a second in all, with the "
        f"popularity of images in caches (Zipf, exponent {ZIPF_EXPONENT:g}), reported by {WORKERS} workers; settings "
        f"as by default. {removals} of them, each as likely as any other, are removed at random times. Time until the "
        "purge order is placed. By request: each image counts as often as it is requested. All periods are shortened "
        f"{SPEED:g} times and the results multiplied by that, so the costs of the computer count {SPEED:g} times."
    )
    rows = [
        Row("Removal to purge, p50", quantity(percentile(delays, 0.5), "s"), "", percentile(delays, 0.5), "s", MEDIAN),
        Row("Removal to purge, p99", quantity(percentile(delays, 0.99), "s"), "", percentile(delays, 0.99), "s", WORST),
        Row("Removal to purge by request, p50", quantity(by_request, "s"), "", by_request, "s", MEDIAN),
        Row("Requests to the origin for each image delivered", quantity(asked / traffic.delivered), "",
            asked / traffic.delivered, "", SHARE),
    ]  # fmt: skip
    return Section("Removed at the origin", how, rows)


def _popularity() -> list[float]:
    """Of each image, by its number: the numbers of the most popular ones of all hosts come first."""
    weights = [(number // HOSTS + 1) ** -ZIPF_EXPONENT for number in range(IMAGES)]
    return [weight / sum(weights) for weight in weights]


def _weighted(values: Sequence[float], weights: Sequence[float]) -> float:
    """The median of `values`, each counted by its weight."""
    half, seen = sum(weights) / 2, 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        seen += weight
        if seen >= half:
            return value
    raise Unavailable("nothing was measured")


@contextmanager
def _faster() -> Iterator[SweepSettings]:
    """The default settings and all periods of the origin check, SPEED times as short."""
    usual = SweepSettings()
    settings = usual.model_copy(
        update={"within_seconds": usual.within_seconds / SPEED, "per_second": usual.per_second * SPEED}
    )
    periods: dict[Any, tuple[str, ...]] = {
        served_reporter: ("REPORT_SECONDS",),
        sweeper: ("TICK_SECONDS", "AFTER_PAUSE_SECONDS"),
    }
    with ExitStack() as stack:
        for module, names in periods.items():
            for name in names:
                value = getattr(module, name)
                stack.callback(setattr, module, name, value)
                faster = tuple(each / SPEED for each in value) if isinstance(value, tuple) else value / SPEED
                setattr(module, name, faster)
        yield settings


async def _play(url: str, removals: int) -> tuple[Traffic, int]:
    """Deliver, remove and wait. Returns what happened, and the requests that the origin got."""
    traffic = Traffic()
    with _faster() as settings, Site() as site:
        config = Config.model_validate({"hosts": [{"name": "*", "origin": f"http://{site.address}"}]})
        config = config.model_copy(update={"sweep": settings})
        store = await Store.connect(url, "removal")
        reporters = [ServedReporter(sweep_queue(config, store), settings) for _ in range(WORKERS)]
        orders = Orders(store)
        pool = HasherPool(config.hashing)
        controller = Sweeper(config, sweep_queue(config, store), Sightings(store, config.sightings), orders, pool)
        bodies = [f"image {number}".encode() for number in range(IMAGES)]
        for number, body in enumerate(bodies):
            site.put(_path(number), body)
        for part in (*reporters, controller):
            await part.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_deliver(traffic, reporters, bodies, removals))
                group.create_task(_remove(traffic, site, removals))
                group.create_task(_watch(traffic, orders, removals))
        finally:
            for part in (*reporters, controller):
                await part.close()
            await store.close()
        return traffic, sum(site.sweeps.values())


def _path(number: int) -> str:
    return f"/{number}.jpg"


def _clock() -> float:
    return time.monotonic() * SPEED


def _is_over(traffic: Traffic, removals: int) -> bool:
    """Whether all removals were purged, or the time for that has passed."""
    if len(traffic.removed) < removals:
        return False
    return len(traffic.purged) == removals or _clock() - max(traffic.removed.values()) > SETTLED_SECONDS


async def _deliver(
    traffic: Traffic, reporters: Sequence[ServedReporter], bodies: Sequence[bytes], removals: int
) -> None:
    """Deliver images at random, RATE a second. One that was purged is not delivered any more: its origin has it not."""
    digests = [hashlib.sha256(body).hexdigest() for body in bodies]
    numbers, weights = range(IMAGES), _popularity()
    last = _clock()

    def deliver() -> bool:
        nonlocal last
        count, last = round((_clock() - last) * RATE), _clock()
        for number in random.choices(numbers, weights, k=count):
            if number not in traffic.purged:
                reporter = random.choice(reporters)
                reporter.note(Target("http", f"img{number % HOSTS}.test", _path(number)), digests[number])
                traffic.delivered += 1
        return _is_over(traffic, removals)

    await eventually(deliver, seconds=LONGEST_SECONDS)


async def _remove(traffic: Traffic, site: Site, removals: int) -> None:
    """Remove images at the origin at random times within as long as the warm-up."""
    await asyncio.sleep(WARM_UP_SECONDS / SPEED)
    for number in random.sample(range(IMAGES), removals):
        await asyncio.sleep(random.expovariate(removals / WARM_UP_SECONDS) / SPEED)
        del site.resources[_path(number)]
        traffic.removed[number] = _clock()


async def _watch(traffic: Traffic, orders: Orders, removals: int) -> None:
    """Note when each removed image was ordered to be purged."""

    async def look() -> bool:
        for order, _ in await orders.recent(IMAGES):
            number = int(order.target.path.strip("/").removesuffix(".jpg"))
            traffic.purged.setdefault(number, _clock())
        return _is_over(traffic, removals)

    await eventually(look, seconds=LONGEST_SECONDS)
