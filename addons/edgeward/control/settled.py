"""Waiting: until a change acts in every process, and until what it listed is gone from every cache."""

import asyncio
import time
from collections.abc import Sequence, Set

from edgeward.control.services import Services
from edgeward.control.views import Json
from edgeward.types import Change

APPLY_SECONDS = 3.0
"""How long an answer waits for processes that have not applied its change; it then names them."""
POLL_SECONDS = 0.005
MOST_POLL_SECONDS = 0.25


async def applied(services: Services, version: int) -> Json:
    """Wait until every live process acts on `version`: that is what `active` promises. Who does not is named."""
    waiting = await services.catalogue.wait_applied(version, APPLY_SECONDS)
    return {"version": version, "active": not waiting, "waiting_for": waiting}


async def purged(services: Services, version: int, changes: Sequence[Change], known: Set[str], timeout: float) -> Json:
    """Wait until all up to `version` is matched backwards and every order that came of it is done on every cache.

    The orders are those of `changes`, and all that entries listed before (`known`, by id) ever led to. `timeout` in
    seconds. Says how many orders there were, what each cache still owes of them, and whether matching backwards came
    to its end: with `matched` true and `owed` empty, nothing that is listed lingers.
    """
    deadline = time.monotonic() + timeout
    while not (matched := await services.retro.version() >= version) and time.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
    orders: set[str] = set()
    for ids in await services.retro.orders_of_each([change.version for change in changes]):
        orders.update(ids or ())
    orders.update(await services.orders.of_entries(list(known)))
    return await _done(services, sorted(orders), matched, deadline)


async def taken_down(services: Services, takedown_id: str, timeout: float, verified: bool) -> Json:
    """Wait until all orders of a takedown are placed and, if asked, `verified`; the same answer as `purged`.

    `timeout` in seconds. `matched`: all its orders are placed, those included that came of a listing.
    """
    deadline = time.monotonic() + timeout
    pause = POLL_SECONDS
    while True:
        _, progress = await services.takedowns.get(takedown_id)
        if progress.placed_at or time.monotonic() >= deadline:
            break
        await asyncio.sleep(pause)
        pause = min(MOST_POLL_SECONDS, pause * 1.5)
    ids = [order_id async for order_id in services.takedowns.all_orders(takedown_id)]
    return await _done(services, ids, bool(progress.placed_at), deadline if verified else 0.0)


async def _done(services: Services, ids: Sequence[str], matched: bool, deadline: float) -> Json:
    left = max(0.0, deadline - time.monotonic())
    owed = await services.orders.wait_done(ids, services.caches, left)
    return {"orders": len(ids), "owed": owed, "matched": matched}
