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
LATEST = 1000
"""Orders among which those of an entry that was listed before are looked for."""


async def applied(services: Services, version: int) -> Json:
    """Wait until every live process acts on `version`: that is what `active` promises. Who does not is named."""
    waiting = await services.catalogue.wait_applied(version, APPLY_SECONDS)
    return {"version": version, "active": not waiting, "waiting_for": waiting}


async def purged(services: Services, version: int, changes: Sequence[Change], known: Set[str], timeout: float) -> Json:
    """Wait until all up to `version` is matched backwards and every order that came of it is done on every cache.

    The orders are those of `changes` and, for entries that were listed before (`known`, by id), the latest that name
    them. `timeout` in seconds. Says how many orders there were, what each cache still owes of them, and whether
    matching backwards came to its end: with `matched` true and `owed` empty, nothing that is listed lingers.
    """
    deadline = time.monotonic() + timeout
    while not (matched := await services.retro.version() >= version) and time.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
    orders: set[str] = set()
    for change in changes:
        orders.update(await services.retro.orders_of(change.version) or ())
    if known:
        latest = await services.orders.recent(LATEST)
        orders.update(order.id for order, _ in latest if order.entry_id in known)
    left = max(0.0, deadline - time.monotonic())
    owed = await services.orders.wait_done(sorted(orders), services.caches, left)
    return {"orders": len(orders), "owed": owed, "matched": matched}
