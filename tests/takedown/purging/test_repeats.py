"""Repeats of purges, scheduled in a real Redis."""

import time

from tests.takedown.purging.test_orders import order, outcome

from edgeward.store.connection import Store
from edgeward.takedown.purging.orders import Done, Orders
from edgeward.takedown.purging.repeats import LEASE_SECONDS, base_of, member_of
from edgeward.types import Delivery


async def test_repeats_come_due(store: Store) -> None:
    """A repeat is handed out when its time has come, to one taker, again after its lease, and never once done."""
    orders = Orders(store)
    await orders.ensure_group("edge")
    (order_id,) = await orders.place([order()])
    (taken,) = await orders.take("edge", "c", 1, 10)
    now = time.time()
    member = member_of(order_id, now)
    await orders.done_many("edge", [Done(order_id, outcome(order_id, "edge"), again=(member, now + 5))])
    assert await orders.due_repeats("edge", now) == []
    (repeat,) = await orders.due_repeats("edge", now + 6)
    assert repeat.order == taken and repeat.previous and repeat.previous.delivery is Delivery.VERIFIED
    assert abs(base_of(repeat.member) - now) < 0.001
    assert await orders.due_repeats("edge", now + 7) == []
    (again,) = await orders.due_repeats("edge", now + 6 + LEASE_SECONDS + 1)
    await orders.done_many("edge", [Done(order_id, None, again.member)])
    assert await orders.due_repeats("edge", now + 100) == []


async def test_the_next_one_takes_its_place(store: Store) -> None:
    """A repeat that is done and one that follows it are told apart, though they have one name."""
    orders = Orders(store)
    (order_id,) = await orders.place([order()])
    member, now = member_of(order_id, 1.0), time.time()
    await orders.done_many("edge", [Done(order_id, outcome(order_id, "edge"), again=(member, now - 1))])
    (repeat,) = await orders.due_repeats("edge", now)
    await orders.done_many("edge", [Done(order_id, None, repeat.member, (member, now + 50))])
    assert await orders.due_repeats("edge", now + 49) == []
    assert [each.member for each in await orders.due_repeats("edge", now + 51)] == [member]


async def test_what_is_held_is_not_handed_out(store: Store) -> None:
    """A repeat that is still being worked on is handed out to nobody else; one that is done is not brought back."""
    orders = Orders(store)
    (order_id,) = await orders.place([order()])
    member, now = member_of(order_id, 1.0), time.time()
    await orders.done_many("edge", [Done(order_id, outcome(order_id, "edge"), again=(member, now - 100))])
    assert len(await orders.due_repeats("edge", now - 50)) == 1
    await orders.hold("edge", "c", [], [member])
    assert await orders.due_repeats("edge", now) == []
    await orders.done_many("edge", [Done(order_id, None, member)])
    await orders.hold("edge", "c", [], [member])
    assert await orders.due_repeats("edge", now + 100) == []


async def test_to_hold_one_that_is_done_does_not_hasten_the_next(store: Store) -> None:
    """A repeat that was done before it was to be held is followed by the next one at its time, and no sooner."""
    orders = Orders(store)
    (order_id,) = await orders.place([order()])
    member, now = member_of(order_id, 1.0), time.time()
    await orders.done_many("edge", [Done(order_id, outcome(order_id, "edge"), again=(member, now + 600))])
    await orders.hold("edge", "c", [], [member])
    assert await orders.due_repeats("edge", now + 599) == []
    assert len(await orders.due_repeats("edge", now + 601)) == 1


async def test_forgotten_orders_have_no_repeats(store: Store) -> None:
    """The repeat of an order that is not on record any more goes with it."""
    orders = Orders(store)
    (order_id,) = await orders.place([order()])
    again = (member_of(order_id, 1.0), 1.0)
    await orders.done_many("edge", [Done(order_id, outcome(order_id, "edge"), again=again)])
    await store.redis.xtrim(store.key("{purges}", "orders"), maxlen=0, approximate=False)
    assert await orders.due_repeats("edge", time.time()) == []
    assert await store.redis.zcard(store.key("{purges}", "repeats", "edge")) == 0
