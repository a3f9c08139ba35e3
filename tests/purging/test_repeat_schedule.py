"""Repeats of purges, scheduled in a real Redis."""

import time

from tests.purging.samples import order, outcome

from edgeward.purging.orders import Orders, PurgeResult
from edgeward.purging.repeat_schedule import LEASE_SECONDS, first_purged_at, repeat_id_of
from edgeward.store.connection import Store
from edgeward.types import Delivery


async def purge_first(orders: Orders, order_id: str, repeat_id: str, due: float) -> None:
    """Record the first purge of an order, and its repeat."""
    result = PurgeResult(order_id, outcome(order_id, "edge"), next_repeat=(repeat_id, due))
    await orders.record_results("edge", [result])


async def test_repeats_come_due(store: Store) -> None:
    """A repeat is handed out when it is due, to one taker; again after its lease has ended; never once it is done."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    (order_id,) = await orders.place([order()])
    (taken,) = await orders.take("edge", "c", 1, 10)
    now = time.time()
    await purge_first(orders, order_id, repeat_id_of(order_id, now), now + 5)
    assert await orders.due_repeats("edge", now) == []
    (repeat,) = await orders.due_repeats("edge", now + 6)
    assert repeat.order == taken and repeat.previous and repeat.previous.delivery is Delivery.VERIFIED
    assert abs(first_purged_at(repeat.repeat_id) - now) < 0.001
    assert await orders.due_repeats("edge", now + 7) == []
    (again,) = await orders.due_repeats("edge", now + 6 + LEASE_SECONDS + 1)
    await orders.record_results("edge", [PurgeResult(order_id, None, again.repeat_id)])
    assert await orders.due_repeats("edge", now + 100) == []


async def test_the_next_repeat_has_the_same_id(store: Store) -> None:
    """Recording a repeat schedules the next one under the same id, and does not remove it."""
    orders = Orders(store)
    (order_id,) = await orders.place([order()])
    repeat_id, now = repeat_id_of(order_id, 1.0), time.time()
    await purge_first(orders, order_id, repeat_id, now - 1)
    (repeat,) = await orders.due_repeats("edge", now)
    await orders.record_results("edge", [PurgeResult(order_id, None, repeat.repeat_id, (repeat_id, now + 50))])
    assert await orders.due_repeats("edge", now + 49) == []
    assert [each.repeat_id for each in await orders.due_repeats("edge", now + 51)] == [repeat_id]


async def test_a_renewed_repeat_is_not_handed_out(store: Store) -> None:
    """A repeat whose lease is renewed is handed out to nobody else; a renewal does not bring back one that is done."""
    orders = Orders(store)
    (order_id,) = await orders.place([order()])
    repeat_id, now = repeat_id_of(order_id, 1.0), time.time()
    await purge_first(orders, order_id, repeat_id, now - 100)
    assert len(await orders.due_repeats("edge", now - 50)) == 1
    await orders.renew_leases("edge", "c", [], [repeat_id])
    assert await orders.due_repeats("edge", now) == []
    await orders.record_results("edge", [PurgeResult(order_id, None, repeat_id)])
    await orders.renew_leases("edge", "c", [], [repeat_id])
    assert await orders.due_repeats("edge", now + 100) == []


async def test_a_late_renewal_does_not_hasten_the_next_repeat(store: Store) -> None:
    """A renewal for a repeat that is done already leaves the next one at its due time."""
    orders = Orders(store)
    (order_id,) = await orders.place([order()])
    repeat_id, now = repeat_id_of(order_id, 1.0), time.time()
    await purge_first(orders, order_id, repeat_id, now + 600)
    await orders.renew_leases("edge", "c", [], [repeat_id])
    assert await orders.due_repeats("edge", now + 599) == []
    assert len(await orders.due_repeats("edge", now + 601)) == 1


async def test_forgotten_orders_have_no_repeats(store: Store) -> None:
    """The repeat of an order that is no longer on record is dropped."""
    orders = Orders(store)
    (order_id,) = await orders.place([order()])
    await purge_first(orders, order_id, repeat_id_of(order_id, 1.0), 1.0)
    await store.redis.xtrim(store.key("{purges}", "orders"), maxlen=0, approximate=False)
    assert await orders.due_repeats("edge", time.time()) == []
    assert await store.redis.zcard(store.key("{purges}", "repeats", "edge")) == 0
