"""Waiting until a change is active in every process, and until what it listed is gone from every cache."""

import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from edgeward.background.polling import Polling
from edgeward.lists.list_store import ListStore
from edgeward.operations.services import Services
from edgeward.types import Change

APPLY_SECONDS = 3.0
"""How long a response waits for processes that have not applied the change. Then it names them."""
POLL_SECONDS = (0.003, 0.05)
"""Pause between two looks at whether a listing is matched: the first, and the longest."""
TAKEDOWN_POLL_SECONDS = (0.003, 0.25)


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """Which live processes have applied a version of the lists. `waiting_for` names those that have not."""

    version: int
    waiting_for: Sequence[str]

    @property
    def active(self) -> bool:
        """True: every live process has applied the version."""
        return not self.waiting_for


@dataclass(frozen=True, slots=True)
class PurgeStatus:
    """The purge orders that followed from a listing or a takedown.

    With `matched` true and `owed` empty, no cache holds a copy any more.

    Attributes:
        orders: number of orders so far.
        owed: by cache, how many of them it has not carried out, or refused; caches that owe nothing are left out.
        refused: by cache, how many of `owed` it refused: they need the operator.
        matched: no more orders will follow: retromatching is complete, or all orders of the takedown are placed.
    """

    orders: int
    owed: Mapping[str, int]
    matched: bool
    refused: Mapping[str, int] = field(default_factory=dict)


async def wait_applied(list_store: ListStore, version: int) -> ChangeStatus:
    """Wait until every live process has applied `version`, at most APPLY_SECONDS."""
    return ChangeStatus(version, await list_store.wait_applied(version, APPLY_SECONDS))


async def wait_purged(
    services: Services, version: int, changes: Sequence[Change], known: Set[str], timeout: float
) -> PurgeStatus:
    """Wait until `version` is retromatched and every cache has carried out every resulting order.

    Args:
        changes: the changes whose orders are waited for.
        known: ids of entries that were listed before. All orders they ever led to are waited for.
        timeout: seconds, for both steps together.
    """
    deadline = time.monotonic() + timeout
    # Only when retromatching has passed the version are all orders known that the caches must carry out.
    polling = Polling(*POLL_SECONDS)
    while not (matched := await services.retromatch.version() >= version) and time.monotonic() < deadline:
        await polling.pause()
    orders: set[str] = set()
    for ids in await services.retromatch.orders_of_each([change.version for change in changes]):
        orders.update(ids or ())  # None: the change is not retromatched yet
    orders.update(await services.orders.ids_of_entries(list(known)))
    return await _wait_done(services, sorted(orders), matched, deadline)


async def wait_taken_down(services: Services, takedown_id: str, timeout: float, verified: bool) -> PurgeStatus:
    """Wait until all orders of a takedown are placed and, with `verified`, every cache has carried them out.

    `timeout` is in seconds. Orders include those of the listing, where the takedown lists its hashes.
    """
    deadline = time.monotonic() + timeout
    polling = Polling(*TAKEDOWN_POLL_SECONDS)
    while True:
        _, progress = await services.takedowns.get(takedown_id)
        if progress.placed_at or time.monotonic() >= deadline:
            break
        await polling.pause()
    ids = [order_id async for order_id in services.takedowns.all_orders(takedown_id)]
    # A deadline of 0.0 is long past: then it is read once what the caches owe, without waiting for them.
    return await _wait_done(services, ids, bool(progress.placed_at), deadline if verified else 0.0)


async def _wait_done(services: Services, ids: Sequence[str], matched: bool, deadline: float) -> PurgeStatus:
    remaining = max(0.0, deadline - time.monotonic())
    owed = await services.orders.wait_done(ids, services.caches, remaining)
    refused = await services.orders.count_refused(ids, list(owed)) if owed else {}
    return PurgeStatus(len(ids), owed, matched, refused)
