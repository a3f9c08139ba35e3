"""Responses that broke off before a worker could judge them: a cache may have stored what they held."""

import time
from collections.abc import Mapping
from dataclasses import replace

from edgeward.operations.services import Services
from edgeward.purging.unjudged_orders import Unjudged
from edgeward.takedowns.steps import NOTHING_UNJUDGED_SECONDS, UNJUDGED_SECONDS

SETTLED_SECONDS = 60.0
"""What a cache had stored before a listing is found to be unjudged within this time; then a request is purged after 30
seconds. Only what is unjudged for longer than that is still open: where the lists are not loaded, a worker died, or a
cache has not carried out the purge."""
COUNT_SECONDS = 3.0
"""How long to wait for the workers to say how many responses they have still to judge. They need two seconds to find
out that nobody answers a request that broke off a moment ago."""


async def wait_judged(services: Services, timeout: float) -> Unjudged:
    """Wait until the workers have judged what they could not judge at first, and caches have purged what nobody could:
    at most `timeout` seconds, and at most UNJUDGED_SECONDS; at least as long as it takes to ask.

    Returns how many responses are left, which a cache may have stored, and how many processes do not report. Those that
    nobody has answered are not waited for: no cache has.
    """
    timeout = max(NOTHING_UNJUDGED_SECONDS, min(timeout, UNJUDGED_SECONDS))
    deadline = time.monotonic() + timeout
    by_process = await services.list_store.wait_judged_by_each(timeout)
    pending = await services.list_store.pending_requests()
    purges = await services.orders.wait_unjudged(services.caches, max(0.0, deadline - time.monotonic()))
    return _together(purges, by_process, pending)


async def unjudged_since(services: Services, at: float) -> Unjudged:
    """Which responses are unjudged now, of those that may have been stored before `at` (Unix seconds)."""
    settled_at = at + SETTLED_SECONDS
    if time.time() < settled_at:
        return await wait_judged(services, COUNT_SECONDS)
    by_process = await services.list_store.unjudged_before(settled_at)
    pending = await services.list_store.pending_requests()
    purges = await services.orders.wait_unjudged(services.caches, 0.0, placed_before=settled_at)
    return _together(purges, by_process, pending)


def _together(purges: Unjudged, by_process: Mapping[str, int], pending: int) -> Unjudged:
    """Purges that caches owe or refuse, and what processes have still to judge. Who names no number is counted apart:
    it may have none, or many."""
    silent = sum(not count for count in by_process.values())
    count = purges.count + sum(by_process.values())
    return replace(purges, count=count, pending=purges.pending + pending, silent=silent)
