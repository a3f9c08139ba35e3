"""Retromatching on a real Redis: what was served before it was listed is purged."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.retromatch.bench import Bench
from tests.support.eventually import eventually
from tests.support.real_caches import image

from edgeward import metrics
from edgeward.background.consumer_group import ConsumerGroup
from edgeward.errors import StoreUnavailable
from edgeward.retromatch import order_planner
from edgeward.retromatch import worker as worker_module
from edgeward.retromatch.progress import Progress
from edgeward.store.connection import Store
from edgeward.types import (
    Action,
    Cause,
    Entry,
    HashList,
    ListKind,
    Mode,
    Scope,
    Signal,
    View,
    image_tag,
)

PDQ = "0123456789abcdef" * 4
NEAR = "0123456789abcdee" + PDQ[16:]


type Start = Callable[[], Awaitable[None]]


@pytest.fixture
async def bench(store: Store) -> AsyncIterator[Bench]:
    bench = Bench(store)
    await bench.list_store.create_list(HashList("bad"), "tester")
    await bench.replica.start()
    yield bench
    await bench.replica.close()


@pytest.fixture
async def start(bench: Bench) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def begin() -> None:
            await bench.retromatch.start()
            stack.push_async_callback(bench.retromatch.close)

        yield begin


@pytest.mark.parametrize("before", [True, False])
async def test_purges_what_is_listed(bench: Bench, start: Start, before: bool) -> None:
    """Every target of an image near a new entry is purged, seen before the start or after it; no other is."""
    if not before:
        await start()
        await eventually(lambda: bench.retromatch.ready)
    listed = image("a", Signal("pdq", PDQ, 90))
    for path in ("/1", "/2"):
        await bench.see(path, listed)
    await bench.see("/other", image("b", Signal("pdq", "fe" * 32, 90)))
    if before:
        await start()
    change = await bench.add(Signal("pdq", NEAR, 90))
    found = await bench.orders_of(change)
    assert sorted(order.target.path for order in found) == ["/1", "/2"]
    assert change.entry
    assert {(order.cause, order.sha256, order.entry_id, order.started_at, order.why, order.by) for order in found} == {
        (Cause.LISTING, listed.sha256, change.entry.id, change.at, "reason", "tester")
    }


async def test_a_change_that_matches_nothing(bench: Bench, start: Start) -> None:
    """A change that matches no image is recorded as matched, without orders."""
    await start()
    assert await bench.orders_of(await bench.add(Signal("md5", "ab" * 16))) == []
    assert await bench.retromatch.orders_of(9999) is None

    async def reached() -> bool:
        return await bench.retromatch.version() == await bench.list_store.version()

    await eventually(reached)


async def test_a_change_of_policy_is_matched(bench: Bench, start: Start) -> None:
    """Entries are matched when their list is enforced and when its radius grows."""
    await start()
    await bench.see("/1", image("a", Signal("pdq", PDQ, 90)))
    watched = HashList("watched", mode=Mode.MONITOR, radius={"pdq": 0})
    await bench.list_store.create_list(watched, "tester")
    assert await bench.paths(await bench.add(Signal("pdq", NEAR, 90), "watched")) == []
    enforced = replace(watched, mode=Mode.ENFORCE)
    assert await bench.paths(await bench.list_store.set_list(enforced, "tester")) == []
    assert await bench.paths(await bench.list_store.set_list(replace(enforced, radius={}), "tester")) == ["/1"]


async def test_the_views_of_a_list_are_searched(bench: Bench, start: Start) -> None:
    """An entry matches signals of optional views if its list asks for them, now or later; other lists ignore those."""
    await start()
    await bench.see("/turned", image("a", Signal("pdq", "fe" * 32, 90), Signal("pdq", PDQ, 90, View.DIHEDRAL)))
    await bench.see("/searched", image("b", Signal("pdq", "fe" * 32, 90), Signal("pdq", PDQ, 90, View.GEOMETRY)))
    assert await bench.paths(await bench.add(Signal("pdq", NEAR, 90))) == []
    turning = HashList("bad", rotations=True)
    assert await bench.paths(await bench.list_store.set_list(turning, "tester")) == ["/turned"]
    both = replace(turning, geometry=True)
    assert "/searched" in await bench.paths(await bench.list_store.set_list(both, "tester"))
    await bench.list_store.create_list(HashList("more", geometry=True), "tester")
    assert "/searched" in await bench.paths(await bench.add(Signal("pdq", PDQ, 90), "more"))


async def test_an_allowlist_with_fewer_views_protects_less(bench: Bench, start: Start) -> None:
    """What an allowlist protected by a view is purged when the list drops that view."""
    await start()
    fine = HashList("fine", kind=ListKind.ALLOW, rotations=True)
    await bench.list_store.create_list(fine, "tester")
    await bench.see("/1", image("a", Signal("pdq", "fe" * 32, 90), Signal("pdq", PDQ, 90, View.DIHEDRAL)))
    await bench.add(Signal("pdq", NEAR, 90), "fine")
    assert await bench.paths(await bench.add(Signal("sha256", image("a").sha256))) == []
    assert await bench.paths(await bench.list_store.set_list(replace(fine, rotations=False), "tester")) == ["/1"]


@pytest.mark.parametrize("way", ["entry", "list", "off"])
async def test_an_allowlist_protects_until_it_goes(bench: Bench, start: Start, way: str) -> None:
    """What an allowlist protects is not purged until its entry or the list is removed or switched off."""
    await start()
    fine = HashList("fine", kind=ListKind.ALLOW)
    await bench.list_store.create_list(fine, "tester")
    await bench.see("/1", image("a", Signal("pdq", PDQ, 90)))
    allowed = await bench.add(Signal("sha256", image("a").sha256), "fine")
    assert await bench.paths(await bench.add(Signal("pdq", NEAR, 90))) == []
    if way == "entry":
        assert allowed.entry
        change = await bench.list_store.remove_entry("fine", allowed.entry.id, "tester")
    elif way == "list":
        change = await bench.list_store.delete_list("fine", "tester")
    else:
        change = await bench.list_store.set_list(replace(fine, mode=Mode.OFF), "tester")
    assert await bench.paths(change) == ["/1"]


async def test_a_lost_position_loses_no_image(bench: Bench, start: Start, store: Store) -> None:
    """If the stream of new images was trimmed beyond its position, it reads all images again."""
    await start()
    await bench.orders_of(await bench.add(Signal("md5", "ab" * 16)))
    for number in range(5):
        await bench.see(f"/{number}", image(str(number)))
    await store.redis.xtrim(store.key("{seen}", "new"), maxlen=1, approximate=False)
    assert await bench.paths(await bench.add(Signal("sha256", image("0").sha256))) == ["/0"]


async def test_takes_over_what_a_dead_controller_left(bench: Bench, start: Start, store: Store) -> None:
    """A change that a dead controller took and did not finish is matched by this one."""
    await bench.see("/1", image("a"))
    change = await bench.add(Signal("sha256", image("a").sha256))
    group = ConsumerGroup(store, bench.list_store.stream, "retro")
    await group.ensure()
    assert await group.take("dead", 10, 10)
    await store.redis.execute_command(
        "XCLAIM", bench.list_store.stream, "retro", "dead", 0, f"{change.version}-0", "IDLE", 20_000
    )
    await start()
    assert await bench.paths(change) == ["/1"]


async def test_a_batch_of_entries(bench: Bench, start: Start) -> None:
    """A batch of entries, several of one image, purges each target once, and has an answer for every version."""
    await start()
    for number in range(20):
        await bench.see(f"/{number}", image(str(number), Signal("md5", f"{number:016x}" * 2)))
    signals = [
        signal for number in range(20) for signal in image(str(number), Signal("md5", f"{number:016x}" * 2)).signals
    ]
    changes = await bench.list_store.add_entries([Entry("bad", signal) for signal in signals], "tester")
    assert [await bench.paths(change) for change in changes] == [[f"/{n}"] for n in range(20) for _ in range(2)]


async def placed(bench: Bench) -> list[str]:
    """Paths of all orders placed so far."""
    return sorted(order.target.path for order, _ in await bench.orders.recent(1000))


async def test_a_smaller_radius_lists_nothing_new(bench: Bench, start: Start) -> None:
    """A smaller radius and another action purge nothing; a greater radius purges what is newly within it."""
    await start()
    await bench.see("/near", image("a", Signal("pdq", NEAR, 90)))
    await bench.see("/far", image("b", Signal("pdq", "0f" + PDQ[2:], 90)))
    bad = HashList("bad", radius={"pdq": 2})
    await bench.list_store.set_list(bad, "tester")
    assert await bench.paths(await bench.add(Signal("pdq", PDQ, 90))) == ["/near"]
    for less in (replace(bad, radius={"pdq": 1}), replace(bad, radius={"pdq": 1}, action=Action.GONE)):
        assert await bench.paths(await bench.list_store.set_list(less, "tester")) == []
    more = await bench.list_store.set_list(replace(bad, radius={"pdq": 31}), "tester")
    assert "/far" in await bench.paths(more)


async def test_an_entry_that_left_after_its_list_changed(bench: Bench, start: Start) -> None:
    """Radius lowered, entry removed, list deleted, then all matched: everything that they protected is purged."""
    fine = HashList("fine", kind=ListKind.ALLOW, radius={"pdq": 40})
    await bench.list_store.create_list(fine, "tester")
    far = "0f" * 4 + PDQ[8:]
    await bench.see("/removed", image("a", Signal("pdq", far, 90), Signal("md5", "ab" * 16)))
    await bench.see("/deleted", image("b", Signal("pdq", "1e" * 32, 90), Signal("md5", "cd" * 16)))
    removed = await bench.add(Signal("pdq", PDQ, 90), "fine")
    await bench.add(Signal("pdq", "1f" * 16 + "1e" * 16, 90), "fine")
    await bench.add(Signal("md5", "ab" * 16))
    await bench.add(Signal("md5", "cd" * 16))
    await start()
    await bench.orders_of((await bench.list_store.changes(0, 1000))[-1])
    assert await placed(bench) == []
    await bench.retromatch.close()
    lowered = await bench.list_store.set_list(replace(fine, radius={"pdq": 0}), "tester")
    assert removed.entry
    gone = await bench.list_store.remove_entry("fine", removed.entry.id, "tester")
    deleted = await bench.list_store.delete_list("fine", "tester")
    await start()
    found = [path for change in (lowered, gone, deleted) for path in await bench.paths(change)]
    assert sorted(set(found)) == ["/deleted", "/removed"]


async def test_a_new_list_of_the_same_name_hides_nothing(bench: Bench, start: Start) -> None:
    """What a deleted allowlist protected is purged, also if a new list has its name by then."""
    fine = HashList("fine", kind=ListKind.ALLOW)
    await bench.list_store.create_list(fine, "tester")
    await bench.see("/1", image("a", Signal("pdq", PDQ, 90)))
    await bench.add(Signal("sha256", image("a").sha256), "fine")
    await bench.add(Signal("pdq", NEAR, 90))
    deleted = await bench.list_store.delete_list("fine", "tester")
    await bench.list_store.create_list(HashList("fine"), "tester")
    await start()
    assert "/1" in {order.target.path for order, _ in await bench.orders.recent(10)} | set(await bench.paths(deleted))


async def test_tags_are_purged_too(bench: Bench) -> None:
    """If a cache stores tags, each image is also purged by its tag, once."""
    retromatch = bench.another("two", tags=True)
    seen = image("a")
    await bench.see("/1", seen)
    await bench.see("/2", seen)
    await retromatch.start()
    change = await bench.add(Signal("sha256", seen.sha256))
    orders = await bench.orders_of(change)
    await retromatch.close()
    assert sorted((order.scope, order.target.path, order.tag) for order in orders) == [
        (Scope.TAG, "", image_tag(seen.sha256)),
        (Scope.TARGET, "/1", ""),
        (Scope.TARGET, "/2", ""),
    ]


async def test_near(bench: Bench, start: Start) -> None:
    """Finds the images near a signal, also those seen a moment ago; a PDQ of low quality is near nothing."""
    with pytest.raises(StoreUnavailable, match="still being loaded"):
        await bench.retromatch.near(Signal("pdq", PDQ), 31)
    await start()
    await bench.orders_of(await bench.add(Signal("md5", "00" * 16)))
    assert bench.retromatch.ready
    near, plain = image("a", Signal("pdq", NEAR, 90)), image("b", Signal("pdq", PDQ, 10))
    for path, seen in (("/1", near), ("/2", plain)):
        await bench.see(path, seen)
    assert await bench.retromatch.near(Signal("pdq", PDQ), 31) == [near]
    assert await bench.retromatch.near(Signal("pdq", PDQ), 0) == []
    assert await bench.retromatch.near(Signal("sha256", plain.sha256), 0) == [plain]


async def test_a_change_of_policy_continues(bench: Bench, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another controller does the remaining steps of a change of policy, and has the orders of all steps."""
    monkeypatch.setattr(order_planner, "ENTRIES_PER_STEP", 5)
    watched = HashList("watched", mode=Mode.MONITOR)
    await bench.list_store.create_list(watched, "tester")
    seen = {f"/{number}": image(str(number)) for number in range(30)}
    for path, fingerprint in seen.items():
        await bench.see(path, fingerprint)
    changes = await bench.list_store.add_entries(
        [Entry("watched", image.signals[0]) for image in seen.values()], "tester"
    )
    await start()
    assert await bench.orders_of(changes[-1]) == []
    await bench.retromatch.close()
    change = await bench.list_store.set_list(replace(watched, mode=Mode.ENFORCE), "tester")
    record_step, steps = Progress.record_step, []

    async def record_three(self: Progress, version: int, step: str, orders: list[str]) -> None:
        await record_step(self, version, step, orders)
        steps.append(len(orders))
        if len(steps) == 3:
            await asyncio.Event().wait()  # here it is killed

    monkeypatch.setattr(Progress, "record_step", record_three)
    await start()
    await eventually(lambda: len(steps) == 3)
    await bench.retromatch.close()
    monkeypatch.setattr(Progress, "record_step", record_step)
    before = await placed(bench)
    assert 15 <= len(before) < 30
    await start()
    assert await bench.paths(change) == sorted(seen)
    assert await placed(bench) == sorted(seen), "no step was done twice"


async def test_controllers_share_an_import(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two controllers match one import, each a part of it; every change is matched once, by either."""
    monkeypatch.setattr(worker_module, "CHANGES_PER_BATCH", 20)
    monkeypatch.setattr(worker_module, "CHANGES_PER_READ", 20)
    seen = [image(str(number)) for number in range(200)]
    for number, fingerprint in enumerate(seen):
        await bench.see(f"/{number}", fingerprint)
    changes = await bench.list_store.add_entries([Entry("bad", image.signals[0]) for image in seen], "tester")
    pair = [bench.retromatch, bench.another("two")]
    shares: list[list[int]] = [[], []]

    def noted(share: list[int], step: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def match(batch: list[order_planner.PendingChange], held: set[str]) -> None:
            share.extend(each.change.version for each in batch)
            await eventually(lambda: all(shares))  # neither takes all before the other has taken some
            await step(batch, held)

        return match

    for each, share in zip(pair, shares, strict=True):
        monkeypatch.setattr(each, "_match", noted(share, each._match))
        await each.start()
    assert [await bench.paths(change) for change in changes] == [[f"/{number}"] for number in range(200)]
    for each in pair:
        await each.close()
    taken = [*shares[0], *shares[1]]
    assert len(taken) == len(set(taken)) >= 200


async def test_a_change_in_progress_is_not_claimed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that takes longer than the lease stays with its controller, also if a renewal of its lease fails."""
    monkeypatch.setattr(worker_module, "RENEWAL_SECONDS", 0.02)
    monkeypatch.setattr(worker_module, "RETRY_SECONDS", 0.01)
    group, defects = bench.retromatch._group, [ValueError("NOGROUP")]
    begun, hold = asyncio.Event(), group.hold

    async def fail_once(consumer: str, ids: Sequence[str] = ()) -> None:
        if defects and ids:
            raise defects.pop()
        await hold(consumer, ids)

    async def endless(_: list[order_planner.PendingChange], held: set[str]) -> None:
        begun.set()
        await asyncio.Event().wait()

    before = metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "retromatch"}) or 0
    # Of this group alone: loops of other tests' controllers may still run in this process.
    monkeypatch.setattr(group, "hold", fail_once)
    monkeypatch.setattr(bench.retromatch, "_match", endless)
    await bench.retromatch.start()
    await begun.wait()
    change = f"{await bench.list_store.version()}-0"
    for _ in range(2):
        # As if nothing had been heard from it for a minute.
        await bench.store.redis.xclaim(bench.list_store.stream, "retro", "one", 0, [change], idle=60_000, justid=True)
        await eventually(lambda: is_renewed(bench, change))
    assert await bench.another("two")._unfinished() == []
    await eventually(
        lambda: metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "retromatch"}) == before + 1,
        "the failed renewal is counted",
    )
    await bench.retromatch.close()


async def is_renewed(bench: Bench, change: str) -> bool:
    (owed,) = await bench.store.redis.xpending_range(bench.list_store.stream, "retro", change, change, 1)
    return int(owed["time_since_delivered"]) < 1000 * worker_module.CLAIM_SECONDS


async def test_a_change_of_a_later_release_is_left_to_its_controllers(bench: Bench, start: Start, store: Store) -> None:
    """It counts as not matched, other changes are matched, and a controller of that release gets it at once."""
    signal = Signal("pdq", PDQ, 100)
    new = json.dumps({**json.loads(Entry("bad", signal).to_json()), "needs": 9})
    version = await store.redis.incr(store.key("{blocklist}", "version"))
    fields: dict[str, str] = {"op": "entry.add", "who": "me", "at": "1.0", "why": "", "entry": new}
    await store.redis.xadd(store.key("{blocklist}", "changes"), dict(fields), id=f"{version}-0")
    await bench.list_store.add_entries([Entry("bad", Signal("md5", "ab" * 16))], "tester")
    await start()

    async def matched() -> bool:
        return await bench.retromatch.orders_of(version + 1) is not None

    await eventually(matched)
    assert await bench.retromatch.orders_of(version) is None
    group = ConsumerGroup(store, bench.list_store.stream, "retro")

    async def claimed() -> bool:
        return f"{version}-0" in [item_id for item_id, _ in await group.claim("later", 60_000)]

    await eventually(claimed)
