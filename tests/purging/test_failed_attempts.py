"""Why orders wait, on a real Redis."""

import time

from tests.purging.samples import finish, order

from edgeward.purging.orders import Orders
from edgeward.store.connection import Store
from edgeward.types import Delivery, Outcome


def _failure(order_id: str, cache: str, attempts: int = 1) -> Outcome:
    return Outcome(order_id, cache, Delivery.WAITING, round(time.time(), 3), attempts, 503, "status 503")


async def test_the_last_failed_attempt_is_on_record_while_an_order_waits(store: Store) -> None:
    """By order and cache, with the number of attempts. When the order is carried out, the record is gone."""
    orders = Orders(store)
    for name in ("one", "two"):
        await orders.ensure_group(name)
    first, second = await orders.place([order("/a"), order("/b")])
    failures = [_failure(first, "one", 1), _failure(second, "one", 1)]
    await orders.failed_attempts.note("one", failures)
    later = _failure(first, "one", 2)
    await orders.failed_attempts.note("one", [later])
    await orders.failed_attempts.note("two", [])
    ids, caches = [first, second, "9-9"], ["one", "two"]
    assert await orders.failed_attempts.of(ids, caches) == {first: {"one": later}, second: {"one": failures[1]}}
    await finish(orders, "one", first)
    assert await orders.failed_attempts.of(ids, caches) == {second: {"one": failures[1]}}
    assert await orders.failed_attempts.of([], caches) == await orders.failed_attempts.of(ids, []) == {}


async def test_an_order_that_was_carried_out_meanwhile_is_not_noted(store: Store) -> None:
    """The note comes later than the outcome: nothing would remove it."""
    orders = Orders(store)
    await orders.ensure_group("one")
    (order_id,) = await orders.place([order()])
    await finish(orders, "one", order_id)
    await orders.failed_attempts.note("one", [_failure(order_id, "one")])
    assert await store.redis.hlen(orders.failed_attempts.key("one")) == 0
