"""Purges of hosts of lost sightings, on a real Redis."""

import time
from dataclasses import replace
from typing import Any

import pytest
from tests.conftest import STORE_TIMEOUT_MS
from tests.purging.samples import finish
from tests.support.eventually import eventually
from tests.support.real_caches import target
from tests.support.stepping_store import SteppingStore

from edgeward.purging.orders import Orders
from edgeward.retromatch import lost_purges as module
from edgeward.retromatch.forgotten_purges import ForgottenPurges
from edgeward.retromatch.lost_purges import LostPurges
from edgeward.sightings.forgotten import EVERYWHERE, ForgottenTargets
from edgeward.store.connection import Store
from edgeward.types import Change, Entry, HashList, ListKind, Signal, Target

HOST = target("/")


@pytest.fixture(autouse=True)
def _recent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A purge that was placed in a test is recent, however slow the machine is."""
    monkeypatch.setattr(module, "LOST_PURGE_SECONDS", 600.0)


class Bench:
    """`recorded_again`: whether workers record what is lost when they serve it again, even if they did so lately."""

    def __init__(self, store: Store, recorded_again: bool) -> None:
        self.store, self.recorded_again = store, recorded_again
        self.orders = Orders(store)
        self.forgotten = ForgottenTargets(store, 86400, 3600)
        self.purges = LostPurges(store, self.forgotten, self.orders)

    async def lose(self, *hosts: Target) -> None:
        """The store's clock goes on before a purge can follow."""
        await self.forgotten.remember_lost(dict.fromkeys(hosts or (HOST,), 1), recorded_again=self.recorded_again)
        lost_at = await self.milliseconds()

        async def is_later() -> bool:
            return await self.milliseconds() > lost_at

        await eventually(is_later)

    async def milliseconds(self) -> int:
        redis: Any = self.store.redis
        seconds, microseconds = await redis.time()
        return int(seconds * 1000 + microseconds // 1000)

    async def placed(self) -> int:
        return len(await self.orders.recent(1000))


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store, recorded_again=False)


@pytest.fixture
def settled(store: Store) -> Bench:
    """Where a purge makes up for all that was lost before."""
    return Bench(store, recorded_again=True)


def added(number: int = 1, list_name: str = "bad") -> Change:
    now = time.time()
    entry = Entry(list_name, Signal("md5", f"{number:032x}"), added_at=now)
    return Change(number, "entry.add", "ana", now, "why", entry=entry)


def policy(name: str = "bad", kind: ListKind = ListKind.BLOCK) -> Change:
    return Change(9, "list.set", "ana", time.time(), "why", list=HashList(name, kind=kind))


async def test_listings_in_quick_succession_share_a_purge(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one purges the host. The next ones wait for one that is due: it is placed once the first is old enough,
    and counts for their lists alone."""
    await bench.lose()
    (first,) = await bench.purges.purge([added(1)])
    before = time.time()
    for number in range(2, 12):
        assert await bench.purges.purge([added(number)]) == []
    assert await bench.purges.purge([added(12, "worse")]) == []
    assert [await bench.purges.is_due(name) for name in ("bad", "worse", "other")] == [True, True, False]
    await bench.purges.place_due()
    assert await bench.placed() == 1
    monkeypatch.setattr(module, "LOST_PURGE_SECONDS", 0.0)
    await bench.purges.place_due()
    (order, _), (other, _) = await bench.orders.recent()
    assert (other.id, order.target, order.forgotten) == (first, HOST, 1)
    assert not await bench.purges.is_due("bad")
    assert await bench.orders.lost.of_list("bad", before) == await bench.orders.lost.of_list("worse", before)
    assert await bench.orders.lost.of_list("bad", before) == [order.id]
    assert await bench.orders.lost.of_list("other", before) == []
    await bench.purges.place_due()
    assert await bench.placed() == 2


async def test_one_purge_serves_all_listings_until_more_is_lost(
    settled: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has the same order on record, while that is there. The first one follows the loss at once."""
    monkeypatch.setattr(module, "LOST_PURGE_SECONDS", 0.0)
    await settled.lose()
    changes = [added(number) for number in range(1, 20)]
    ids = [await settled.purges.purge([change]) for change in changes]
    assert len(set(map(tuple, ids))) == 1 and await settled.placed() == 1
    for change in changes:
        assert change.entry and await settled.orders.ids_of_entries([change.entry.id]) == ids[0]
    await settled.lose()
    (newer,) = await settled.purges.purge([added(20)])
    assert [newer] != ids[0]
    assert await settled.purges.purge([added(20)]) == [newer]
    monkeypatch.setattr(module, "REUSE_SECONDS", 0.0)
    await settled.purges.purge([added(21)])
    assert await settled.placed() == 3


async def test_each_host_has_its_own_purges(bench: Bench) -> None:
    """One that was not purged yet does not wait for another."""
    other = replace(HOST, host="other.test")
    await bench.lose()
    await bench.purges.purge([added(1)])
    await bench.lose(other, EVERYWHERE)
    ids = await bench.purges.purge([added(2)])
    assert {order.target for order, _ in await bench.orders.get_many(ids)} == {other, EVERYWHERE}
    assert await bench.purges.is_due("bad")


@pytest.mark.parametrize(
    ("change", "counts_for"),
    [
        (policy(), {"bad"}),
        (policy("good", ListKind.ALLOW), {"bad", "good", "other"}),
        (replace(added(), op="entry.remove"), {"bad", "good", "other"}),
    ],
)
async def test_a_change_of_policy_counts_for_all_entries(bench: Bench, change: Change, counts_for: set[str]) -> None:
    """Of its list, however old they are; of every list, if an allowlist protects less. So does one that is due."""
    await bench.lose()
    for place in (bench.purges.purge([change]), bench.purges.purge([change])):
        await place
        found = {name for name in ("bad", "good", "other") if await bench.orders.lost.of_list(name, 7.0, 7.0)}
        assert found == counts_for
    due = {name for name in ("bad", "good", "other") if await bench.purges.is_due(name)}
    assert due == counts_for


async def test_what_was_lost_late_counts_for_every_listing_before(bench: Bench) -> None:
    """A worker lost what older lists had judged."""
    await bench.purges.purge_late({HOST: 5})
    ((order, _),) = await bench.orders.recent()
    assert order.forgotten == 5
    assert await bench.orders.lost.of_list("any", 7.0, 7.0) == [order.id]


async def test_what_a_worker_may_not_record_again_needs_a_purge_for_each_listing(
    bench: Bench, settled: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if something else is lost there later that is recorded again; and so do losses of earlier versions, which do
    not tell."""
    monkeypatch.setattr(module, "LOST_PURGE_SECONDS", 0.0)
    await bench.lose()
    await settled.lose()
    first = await settled.purges.purge([added(1)])
    assert await settled.purges.purge([added(2)]) != first
    other = replace(HOST, host="earlier.test")
    await bench.store.redis.delete(bench.store.key("{forgotten}", "lost"))
    field = b"\0".join((b"http", b"earlier.test", b"/"))
    await bench.store.redis.hset(bench.store.key("{forgotten}", "lost"), field, f"3 {int(time.time())}")
    third = await settled.purges.purge([added(3)])
    assert await settled.purges.purge([added(4)]) != third
    await settled.lose(other)
    fifth = await settled.purges.purge([added(5)])
    assert await settled.purges.purge([added(6)]) != fifth


async def test_late_losses_in_quick_succession_share_a_purge(settled: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a client makes a host lose something: what is lost after the first purge is purged when the next
    one is due, which counts for every earlier listing. Until then more orders will follow."""
    for _ in range(10):
        await settled.lose()
        await settled.purges.purge_late({HOST: 1})
    assert (await settled.placed(), await settled.purges.is_due("any")) == (1, True)
    monkeypatch.setattr(module, "LOST_PURGE_SECONDS", 0.0)
    await settled.purges.place_due()
    assert (await settled.placed(), await settled.purges.is_due("any")) == (2, False)
    (last, _), (first, _) = await settled.orders.recent()
    assert set(await settled.orders.lost.of_list("any", 7.0, 7.0)) == {first.id, last.id}


async def test_nothing_is_due_where_nothing_is_lost_any_more(settled: Bench) -> None:
    """Every cache has carried out a purge meanwhile, which made up for it."""
    await settled.lose()
    await settled.purges.purge([added(1)])
    await settled.lose()
    await settled.purges.purge([added(2)])
    assert await settled.purges.is_due("bad")
    await settled.forgotten.repair(HOST, time.time() + 60)
    await settled.purges.place_due()
    assert not await settled.purges.is_due("bad")
    assert await settled.placed() == 1


async def test_a_purge_that_became_due_since_is_not_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another controller notes it while this one places the one before."""
    await bench.lose()
    await bench.purges.purge([added(1)])
    await bench.purges.purge([added(2)])
    monkeypatch.setattr(module, "LOST_PURGE_SECONDS", 0.0)
    real = bench.orders.lost.note

    async def note(*args: Any) -> None:
        await real(*args)
        await bench.purges._note_due([HOST], [added(3)])

    monkeypatch.setattr(bench.orders.lost, "note", note)
    await bench.purges.place_due()
    assert await bench.purges.is_due("bad")


async def test_many_entries_of_one_purge_are_noted_by_their_times(bench: Bench) -> None:
    """A refill adds millions again: each of them has the purge on record, and no key of its own."""
    await bench.lose()
    changes = [added(number) for number in range(module.MAX_SHARED + 1)]
    (order_id,) = await bench.purges.purge(changes)
    for change in (changes[0], changes[-1]):
        assert change.entry
        assert await bench.orders.lost.of_list("bad", change.entry.added_at, change.entry.added_at) == [order_id]
    assert changes[-1].entry and await bench.orders.ids_of_entries([changes[-1].entry.id]) == []


async def test_a_purge_whose_time_is_not_known_makes_up_for_nothing(
    stepping: SteppingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's clock was set back: the ids of older and newer orders have a time that is still to come. So a loss
    after such a purge needs another one, though the pause of those who placed it is kept; and nothing is repaired."""
    store = await Store.connect(stepping.url, "steps", STORE_TIMEOUT_MS)
    bench = Bench(store, recorded_again=True)
    await bench.orders.clock.look()
    await bench.lose()
    (first,) = await bench.purges.purge([added(1)])
    await stepping.step_and_wait(store, -40 * 86400.0)
    await bench.orders.clock.look()
    await bench.lose()
    assert await bench.purges.purge([added(2)]) == []
    bench = Bench(store, recorded_again=True)
    await bench.orders.clock.look()
    (second,) = await bench.purges.purge([added(2)])
    assert second > first
    await bench.lose()
    assert await bench.purges.purge([added(3)]) == []
    await bench.purges.place_due()
    assert await bench.placed() == 2
    monkeypatch.setattr(module, "LOST_PURGE_SECONDS", 0.0)
    await bench.purges.place_due()
    assert await bench.placed() == 3
    assert not await bench.purges.is_due("bad")
    await bench.orders.ensure_group("edge")
    ids = [order.id for order in await bench.orders.take("edge", "c", 10, 10)]
    await finish(bench.orders, "edge", *ids)
    await ForgottenPurges(store, bench.forgotten, bench.orders).check(["edge"])
    assert await bench.forgotten.lost() == {HOST: 3}
    await store.close()
