"""The services of a controller on the store of a test, without the API and without purgers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.support.controllers import settings

from edgeward.controller.composition import Worker, compose
from edgeward.operations.services import Services
from edgeward.purging.orders import PurgeResult
from edgeward.store.connection import Store
from edgeward.types import Delivery, Outcome, Scope

CACHES = [
    {"name": "inner", "driver": "varnish", "url": "http://127.0.0.1:1"},
    {"name": "outer", "driver": "nginx", "url": "http://127.0.0.1:2", "tier": 1},
]
"""Nothing listens there: only `carry_out` carries orders out."""


@asynccontextmanager
async def running_services(store: Store, state_dir: Path) -> AsyncIterator[Services]:
    """Services with CACHES, whose live lists and background work run; no hasher does."""
    services = compose(settings("unix:///unused", state_dir, caches=CACHES), store, "tests")
    workers: list[Worker] = [services.replica, services.retromatch, services.takedown_worker, services.import_worker]
    workers += [services.undo_worker, services.held_change_worker]
    for name in services.caches:
        await services.orders.ensure_group(name)  # as a purger does when it starts
    async with AsyncExitStack() as stack:
        for worker in workers:
            await worker.start()
            stack.push_async_callback(worker.close)
        yield services


async def carry_out(
    services: Services,
    delivery: Delivery = Delivery.VERIFIED,
    cache: str = "",
    by_scope: Mapping[Scope, Delivery] | None = None,
) -> int:
    """Give all orders that wait for one cache, or for every cache, this outcome, or that of `by_scope`.

    Returns how many there were.
    """
    count = 0
    for name in [cache] if cache else services.caches:
        while orders := await services.orders.take(name, "tests", 100, 1):
            results = [
                PurgeResult(
                    order.id,
                    Outcome(order.id, name, (by_scope or {}).get(order.scope, delivery), order.started_at + 1),
                )
                for order in orders
            ]
            await services.orders.record_results(name, results)
            count += len(orders)
    return count
