"""The clock of repeats and of trimming, on a real store whose clock steps."""

import time

import pytest
from tests.conftest import STORE_TIMEOUT_MS
from tests.purging.samples import finish, metric_value, outcome, plain_order
from tests.support.eventually import eventually
from tests.support.stepping_store import SteppingStore

from edgeward.lists.replication.membership import Membership
from edgeward.purging.orders import Orders, PurgeResult
from edgeward.purging.repeat_schedule import repeat_id_of
from edgeward.purging.schedule_clock import NotTrimmed
from edgeward.store.connection import Store
from edgeward.store.shared_time import SharedTime, boot_seconds

DAY = 86400.0


async def connect(server: SteppingStore) -> Orders:
    """What a controller knows, after its first look."""
    orders = Orders(await Store.connect(server.url, "steps", STORE_TIMEOUT_MS))
    await orders.clock.look()
    return orders


async def purge_once(orders: Orders, repeat_after: float) -> str:
    """An order that was carried out once and is to be repeated later."""
    (order_id,) = await orders.place([plain_order("/a")])
    await orders.ensure_group("edge")
    await orders.take("edge", "c", 1, 10)
    now = orders.clock.now()
    repeat = repeat_id_of(order_id, now), now + repeat_after
    await orders.record_results("edge", [PurgeResult(order_id, outcome(order_id, "edge"), next_repeat=repeat)])
    return order_id


async def test_a_step_while_no_controller_runs_is_taken_from_others(stepping: SteppingStore) -> None:
    """A worker notices it. The controller that starts then takes it, once; repeats keep their times."""
    before = await connect(stepping)
    controllers = [before]
    order_id = await purge_once(before, 1000)
    await stepping.step_and_wait(before._store, 40 * DAY)
    await before._store.clock.learn()
    for late in (0.0, 0.4):
        await Membership(before._store).note_clock_step(40 * DAY, before._store.clock.now() + late)
    for _ in range(2):
        started = await connect(stepping)
        controllers.append(started)
        assert abs(started.clock.shift - 40 * DAY) < 60
        assert await started.due_repeats("edge", started.clock.now()) == []
        await started.clock.look()
    found = await started.due_repeats("edge", started.clock.now() + 1060)
    assert [each.order.id for each in found] == [order_id]
    for orders in controllers:
        await orders._store.close()


async def test_a_step_moves_no_repeat(stepping: SteppingStore) -> None:
    """Whichever controller notices it; it is noted once. Repeats come neither early nor late."""
    controllers = [await connect(stepping), await connect(stepping)]
    first, second = controllers
    order_id = await purge_once(first, 1000)
    for number, seconds in enumerate((600.0, 5000.0, -300.0), 1):
        await stepping.step_and_wait(first._store, seconds)
        before = [each.clock.now() for each in controllers]
        for each in (*controllers, *controllers):
            await each.clock.look()
        for each, earlier in zip(controllers, before, strict=True):
            assert 0 <= each.clock.now() - earlier < 60
            assert await each.due_repeats("edge", each.clock.now()) == []
        noted = await first._store.redis.hget(first._store.key("{purges}", "clock"), "steps")
        assert int(noted) == number
    late = await connect(stepping)
    assert abs(late.clock.now() - second.clock.now()) < 5
    found = await late.due_repeats("edge", late.clock.now() + 1000)
    assert [repeat.order.id for repeat in found] == [order_id]
    for orders in (*controllers, late):
        await orders._store.close()


async def test_a_machine_that_stood_still_is_no_step(stepping: SteppingStore) -> None:
    """Where another controller has seen the time pass."""
    sleeping, awake = await connect(stepping), await connect(stepping)
    store, passed = sleeping._store, [0.0]
    awake._store.clock = SharedTime(awake._store._time, time.time, lambda: boot_seconds() + passed[0])
    await awake.clock.look()
    passed[0] = 500.0
    await stepping.step_and_wait(store, 500.0)
    await awake.clock.look()
    await sleeping.clock.look()
    assert await store.redis.hget(store.key("{purges}", "clock"), "shift") == b"0.000000"
    assert abs(sleeping.clock.now() - awake.clock.now()) < 5
    for orders in (sleeping, awake):
        await orders._store.close()


async def test_nothing_is_trimmed_for_a_day_after_a_step(
    stepping: SteppingStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither by the controller that saw it, nor by one that starts later. It is in the log and in the metric."""
    orders = await connect(stepping)
    await purge_once(orders, 1000)
    await stepping.step_and_wait(orders._store, 40 * DAY)
    # The machine of the controllers is set forwards with it.
    ahead = SharedTime(orders._store._time, lambda: time.time() + 40 * DAY)
    ahead._bounds, ahead._learned_at = orders._store.clock._bounds, orders._store.clock._learned_at
    orders._store.clock = ahead
    await orders.trim(30 * DAY)
    assert (len(await orders.recent()), orders.clock.refusal) == (1, NotTrimmed.STEP)
    assert "may have stepped" in caplog.text
    assert metric_value("edgeward_trimming_refused", reason="step") == 1
    later = await Store.connect(stepping.url, "steps", STORE_TIMEOUT_MS)
    later.clock = SharedTime(later._time, lambda: time.time() + 40 * DAY)
    await Orders(later).trim(30 * DAY)
    assert len(await orders.recent()) == 1
    await later.redis.hset(later.key("{purges}", "clock"), "stepped", f"{later.clock.now() - 1.1 * DAY:.3f}")
    await Orders(later).trim(30 * DAY)
    assert await orders.recent() == []
    for store in (later, orders._store):
        await store.close()


async def test_clock_set_back_while_nobody_looked(stepping: SteppingStore) -> None:
    """A controller that starts then takes the step out too, as the last look lies ahead."""
    orders = await connect(stepping)
    await purge_once(orders, 50)
    await stepping.step_and_wait(orders._store, -3600)
    late = await connect(stepping)
    assert [len(await late.due_repeats("edge", late.clock.now() + seconds)) for seconds in (20, 60)] == [0, 1]
    for each in (orders, late):
        await each._store.close()


async def test_a_long_time_without_a_controller_delays_trimming(store: Store) -> None:
    """Nobody can tell it from a step."""
    orders = Orders(store)
    await orders.clock.look()
    await store.redis.hset(store.key("{purges}", "clock"), "looked", f"{store.clock.now() - 2 * 3600:.3f}")
    late = Orders(store)
    assert not await late.clock.may_trim()
    assert late.clock.refusal is NotTrimmed.STEP


async def test_a_controller_with_a_wrong_clock_trims_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """32 days ahead or behind: orders, outcomes and the nodes' queues stay, and it says so."""
    orders = Orders(store)
    await purge_once(orders, 1000)
    await orders.place([plain_order("/owed")])
    nodes = await orders.nodes.all()
    for seconds in (32 * DAY, -32 * DAY):
        store.clock = SharedTime(store._time, lambda by=seconds: time.time() + by)  # type: ignore[misc]
        wrong = Orders(store)
        await wrong.trim(0.0)
        assert wrong.clock.refusal is NotTrimmed.SKEW
        assert len(await wrong.recent()) == 2
        assert await wrong.nodes.all() == nodes
        assert "nothing is removed for its age" in caplog.text
        assert metric_value("edgeward_trimming_refused", reason="skew") == 1
        caplog.clear()


async def test_how_long_an_order_has_been_owed(stepping: SteppingStore) -> None:
    """Steps of the store's clock make none older or younger, whether it was placed before, between or after them."""
    orders = await connect(stepping)
    store = orders._store
    await orders.ensure_group("edge")
    ids = await orders.place([plain_order("/0")])
    await orders.take("edge", "c", 1, 10)
    for days in (40, -60, 10):
        await stepping.step_and_wait(store, days * DAY)
        await orders.clock.look()
        ids += await orders.place([plain_order(f"/{days}")])
    for number, order_id in enumerate(ids):
        assert orders.clock.seconds_since(order_id) < 60
        count, age = await orders.pending("edge")
        assert (count, 0.0 <= age < 60) == (len(ids) - number, True)

        async def is_older(than: float = age) -> bool:
            return (await orders.pending("edge"))[1] > than

        # Though its time may be still to come by the store's clock.
        await eventually(is_older)
        await finish(orders, "edge", order_id)
        await orders.take("edge", "c", 1, 10)
    assert await orders.pending("edge") == (0, 0.0)
    late = await connect(stepping)
    assert all(late.clock.seconds_since(order_id) < 60 for order_id in ids)
    for each in (orders, late):
        await each._store.close()
