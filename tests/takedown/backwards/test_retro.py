"""Matching backwards, on a real Redis: what was served before it was listed is ordered out."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.takedown.conftest import image, target, until

from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.replica import Replica
from edgeward.config import SightingsSettings
from edgeward.errors import StoreUnavailable
from edgeward.store.connection import Store
from edgeward.takedown.backwards import hindsight
from edgeward.takedown.backwards import retro as retro_module
from edgeward.takedown.backwards.progress import Progress
from edgeward.takedown.backwards.retro import Retro
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.seen.sightings import Sightings
from edgeward.types import (
    Action,
    Cause,
    Change,
    Entry,
    Fingerprint,
    HashList,
    Kind,
    Mode,
    PurgeOrder,
    Scope,
    Sighting,
    Signal,
    View,
    image_tag,
)

PDQ = "0123456789abcdef" * 4
NEAR = "0123456789abcdee" + PDQ[16:]


class Bench:
    """What matching backwards works with; `retro` is not started."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.catalogue, self.replica = Catalogue(store), Replica(store, "controller")
        self.sightings, self.orders = Sightings(store, SightingsSettings()), Orders(store)
        self.retro = self.another("one")

    def another(self, consumer: str, tags: bool = False) -> Retro:
        """One more controller's."""
        return Retro(self.store, self.replica, self.sightings, self.orders, consumer, tags)

    async def see(self, path: str, fingerprint: Fingerprint) -> None:
        await self.sightings.write([Sighting(target(path), fingerprint, time.time(), 0)])

    async def add(self, signal: Signal, on: str = "bad") -> Change:
        return (await self.catalogue.add_entries([Entry(on, signal)], "tester", "reason"))[0]

    async def ordered(self, change: Change) -> list[PurgeOrder]:
        """The orders that a change led to, once it has been matched."""
        await until(lambda: self.is_matched(change.version))
        return [order for order, _ in await self.orders.of(await self.retro.orders_of(change.version) or [])]

    async def is_matched(self, version: int) -> bool:
        return await self.retro.orders_of(version) is not None

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
        await until(lambda: bench.retro.ready)
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

    async def reached() -> bool:
        return await bench.retro.version() == await bench.catalogue.version()

    await until(reached)


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


async def test_views_that_a_list_asks_for_count(bench: Bench, start: Start) -> None:
    """An entry finds what was seen turned or searched for where its list asks for that, at once or when it begins to;
    lists that do not ask leave it alone."""
    await start()
    await bench.see("/turned", image("a", Signal("pdq", "fe" * 32, 90), Signal("pdq", PDQ, 90, View.TURNED)))
    await bench.see("/searched", image("b", Signal("pdq", "fe" * 32, 90), Signal("pdq", PDQ, 90, View.SEARCHED)))
    assert await bench.paths(await bench.add(Signal("pdq", NEAR, 90))) == []
    turning = HashList("bad", rotations=True)
    assert await bench.paths(await bench.catalogue.set_list(turning, "tester")) == ["/turned"]
    both = replace(turning, geometry=True)
    assert "/searched" in await bench.paths(await bench.catalogue.set_list(both, "tester"))
    await bench.catalogue.create_list(HashList("more", geometry=True), "tester")
    assert "/searched" in await bench.paths(await bench.add(Signal("pdq", PDQ, 90), "more"))


async def test_an_allowlist_that_asks_for_less_protects_less(bench: Bench, start: Start) -> None:
    """What an allowlist protected by a view goes when it no longer asks for that."""
    await start()
    fine = HashList("fine", kind=Kind.ALLOW, rotations=True)
    await bench.catalogue.create_list(fine, "tester")
    await bench.see("/1", image("a", Signal("pdq", "fe" * 32, 90), Signal("pdq", PDQ, 90, View.TURNED)))
    await bench.add(Signal("pdq", NEAR, 90), "fine")
    assert await bench.paths(await bench.add(Signal("sha256", image("a").sha256))) == []
    assert await bench.paths(await bench.catalogue.set_list(replace(fine, rotations=False), "tester")) == ["/1"]


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
    await store.redis.xtrim(store.key("{seen}", "new"), maxlen=1, approximate=False)
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
        await bench.see(f"/{number}", image(str(number), Signal("md5", f"{number:016x}" * 2)))
    signals = [
        signal for number in range(20) for signal in image(str(number), Signal("md5", f"{number:016x}" * 2)).signals
    ]
    changes = await bench.catalogue.add_entries([Entry("bad", signal) for signal in signals], "tester")
    assert [await bench.paths(change) for change in changes] == [[f"/{n}"] for n in range(20) for _ in range(2)]


async def placed(bench: Bench) -> list[str]:
    """Paths of all orders placed so far."""
    return sorted(order.target.path for order, _ in await bench.orders.recent(1000))


async def test_less_reach_lists_nothing_new(bench: Bench, start: Start) -> None:
    """A lowered radius and another action order nothing; a raised radius orders only what it newly reaches to go."""
    await start()
    await bench.see("/near", image("a", Signal("pdq", NEAR, 90)))
    await bench.see("/far", image("b", Signal("pdq", "0f" + PDQ[2:], 90)))
    bad = HashList("bad", radius={"pdq": 2})
    await bench.catalogue.set_list(bad, "tester")
    assert await bench.paths(await bench.add(Signal("pdq", PDQ, 90))) == ["/near"]
    for less in (replace(bad, radius={"pdq": 1}), replace(bad, radius={"pdq": 1}, action=Action.GONE)):
        assert await bench.paths(await bench.catalogue.set_list(less, "tester")) == []
    more = await bench.catalogue.set_list(replace(bad, radius={"pdq": 31}), "tester")
    assert "/far" in await bench.paths(more)


async def test_what_left_an_allowlist_before_its_radius_fell_is_found(bench: Bench, start: Start) -> None:
    """Radius lowered, entry removed, list deleted, all before any of it was matched: what they protected goes."""
    fine = HashList("fine", kind=Kind.ALLOW, radius={"pdq": 40})
    await bench.catalogue.create_list(fine, "tester")
    far = "0f" * 4 + PDQ[8:]
    await bench.see("/removed", image("a", Signal("pdq", far, 90), Signal("md5", "ab" * 16)))
    await bench.see("/deleted", image("b", Signal("pdq", "1e" * 32, 90), Signal("md5", "cd" * 16)))
    removed = await bench.add(Signal("pdq", PDQ, 90), "fine")
    await bench.add(Signal("pdq", "1f" * 16 + "1e" * 16, 90), "fine")
    await bench.add(Signal("md5", "ab" * 16))
    await bench.add(Signal("md5", "cd" * 16))
    await start()
    await bench.ordered((await bench.catalogue.changes(0, 1000))[-1])
    assert await placed(bench) == []
    await bench.retro.close()
    lowered = await bench.catalogue.set_list(replace(fine, radius={"pdq": 0}), "tester")
    assert removed.entry
    gone = await bench.catalogue.remove_entry("fine", removed.entry.id, "tester")
    deleted = await bench.catalogue.delete_list("fine", "tester")
    await start()
    found = [path for change in (lowered, gone, deleted) for path in await bench.paths(change)]
    assert sorted(set(found)) == ["/deleted", "/removed"]


async def test_a_list_made_anew_under_its_name_hides_nothing(bench: Bench, start: Start) -> None:
    """Images that a deleted allowlist protected go, also where a list of its name is there again by then."""
    fine = HashList("fine", kind=Kind.ALLOW)
    await bench.catalogue.create_list(fine, "tester")
    await bench.see("/1", image("a", Signal("pdq", PDQ, 90)))
    await bench.add(Signal("sha256", image("a").sha256), "fine")
    await bench.add(Signal("pdq", NEAR, 90))
    deleted = await bench.catalogue.delete_list("fine", "tester")
    await bench.catalogue.create_list(HashList("fine"), "tester")
    await start()
    assert "/1" in {order.target.path for order, _ in await bench.orders.recent(10)} | set(await bench.paths(deleted))


async def test_tags_are_ordered_out_too(bench: Bench) -> None:
    """Where a cache keeps tags, each image is also ordered out by its tag, once."""
    retro = bench.another("two", tags=True)
    seen = image("a")
    await bench.see("/1", seen)
    await bench.see("/2", seen)
    await retro.start()
    change = await bench.add(Signal("sha256", seen.sha256))
    orders = await bench.ordered(change)
    await retro.close()
    assert sorted((order.scope, order.target.path, order.tag) for order in orders) == [
        (Scope.TAG, "", image_tag(seen.sha256)),
        (Scope.TARGET, "/1", ""),
        (Scope.TARGET, "/2", ""),
    ]


async def test_near(bench: Bench, start: Start) -> None:
    """Images near a signal are found, also those seen a moment ago; a PDQ that says too little is near nothing."""
    with pytest.raises(StoreUnavailable, match="still being read"):
        await bench.retro.near(Signal("pdq", PDQ), 31)
    await start()
    await bench.ordered(await bench.add(Signal("md5", "00" * 16)))
    assert bench.retro.ready
    near, plain = image("a", Signal("pdq", NEAR, 90)), image("b", Signal("pdq", PDQ, 10))
    for path, seen in (("/1", near), ("/2", plain)):
        await bench.see(path, seen)
    assert await bench.retro.near(Signal("pdq", PDQ), 31) == [near]
    assert await bench.retro.near(Signal("pdq", PDQ), 0) == []
    assert await bench.retro.near(Signal("sha256", plain.sha256), 0) == [plain]


async def test_a_change_of_policy_is_gone_on_with(bench: Bench, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes over a long change of policy does the parts that are left, and answers for all of its orders."""
    monkeypatch.setattr(hindsight, "PART", 5)
    watched = HashList("watched", mode=Mode.MONITOR)
    await bench.catalogue.create_list(watched, "tester")
    seen = {f"/{number}": image(str(number)) for number in range(30)}
    for path, fingerprint in seen.items():
        await bench.see(path, fingerprint)
    changes = await bench.catalogue.add_entries(
        [Entry("watched", image.signals[0]) for image in seen.values()], "tester"
    )
    await start()
    assert await bench.ordered(changes[-1]) == []
    await bench.retro.close()
    change = await bench.catalogue.set_list(replace(watched, mode=Mode.ENFORCE), "tester")
    note, parts = Progress.note, []

    async def note_three(self: Progress, version: int, part: str, orders: list[str]) -> None:
        await note(self, version, part, orders)
        parts.append(len(orders))
        if len(parts) == 3:
            await asyncio.Event().wait()  # here it is killed

    monkeypatch.setattr(Progress, "note", note_three)
    await start()
    await until(lambda: len(parts) == 3)
    await bench.retro.close()
    monkeypatch.setattr(Progress, "note", note)
    before = await placed(bench)
    assert 15 <= len(before) < 30
    await start()
    assert await bench.paths(change) == sorted(seen)
    assert await placed(bench) == sorted(seen), "no part was done twice"


async def test_controllers_share_an_import(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two controllers match one import, each some of it; every change is answered for once, by either."""
    monkeypatch.setattr(retro_module, "BATCH", 20)
    monkeypatch.setattr(retro_module, "TAKE", 20)
    seen = [image(str(number)) for number in range(200)]
    for number, fingerprint in enumerate(seen):
        await bench.see(f"/{number}", fingerprint)
    changes = await bench.catalogue.add_entries([Entry("bad", image.signals[0]) for image in seen], "tester")
    pair = [bench.retro, bench.another("two")]
    shares: list[list[int]] = [[], []]

    def noted(share: list[int], step: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def match(work: list[hindsight.Work]) -> None:
            share.extend(each.change.version for each in work)
            await until(lambda: all(shares))  # nobody takes all before the other has come to it
            await step(work)

        return match

    for each, share in zip(pair, shares, strict=True):
        monkeypatch.setattr(each, "_match", noted(share, each._match))
        await each.start()
    assert [await bench.paths(change) for change in changes] == [[f"/{number}"] for number in range(200)]
    for each in pair:
        await each.close()
    taken = [*shares[0], *shares[1]]
    assert len(taken) == len(set(taken)) >= 200


async def test_what_is_in_hand_is_not_claimed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that takes longer than others wait before they claim is left to who has it."""
    monkeypatch.setattr(retro_module, "HOLD_SECONDS", 0.02)
    begun = asyncio.Event()

    async def endless(_: list[hindsight.Work]) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(bench.retro, "_match", endless)
    await bench.retro.start()
    await begun.wait()
    change = f"{await bench.catalogue.version()}-0"
    for _ in range(2):
        # As if nothing had been heard from it for a minute.
        await bench.store.redis.xclaim(bench.catalogue.stream, "retro", "one", 0, [change], idle=60_000, justid=True)
        await until(lambda: is_held(bench, change))
    assert await bench.another("two")._left() == []
    await bench.retro.close()


async def is_held(bench: Bench, change: str) -> bool:
    (owed,) = await bench.store.redis.xpending_range(bench.catalogue.stream, "retro", change, change, 1)
    return int(owed["time_since_delivered"]) < 1000 * retro_module.CLAIM_SECONDS
