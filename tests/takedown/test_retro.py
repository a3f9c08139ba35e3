"""Matching backwards, on a real Redis: what was served before it was listed is ordered out."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.takedown.conftest import image, target

from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.replica import Replica
from edgeward.config import SightingsSettings
from edgeward.store.connection import Store
from edgeward.takedown.orders import Orders
from edgeward.takedown.retro import Retro
from edgeward.takedown.sightings import Sightings
from edgeward.types import Cause, Change, Entry, Fingerprint, HashList, Kind, Mode, PurgeOrder, Sighting, Signal

PDQ = "0123456789abcdef" * 4
NEAR = "0123456789abcdee" + PDQ[16:]


class Bench:
    """What matching backwards works with; `retro` is not started."""

    def __init__(self, store: Store) -> None:
        self.catalogue, self.replica = Catalogue(store), Replica(store, "controller")
        self.sightings, self.orders = Sightings(store, SightingsSettings()), Orders(store)
        self.retro = Retro(store, self.replica, self.sightings, self.orders)

    async def see(self, path: str, fingerprint: Fingerprint) -> None:
        await self.sightings.write([Sighting(target(path), fingerprint, time.time(), 0)])

    async def add(self, signal: Signal, on: str = "bad") -> Change:
        return (await self.catalogue.add_entries([Entry(on, signal)], "tester", "reason"))[0]

    async def ordered(self, change: Change, seconds: float = 5) -> list[PurgeOrder]:
        """The orders that a change led to, once it has been matched."""
        deadline = time.monotonic() + seconds
        while (ids := await self.retro.orders_of(change.version)) is None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.005)
        return [(await self.orders.get(order_id))[0] for order_id in ids]

    async def paths(self, change: Change) -> list[str]:
        return sorted(order.target.path for order in await self.ordered(change))


type Start = Callable[[], Awaitable[None]]


@pytest.fixture
async def bench(store: Store) -> AsyncIterator[Bench]:
    bench = Bench(store)
    await bench.catalogue.create_list(HashList("bad"), "tester")
    await bench.replica.start()
    yield bench
    await bench.replica.close()


@pytest.fixture
async def start(bench: Bench) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def begin() -> None:
            await bench.retro.start()
            stack.push_async_callback(bench.retro.close)

        yield begin


@pytest.mark.parametrize("before", [True, False])
async def test_orders_out_what_is_listed(bench: Bench, start: Start, before: bool) -> None:
    """Every target of an image near a new entry is ordered out, seen before the start or after; nothing else is."""
    if not before:
        await start()
        await asyncio.sleep(0.05)
    listed = image("a", Signal("pdq", PDQ, 90))
    for path in ("/1", "/2"):
        await bench.see(path, listed)
    await bench.see("/other", image("b", Signal("pdq", "fe" * 32, 90)))
    if before:
        await start()
    change = await bench.add(Signal("pdq", NEAR, 90))
    found = await bench.ordered(change)
    assert sorted(order.target.path for order in found) == ["/1", "/2"]
    assert change.entry
    assert {(order.cause, order.sha256, order.entry_id, order.started_at, order.why, order.by) for order in found} == {
        (Cause.LISTING, listed.sha256, change.entry.id, change.at, "reason", "tester")
    }


async def test_nothing_seen_nothing_ordered(bench: Bench, start: Start) -> None:
    """A change that concerns no image is on record as matched, with no orders."""
    await start()
    assert await bench.ordered(await bench.add(Signal("md5", "ab" * 16))) == []
    assert await bench.retro.orders_of(9999) is None
    await asyncio.sleep(0.05)
    assert await bench.retro.version() == await bench.catalogue.version()


async def test_a_change_of_policy_counts(bench: Bench, start: Start) -> None:
    """Entries act backwards when their list begins to be enforced, and when its radius grows."""
    await start()
    await bench.see("/1", image("a", Signal("pdq", PDQ, 90)))
    watched = HashList("watched", mode=Mode.MONITOR, radius={"pdq": 0})
    await bench.catalogue.create_list(watched, "tester")
    assert await bench.paths(await bench.add(Signal("pdq", NEAR, 90), "watched")) == []
    enforced = replace(watched, mode=Mode.ENFORCE)
    assert await bench.paths(await bench.catalogue.set_list(enforced, "tester")) == []
    assert await bench.paths(await bench.catalogue.set_list(replace(enforced, radius={}), "tester")) == ["/1"]


@pytest.mark.parametrize("way", ["entry", "list", "off"])
async def test_an_allowlist_protects_until_it_goes(bench: Bench, start: Start, way: str) -> None:
    """What an allowlist holds is not ordered out, until its entry or the list is removed or switched off."""
    await start()
    fine = HashList("fine", kind=Kind.ALLOW)
    await bench.catalogue.create_list(fine, "tester")
    await bench.see("/1", image("a", Signal("pdq", PDQ, 90)))
    allowed = await bench.add(Signal("sha256", image("a").sha256), "fine")
    assert await bench.paths(await bench.add(Signal("pdq", NEAR, 90))) == []
    if way == "entry":
        assert allowed.entry
        change = await bench.catalogue.remove_entry("fine", allowed.entry.id, "tester")
    elif way == "list":
        change = await bench.catalogue.delete_list("fine", "tester")
    else:
        change = await bench.catalogue.set_list(replace(fine, mode=Mode.OFF), "tester")
    assert await bench.paths(change) == ["/1"]


async def test_a_place_that_was_trimmed_is_no_loss(bench: Bench, start: Start, store: Store) -> None:
    """When the stream of new images was trimmed beyond its place, it reads all images again."""
    await start()
    await bench.ordered(await bench.add(Signal("md5", "ab" * 16)))
    for number in range(5):
        await bench.see(f"/{number}", image(str(number)))
    await store.redis.xtrim(store.key("sightings", "new"), maxlen=1, approximate=False)
    assert await bench.paths(await bench.add(Signal("sha256", image("0").sha256))) == ["/0"]


async def test_takes_over_what_a_dead_controller_left(bench: Bench, start: Start, store: Store) -> None:
    """A change that another controller took and did not finish is matched by this one."""
    await bench.see("/1", image("a"))
    change = await bench.add(Signal("sha256", image("a").sha256))
    await bench.retro._group.ensure()
    assert await bench.retro._group.take("dead", 10, 10)
    await store.redis.execute_command(
        "XCLAIM", bench.catalogue.stream, "retro", "dead", 0, f"{change.version}-0", "IDLE", 20_000
    )
    await start()
    assert await bench.paths(change) == ["/1"]


async def test_many_at_once(bench: Bench, start: Start) -> None:
    """A batch of entries, several of one image, orders each target out once, and answers for every version."""
    await start()
    for number in range(20):
        await bench.see(f"/{number}", image(str(number), Signal("md5", f"{number:032x}")))
    signals = [signal for number in range(20) for signal in image(str(number), Signal("md5", f"{number:032x}")).signals]
    changes = await bench.catalogue.add_entries([Entry("bad", signal) for signal in signals], "tester")
    assert [await bench.paths(change) for change in changes] == [[f"/{n}"] for n in range(20) for _ in range(2)]
