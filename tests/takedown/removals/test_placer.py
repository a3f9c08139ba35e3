"""Carrying takedowns out: on a real Redis, by several, some of whom die."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest
from tests.takedown.conftest import image, until
from tests.takedown.removals.desk import KEEP_SECONDS, Desk, asked, open_desk

from edgeward import metrics
from edgeward.store.connection import Store
from edgeward.takedown.removals import placer as module
from edgeward.takedown.removals import takedowns as leases
from edgeward.takedown.removals.parts import AT_ONCE
from edgeward.types import Outcome, PurgeOrder, Target


def many(count: int) -> tuple[Target, ...]:
    return tuple(Target("http", "img.test", f"/{number}") for number in range(count))


async def idle(desk: Desk, monkeypatch: pytest.MonkeyPatch, tick: float) -> None:
    """Starts its placer, and returns when that has found nothing to do. It looks again after `tick` seconds."""
    monkeypatch.setattr(module, "TICK_SECONDS", tick)
    looked, claim = asyncio.Event(), desk.takedowns.claim

    async def told(limit: int, in_hand: Sequence[str]) -> list[str]:
        claimed = await claim(limit, in_hand)
        looked.set()
        return claimed

    monkeypatch.setattr(desk.takedowns, "claim", told)
    await desk.placer.start()
    await looked.wait()


async def test_a_takedown_is_carried_out_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Woken, the placer does not wait until it would look by itself; the orders are on the takedown's record."""
    async with open_desk(store) as desk:
        await idle(desk, monkeypatch, tick=60)
        await desk.takedowns.create(asked(urls=many(3)))
        desk.placer.wake()
        progress = await desk.finished("td-1")
        assert progress.orders == 6
        ids = await desk.takedowns.orders("td-1")
        assert {order.takedown for order, _ in await desk.orders.of(ids)} == {"td-1"}
        assert len(await desk.orders.of(ids)) == 6


async def test_a_takedown_asked_for_elsewhere_is_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody woke this controller: it looks by itself."""
    async with open_desk(store) as desk:
        await idle(desk, monkeypatch, tick=0.05)
        await desk.takedowns.create(asked(urls=many(1)))
        assert (await desk.finished("td-1")).orders == 2


class _Stuck(Desk):
    """Dies in the middle of its work: the second part never comes to its end."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.there = asyncio.Event()
        whole = self.parts.of

        async def stuck() -> AsyncGenerator[list[str]]:
            self.there.set()
            await asyncio.Event().wait()
            yield []

        self.parts.of = lambda takedown: [whole(takedown)[0], stuck]  # type: ignore[method-assign]


async def test_what_a_dead_controller_began_is_finished(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another goes on after the last part that was noted: every URL is ordered out once, none is left out."""
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.2)
    monkeypatch.setattr(module, "TICK_SECONDS", 0.05)
    async with open_desk(store) as desk:
        dying = _Stuck(store)
        await dying.takedowns.create(asked(urls=many(AT_ONCE + 10)))
        await dying.placer.start()
        await dying.there.wait()
        assert (await desk.takedowns.get("td-1"))[1].parts == 1
        await dying.placer.close()
        await desk.placer.start()
        progress = await desk.finished("td-1")
        assert progress.orders == 2 * (AT_ONCE + 10)
        ids = [order_id async for order_id in desk.takedowns.all_orders("td-1")]
        assert len({order.target for order, _ in await desk.orders.of(ids)}) == progress.orders


async def test_one_that_works_long_is_left_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as its controller lives it renews its lease, and nobody else takes it up, however long it takes."""
    monkeypatch.setattr(leases, "LEASE_SECONDS", 3600.0)
    monkeypatch.setattr(module, "TICK_SECONDS", 0.05)
    async with open_desk(store) as desk:
        working = _Stuck(store)
        await working.takedowns.create(asked(urls=many(1)))
        await working.placer.start()
        await working.there.wait()
        for _ in range(2):
            # As if it had worked for 50 minutes since.
            await store.redis.zadd(store.key("{takedowns}", "open"), {"td-1": time.time() + 600})
            await until(lambda: has_lease(store, "td-1", 3000))
        assert await desk.takedowns.claim(5, []) == []
        await working.placer.close()


async def has_lease(store: Store, takedown_id: str, seconds: float) -> bool:
    """Whether it is somebody's for so long."""
    end = await store.redis.zscore(store.key("{takedowns}", "open"), takedown_id)
    return end is not None and end > time.time() + seconds


async def test_a_defect_in_one_does_not_stop_the_others(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A takedown that can't be read is counted and stays open; the next is carried out."""
    monkeypatch.setattr(leases, "LEASE_SECONDS", 3600.0)  # it is tried once
    monkeypatch.setattr(module, "TICK_SECONDS", 0.05)
    async with open_desk(store) as desk:
        before = metrics.gate_errors.labels("placer")._value.get()
        await desk.takedowns.create(asked("td-broken", urls=many(1)))
        await store.redis.hset(store.key("{takedowns}", "record", "td-broken"), "takedown", b"{")
        await desk.placer.start()
        await desk.takedowns.create(asked("td-2", urls=many(1)))
        await desk.finished("td-2")
        await until(lambda: metrics.gate_errors.labels("placer")._value.get() > before)
        assert metrics.gate_errors.labels("placer")._value.get() == before + 1


async def test_old_takedowns_go_with_their_last_order(store: Store) -> None:
    """One whose orders are forgotten goes, one that has an order on record stays, and so does a young one."""
    async with open_desk(store) as desk:
        await desk.see("http://img.test/0", image("a"))
        old = time.time() - 2 * KEEP_SECONDS
        for name, at in (("td-gone", old), ("td-kept", old), ("td-young", time.time())):
            await desk.takedowns.create(replace(asked(name, urls=many(1)), at=at))
        await desk.placer.start()
        for name in ("td-gone", "td-kept", "td-young"):
            await desk.finished(name)
        await desk.placer.close()
        for order_id in await desk.takedowns.orders("td-gone"):
            await store.redis.xdel(store.key("{purges}", "orders"), order_id)
        await Desk(store).placer._forget()
        assert {found.id for found, _ in await desk.takedowns.recent()} == {"td-kept", "td-young"}


async def test_one_that_ends_meanwhile_is_not_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old takedown gets its orders while the placer looks for those whose orders are gone: its own are not."""
    desk = Desk(store)
    await desk.takedowns.create(replace(asked(urls=many(1)), at=time.time() - 2 * KEEP_SECONDS))
    of = desk.orders.of

    async def carried_out_first(ids: Sequence[str]) -> list[tuple[PurgeOrder, dict[str, Outcome]]]:
        await desk.takedowns.note_part("td-1", 1, ["1-0"])
        await desk.takedowns.finish("td-1")
        return await of(ids)

    monkeypatch.setattr(desk.orders, "of", carried_out_first)
    await desk.placer._forget()
    assert (await desk.takedowns.get("td-1"))[1].orders == 1
