"""Orders and outcomes for tests, and the value of a metric."""

import time

from tests.support.real_caches import target

from edgeward import metrics
from edgeward.purging.orders import Orders, PurgeResult
from edgeward.types import Cause, Delivery, Outcome, PurgeOrder, Target


def order(path: str = "/p") -> PurgeOrder:
    """An order in which every usual field is set."""
    varying = Target("http", "img.test", path, (("accept", "*/*"),), 7)
    return PurgeOrder(varying, Cause.LISTING, time.time(), "ab" * 32, "e1", "why", "who")


def plain_order(path: str) -> PurgeOrder:
    """An order for a target without varying headers."""
    return PurgeOrder(target(path), Cause.LISTING, time.time())


def outcome(order_id: str, cache: str, delivery: Delivery = Delivery.VERIFIED) -> Outcome:
    return Outcome(order_id, cache, delivery, time.time(), 1, 404, "")


async def finish(orders: Orders, cache: str, *ids: str, delivery: Delivery = Delivery.VERIFIED) -> None:
    """Record that a cache has done these orders."""
    await orders.record_results(cache, [PurgeResult(each, outcome(each, cache, delivery)) for each in ids])


def metric_value(name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0
