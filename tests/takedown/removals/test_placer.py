"""Carrying takedowns out: on a real Redis, by several, some of whom die."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from tests.takedown.conftest import image
from tests.takedown.removals.desk import KEEP_SECONDS, Desk, asked, open_desk

from edgeward import metrics
from edgeward.store.connection import Store
from edgeward.takedown.removals import placer as module
from edgeward.takedown.removals import takedowns as leases
from edgeward.takedown.removals.parts import AT_ONCE
from edgeward.types import Target


def many(count: int) -> tuple[Target, ...]:
    return tuple(Target("http", "img.test", f"/{number}") for number in range(count))


async def test_a_takedown_is_carried_out_at_once(store: Store) -> None:
    """Woken, the placer places all orders within a fraction of a second, and they are on the takedown's record."""
    async with open_desk(store) as desk:
        await desk.placer.start()
        await desk.takedowns.create(asked(urls=many(3)))
        began = time.monotonic()
        desk.placer.wake()
        progress = await desk.finished("td-1")
        assert time.monotonic() - began < 0.5
        assert progress.orders == 6
        ids = await desk.takedowns.orders("td-1")
        assert {order.takedown for order, _ in await desk.orders.of(ids)} == {"td-1"}
        assert len(await desk.orders.of(ids)) == 6


async def test_a_takedown_asked_for_elsewhere_is_found(store: Store) -> None:
    """Nobody woke this controller: it looks by itself."""
    async with open_desk(store) as desk:
        await desk.placer.start()
        await asyncio.sleep(0.05)
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
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.5)
    monkeypatch.setattr(module, "TICK_SECONDS", 0.1)
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
    """As long as its controller lives nobody else takes it up, however long it takes."""
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(module, "TICK_SECONDS", 0.05)
    async with open_desk(store) as desk:
        working = _Stuck(store)
        await working.takedowns.create(asked(urls=many(1)))
        await working.placer.start()
        await working.there.wait()
        await asyncio.sleep(0.6)
        assert await desk.takedowns.claim(5, []) == []
        await working.placer.close()


async def test_a_defect_in_one_does_not_stop_the_others(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A takedown that can't be read is counted and stays open; the next is carried out."""
    monkeypatch.setattr(module, "TICK_SECONDS", 0.05)
    async with open_desk(store) as desk:
        before = metrics.gate_errors.labels("placer")._value.get()
        await desk.takedowns.create(asked("td-broken", urls=many(1)))
        await store.redis.hset(store.key("{takedowns}", "record", "td-broken"), "takedown", b"{")
        await desk.placer.start()
        await desk.takedowns.create(asked("td-2", urls=many(1)))
        await desk.finished("td-2")
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
