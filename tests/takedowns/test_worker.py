"""Carrying takedowns out, on a real Redis, with controllers that die."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest
from tests.support.eventually import eventually
from tests.support.logs import own_messages
from tests.support.real_caches import image
from tests.takedowns.controller import KEEP_SECONDS, Controller, make_takedown, open_controller

from edgeward import metrics
from edgeward.background import job_store, job_worker
from edgeward.store.connection import Store
from edgeward.takedowns import worker as takedown_worker
from edgeward.takedowns.steps import ITEMS_PER_STEP
from edgeward.types import Outcome, PurgeOrder, Target


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers look for takedowns all the time."""
    monkeypatch.setattr(job_worker, "TICK_SECONDS", 0.05)


def targets(count: int) -> tuple[Target, ...]:
    return tuple(Target("http", "img.test", f"/{number}") for number in range(count))


async def start_idle(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the takedown worker, and return when it has found nothing to do."""
    looked, claim = asyncio.Event(), controller.takedowns.job_store.claim

    async def noted(limit: int, held: Sequence[str], left: Sequence[str] = ()) -> list[str]:
        claimed = await claim(limit, held, left)
        looked.set()
        return claimed

    monkeypatch.setattr(controller.takedowns.job_store, "claim", noted)
    await controller.takedown_worker.start()
    await looked.wait()


async def test_a_takedown_is_carried_out_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is woken does not wait for its next look; the takedown has its orders."""
    monkeypatch.setattr(job_worker, "TICK_SECONDS", 60.0)
    async with open_controller(store) as controller:
        await start_idle(controller, monkeypatch)
        await controller.takedowns.create(make_takedown(urls=targets(3)))
        controller.takedown_worker.wake()
        progress = await controller.finished("td-1")
        assert progress.orders == 6
        ids = await controller.takedowns.orders("td-1")
        assert {order.takedown for order, _ in await controller.orders.get_many(ids)} == {"td-1"}
        assert len(await controller.orders.get_many(ids)) == 6


@pytest.mark.usefixtures("quick")
async def test_a_takedown_of_another_controller_is_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is not woken looks by itself."""
    async with open_controller(store) as controller:
        await start_idle(controller, monkeypatch)
        await controller.takedowns.create(make_takedown(urls=targets(1)))
        assert (await controller.finished("td-1")).orders == 2


class _Stuck(Controller):
    """Never comes to the end of the second step."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.in_second_step = asyncio.Event()
        plan = self.steps.plan

        async def stuck() -> AsyncGenerator[list[str]]:
            self.in_second_step.set()
            await asyncio.Event().wait()
            yield []

        self.steps.plan = lambda takedown: [plan(takedown)[0], stuck]  # type: ignore[method-assign]


@pytest.mark.usefixtures("quick")
async def test_what_a_dead_controller_began_is_finished(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another goes on after the last step that was noted: every URL is purged once, and none is left out."""
    monkeypatch.setattr(job_store, "LEASE_SECONDS", 0.2)
    async with open_controller(store) as controller:
        dying = _Stuck(store)
        await dying.takedowns.create(make_takedown(urls=targets(ITEMS_PER_STEP + 10)))
        await dying.takedown_worker.start()
        await dying.in_second_step.wait()
        assert (await controller.takedowns.get("td-1"))[1].steps == 1
        await dying.takedown_worker.close()
        await controller.takedown_worker.start()
        progress = await controller.finished("td-1")
        assert progress.orders == 2 * (ITEMS_PER_STEP + 10)
        ids = [order_id async for order_id in controller.takedowns.all_orders("td-1")]
        assert len({order.target for order, _ in await controller.orders.get_many(ids)}) == progress.orders


@pytest.mark.usefixtures("quick")
async def test_a_defect_in_one_does_not_stop_the_others(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A takedown that can't be read is counted and stays open; the next is carried out."""
    monkeypatch.setattr(job_store, "LEASE_SECONDS", 3600.0)  # it is tried once

    def defects() -> float:
        return metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "takedowns"}) or 0.0

    async with open_controller(store) as controller:
        before = defects()
        await controller.takedowns.create(make_takedown("td-broken", urls=targets(1)))
        await store.redis.hset(store.key("{takedowns}", "record", "td-broken"), "takedown", b"{")
        await controller.takedown_worker.start()
        await controller.takedowns.create(make_takedown("td-2", urls=targets(1)))
        await controller.finished("td-2")
        await eventually(lambda: defects() > before)
        assert defects() == before + 1
        assert await store.redis.zscore(store.key("{takedowns}", "open"), "td-broken") is not None


async def test_old_takedowns_go_with_their_last_order(store: Store) -> None:
    """A takedown whose orders are forgotten goes; one that has an order left stays, and so does a young one."""
    async with open_controller(store) as controller:
        await controller.see("http://img.test/0", image("a"))
        old = time.time() - 2 * KEEP_SECONDS
        for name, at in (("td-forgotten", old), ("td-with-order", old), ("td-young", time.time())):
            await controller.takedowns.create(replace(make_takedown(name, urls=targets(1)), at=at))
        await controller.takedown_worker.start()
        for name in ("td-forgotten", "td-with-order", "td-young"):
            await controller.finished(name)
        await controller.takedown_worker.close()
        for order_id in await controller.takedowns.orders("td-forgotten"):
            await store.redis.xdel(store.key("{purges}", "orders"), order_id)
        await Controller(store).takedown_worker.forget_old()
        assert {found.id for found, _ in await controller.takedowns.recent()} == {"td-with-order", "td-young"}


async def test_a_worker_forgets_when_it_starts(store: Store) -> None:
    """A finished takedown that is old and has no order left is removed by a worker that runs."""
    controller = Controller(store)
    await controller.takedowns.create(replace(make_takedown(), at=time.time() - 2 * KEEP_SECONDS))
    await controller.takedowns.finish("td-1")
    await controller.takedown_worker.start()

    async def is_forgotten() -> bool:
        return not await controller.takedowns.recent()

    await eventually(is_forgotten)
    await controller.takedown_worker.close()


async def test_one_that_ends_meanwhile_is_not_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old takedown that gets its orders while forgotten ones are looked for stays."""
    controller = Controller(store)
    await controller.takedowns.create(replace(make_takedown(urls=targets(1)), at=time.time() - 2 * KEEP_SECONDS))
    orders_of = controller.orders.get_many

    async def carried_out_first(ids: Sequence[str]) -> list[tuple[PurgeOrder, dict[str, Outcome]]]:
        await controller.takedowns.note_steps("td-1", 1, ["1-0"])
        await controller.takedowns.finish("td-1")
        return await orders_of(ids)

    monkeypatch.setattr(controller.orders, "get_many", carried_out_first)
    await controller.takedown_worker.forget_old()
    assert (await controller.takedowns.get("td-1"))[1].orders == 1


async def test_two_controllers_forget_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller that finds the same old takedowns as another, and is later, forgets what the other left."""
    one, other = Controller(store), Controller(store)
    for number in range(3):
        await one.takedowns.create(replace(make_takedown(f"td-{number}"), at=time.time() - 2 * KEEP_SECONDS))
        await one.takedowns.finish(f"td-{number}")
    find = other.takedowns.finished_before

    async def find_with_the_other(at: float) -> list[tuple[str, str]]:
        found = await find(at)
        await one.takedowns.forget("td-0")
        return found

    monkeypatch.setattr(other.takedowns, "finished_before", find_with_the_other)
    await other.takedown_worker.forget_old()
    assert await store.redis.keys(store.key("{takedowns}", "*")) == []


async def test_forgetting_is_retried_soon(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A look for old takedowns that fails is retried long before the next is due. The outage is logged once."""
    monkeypatch.setattr(takedown_worker, "FORGET_RETRY_SECONDS", 0.01)
    controller, looks = Controller(store), list[float]()

    async def fail_at_first(at: float) -> list[tuple[str, str]]:
        looks.append(at)
        if len(looks) == 1:
            raise ConnectionError
        return []

    monkeypatch.setattr(controller.takedowns, "finished_before", fail_at_first)
    await controller.takedown_worker.start()
    await eventually(lambda: len(looks) == 2)
    await controller.takedown_worker.close()
    assert own_messages(caplog) == [
        "takedowns: the store is unavailable, trying again: ConnectionError",
        "takedowns: the store is available again",
    ]
