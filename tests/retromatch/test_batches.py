"""Batches on a real Redis: what was seen before and matches one of their entries is purged."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from tests.retromatch.bench import Bench
from tests.support.eventually import eventually
from tests.support.real_caches import image, target
from tests.support.stored_batches import list_batch as commit_batch

from edgeward.errors import DamagedSegment
from edgeward.lists.batches.batch_store import RemovedRow, Undone
from edgeward.retromatch import search_cost
from edgeward.retromatch.progress import Progress
from edgeward.retromatch.seen_image_index import SeenImageIndex
from edgeward.store.connection import Store
from edgeward.types import Batch, Cause, Change, Entry, HashList, Mode, PurgeOrder, RowRef, Scope, Signal

type Start = Callable[[], Awaitable[None]]

PDQ = Signal("pdq", "0123456789abcdef" * 4, 90)
NEAR = replace(PDQ, value="0123456789abcdee" + PDQ.value[16:])
MD5 = Signal("md5", "ab" * 16)


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


@pytest.fixture(params=["rows", "images"])
def direction(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The direction that is always the cheaper one."""
    monkeypatch.setattr(search_cost, "by_images", lambda *_: 0.0 if request.param == "images" else 2.0)
    monkeypatch.setattr(search_cost, "by_rows", lambda *_: 1.0)


def listed(*signals: Signal, on: str = "bad") -> list[Entry]:
    return [Entry(on, signal) for signal in signals]


def digests(*names: str) -> list[Entry]:
    return listed(*(image(name).signals[0] for name in names))


async def list_batch(bench: Bench, entries: Sequence[Entry], **fields: Any) -> Batch:
    return await commit_batch(bench.list_store, entries, bench.replica.preparation.files, **fields)


async def orders_of(bench: Bench, version: int) -> list[PurgeOrder]:
    await eventually(lambda: bench.is_matched(version))
    return [order for order, _ in await bench.orders.get_many(await bench.retromatch.orders_of(version) or [])]


async def paths(bench: Bench, what: Batch | Change | int) -> list[str]:
    version = what if isinstance(what, int) else what.version
    return sorted(order.target.path for order in await orders_of(bench, version))


async def undo(bench: Bench, batch: Batch) -> int:
    """Undo a batch, as the undo of its act does. Returns the version."""
    await bench.list_store.acts.declare(batch.act, batch.list, batch.by, batch.why)
    act = await bench.list_store.acts.get(batch.act)
    last = (await bench.list_store.batches.get(batch.list)).last
    return await bench.list_store.batches.undo(replace(act, undone_by="bea"), batch.id, last, Undone(0, 0, 0))


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.usefixtures("direction")
async def test_purges_what_a_batch_lists(bench: Bench, start: Start, before: bool) -> None:
    """Every target of an image near one of its entries, seen before the start or after it; no other. The orders say who
    listed it, when and why, and which entry decides; and they count for all entries of the batch that match."""
    if not before:
        await start()
        await eventually(lambda: bench.retromatch.ready)
    seen = image("a", PDQ, MD5)
    for path in ("/1", "/2"):
        await bench.see(path, seen)
    await bench.see("/md5", image("b", replace(MD5, value="cd" * 16)))
    await bench.see("/other", image("c", replace(PDQ, value="fe" * 32)))
    if before:
        await start()
    entries = listed(NEAR, MD5, replace(MD5, value="cd" * 16), Signal("phash", "0" * 16))
    batch = await list_batch(bench, entries, by="ann", why="a list", at=time.time())
    orders = await orders_of(bench, batch.version)
    assert sorted(order.target.path for order in orders) == ["/1", "/2", "/md5"]
    (change,) = await bench.list_store.changes(batch.version - 1, 1)
    assert {(order.cause, order.started_at, order.why, order.by) for order in orders} == {
        (Cause.LISTING, change.at, "a list", "ann")
    }
    of_seen = {order.id for order in orders if order.target.path != "/md5"}
    assert {order.entry_id for order in orders if order.id in of_seen} == {entries[1].id}
    for entry in entries[:2]:
        assert set(await bench.orders.ids_of_entries([entry.id])) == of_seen
    assert await bench.orders.ids_of_entries([entries[3].id]) == []


async def test_a_list_that_is_not_enforced(bench: Bench, start: Start) -> None:
    """Its batches purge nothing until it is; then all their rows are matched, and single entries too."""
    await start()
    await bench.see("/row", image("a", PDQ))
    await bench.see("/single", image("b"))
    watched = HashList("watched", mode=Mode.MONITOR)
    await bench.list_store.create_list(watched, "tester")
    await bench.list_store.add_entries(listed(image("b").signals[0], on="watched"), "tester")
    batch = await list_batch(bench, listed(NEAR, on="watched"))
    assert await paths(bench, batch) == []
    enforced = await bench.list_store.set_list(replace(watched, mode=Mode.ENFORCE), "tester")
    assert await paths(bench, enforced) == ["/row", "/single"]


@pytest.mark.usefixtures("direction")
async def test_a_greater_radius(bench: Bench, start: Start) -> None:
    """It lists what rows of batches are near."""
    await start()
    await bench.see("/1", image("a", PDQ))
    await bench.list_store.set_list(HashList("bad", radius={"pdq": 0}), "tester")
    assert await paths(bench, await list_batch(bench, listed(NEAR))) == []
    assert await paths(bench, await bench.list_store.set_list(HashList("bad", radius={"pdq": 1}), "tester")) == ["/1"]


@pytest.mark.usefixtures("direction")
async def test_rows_that_were_listed_before(bench: Bench, start: Start) -> None:
    """A batch purges again for its own rows and for those of others that it lists again, not for those that stayed."""
    await start()
    for name in "abc":
        await bench.see(f"/{name}", image(name, Signal("pdq", name * 64, 90)))
    first = await list_batch(bench, listed(*(Signal("pdq", name * 64, 90) for name in "abc")))
    assert await paths(bench, first) == ["/a", "/b", "/c"]
    row_of = {
        bench.replica.matcher.batches("bad").row(RowRef(first.id, row))[1].signal.value[0]: row for row in range(3)
    }
    withdrawal = await list_batch(bench, [], list="bad", removes=[(first, [row_of["b"]])])
    assert await paths(bench, withdrawal) == []
    again = await list_batch(bench, [], list="bad", adds=[(first, [row_of["a"], row_of["b"]])])
    assert await paths(bench, again) == ["/b"]


async def test_the_undo_of_a_withdrawal(bench: Bench, start: Start) -> None:
    """It lists again what was withdrawn; the undo of an import lists nothing. A removed row is matched by neither."""
    await start()
    for name in "abc":
        await bench.see(f"/{name}", image(name))
    first = await list_batch(bench, digests("a", "b", "c"), act="import-1")
    assert await paths(bench, first) == ["/a", "/b", "/c"]
    withdrawal = await list_batch(bench, [], list="bad", act="import-2", removes=[(first, [0, 1])])
    ref = RowRef(first.id, 0)
    entry = bench.replica.matcher.batches("bad").row(ref)[1]
    removed_row = RemovedRow(ref, entry)
    (removed,) = await bench.list_store.batches.remove_rows("bad", [removed_row], withdrawal.version, "tester")
    assert await paths(bench, withdrawal) == await paths(bench, removed) == []
    put_back = bench.replica.matcher.batches("bad").row(RowRef(first.id, 1))[1]
    (path,) = [f"/{name}" for name in "abc" if image(name).sha256 == put_back.signal.value]
    assert await paths(bench, await undo(bench, withdrawal)) == [path]
    assert await paths(bench, await undo(bench, first)) == []


async def kill_at_step(bench: Bench, start: Start, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Start the worker, and end it when it has recorded some steps."""
    record_step, steps = Progress.record_step, []

    async def record(self: Progress, version: int, step: str, orders: Sequence[str]) -> None:
        await record_step(self, version, step, orders)
        steps.append(step)
        if len(steps) == number:
            await asyncio.Event().wait()  # here it is killed

    monkeypatch.setattr(Progress, "record_step", record)
    await start()
    await eventually(lambda: len(steps) == number)
    await bench.retromatch.close()
    monkeypatch.setattr(Progress, "record_step", record_step)


@pytest.mark.usefixtures("direction")
async def test_another_controller_continues(bench: Bench, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does the remaining steps of a batch, in the same direction, and the version has the orders of all steps."""
    monkeypatch.setattr(search_cost, "rows_per_step", lambda _: 5)
    monkeypatch.setattr(search_cost, "images_per_step", lambda *_: 5)
    monkeypatch.setattr("edgeward.matching.batches.packed_rows.ROWS_PER_BUCKET", 4)
    chance = random.Random(1)
    signals = {f"/{number}": Signal("pdq", chance.randbytes(32).hex(), 90) for number in range(30)}
    for path, signal in signals.items():
        await bench.see(path, image(path, signal))
    batch = await list_batch(bench, listed(*signals.values()))
    await kill_at_step(bench, start, monkeypatch, 3)
    before = [order.target.path for order, _ in await bench.orders.recent(100)]
    assert 0 < len(before) < 30
    other = bench.another("two")
    await bench.store.redis.xautoclaim(bench.list_store.stream, "retro", "two", 0, "0-0")
    await other.start()
    assert await paths(bench, batch) == sorted(signals)
    await other.close()
    after = sorted(order.target.path for order, _ in await bench.orders.recent(100))
    assert after == sorted(signals), "no step was done twice"


async def test_entries_do_not_wait_for_a_batch(bench: Bench, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is listed while a batch is matched is purged between two of its steps; then the batch is matched."""
    await bench.see("/now", image("now"))
    await bench.see("/row", image("row", MD5))
    steps, added, goes_on = list[str](), list[Change](), asyncio.Event()
    record_step = Progress.record_step

    async def record(self: Progress, version: int, step: str, orders: Sequence[str]) -> None:
        await record_step(self, version, step, orders)
        if not added:
            added.append(await bench.add(image("now").signals[0]))
            policy = await bench.list_store.set_list(HashList("bad", description="new"), "tester")
            await bench.replica.wait_version(policy.version, 60)
        elif step == "~":
            await goes_on.wait()
        steps.append(step)

    monkeypatch.setattr(Progress, "record_step", record)
    batch = await list_batch(bench, listed(MD5, PDQ))
    await start()
    await eventually(lambda: bool(added))
    assert await bench.paths(added[0]) == ["/now"]
    assert not await bench.is_matched(batch.version)
    assert await bench.retromatch.version() < batch.version
    assert await bench.retromatch.are_matched([added[0].version])
    assert not await bench.retromatch.are_matched([batch.version, added[0].version])
    goes_on.set()
    assert await paths(bench, batch) == ["/row"]
    await eventually(lambda: bench.is_matched(added[0].version + 1))
    await eventually(bench.retromatch.owes_nothing)


async def test_a_batch_that_cannot_be_matched(bench: Bench, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again and again, and holds up no entry; once it can be matched, it is."""
    await bench.see("/now", image("now"))
    await bench.see("/row", image("row", MD5))
    tries, damaged = list[int](), [True]
    near_any = SeenImageIndex.near_any

    def fail(self: SeenImageIndex, *args: Any) -> set[str]:
        tries.append(1)
        if damaged:
            raise DamagedSegment("a file is damaged")
        return near_any(self, *args)

    monkeypatch.setattr(SeenImageIndex, "near_any", fail)
    batch = await list_batch(bench, listed(MD5))
    await start()
    await eventually(lambda: len(tries) > 1)
    assert await bench.paths(await bench.add(image("now").signals[0])) == ["/now"]
    assert not await bench.is_matched(batch.version)
    damaged.clear()
    assert await paths(bench, batch) == ["/row"]


async def test_two_controllers_match_a_batch_once(bench: Bench) -> None:
    """One of them takes it; each image is purged once."""
    for name in "abcdef":
        await bench.see(f"/{name}", image(name))
    pair = [bench.retromatch, bench.another("two")]
    for each in pair:
        await each.start()
    batches = [await list_batch(bench, digests(name)) for name in "abcdef"]
    assert [await paths(bench, batch) for batch in batches] == [[f"/{name}"] for name in "abcdef"]
    for each in pair:
        await each.close()
    assert len(await bench.orders.recent(100)) == 6


async def test_what_is_seen_while_a_batch_is_committed(bench: Bench, start: Start) -> None:
    """What is written before the index has caught up is purged; what comes later is judged with the batch applied."""
    await start()
    await eventually(lambda: bench.retromatch.ready)
    names = [str(number) for number in range(40)]

    async def see_all() -> None:
        for name in names:
            await bench.see(f"/{name}", image(name))

    seeing = asyncio.create_task(see_all())
    batch = await list_batch(bench, digests(*names))
    found = await paths(bench, batch)
    await seeing
    late = [name for name in names if f"/{name}" not in found]
    verdicts = [bench.replica.matcher.verdict(image(name)) for name in late]
    assert all(verdict.blocks and verdict.version >= batch.version for verdict in verdicts)


async def test_hosts_of_lost_sightings(bench: Bench, start: Start) -> None:
    """A batch purges them once, and its entries have that order on record; a withdrawal purges none, and so does a
    batch of a list that only monitors."""
    await start()
    await bench.list_store.create_list(HashList("watched", mode=Mode.MONITOR), "tester")
    await bench.sightings.forgotten.remember_lost({target("/x"): 3})
    entries = digests("a", "b")
    batch = await list_batch(bench, entries, at=time.time())
    (order,) = await orders_of(bench, batch.version)
    assert (order.scope, order.target.path, order.forgotten, order.by) == (Scope.PREFIX, "/", 3, "ann")
    assert await bench.orders.lost.of_list("bad", batch.at, batch.at) == [order.id]
    assert await bench.orders.lost.of_list("bad", batch.at - 3600, batch.at - 3600) == []
    withdrawal = await list_batch(bench, [], list="bad", removes=[(batch, [0])])
    assert await paths(bench, withdrawal) == []
    assert await paths(bench, await list_batch(bench, listed(PDQ, on="watched"))) == []
    assert not await bench.retromatch.lost_purges.is_due("watched")
