"""Responses that broke off before a worker could judge them: a cache may have stored what they held."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, eq=False)
class UnjudgedResponses(Unjudged):
    """With the hosts of those that are not pending, as far as they are known: two are equal if their numbers are."""

    hosts: Sequence[str] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Unjudged):
            return NotImplemented
        numbers = (other.count, other.refused, other.pending, other.silent)
        return (self.count, self.refused, self.pending, self.silent) == numbers

    __hash__ = None  # type: ignore[assignment]


async def wait_judged(services: Services, timeout: float) -> UnjudgedResponses:
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
    return await _with_hosts(services, purges, by_process, pending)


async def unjudged_since(services: Services, at: float) -> UnjudgedResponses:
    """Which responses are unjudged now, of those that may have been stored before `at` (Unix seconds)."""
    settled_at = at + SETTLED_SECONDS
    if time.time() < settled_at:
        return await wait_judged(services, COUNT_SECONDS)
    by_process = await services.list_store.unjudged_before(settled_at)
    pending = await services.list_store.pending_requests()
    purges = await services.orders.wait_unjudged(services.caches, 0.0, placed_before=settled_at)
    return await _with_hosts(services, purges, by_process, pending)


async def _with_hosts(
    services: Services, purges: Unjudged, by_process: Mapping[str, int], pending: int
) -> UnjudgedResponses:
    """What workers have still to judge, and the purges that caches have still to carry out. A process that names no
    number is counted apart: it may have none, or many."""
    count, hosts = sum(by_process.values()), list[str]()
    if count:
        hosts += await services.list_store.unjudged_hosts()
    if purges.count or purges.refused:
        hosts += await services.orders.unjudged_hosts(services.caches)
    return UnjudgedResponses(
        purges.count + count,
        purges.refused,
        purges.pending + pending,
        silent=sum(not count for count in by_process.values()),
        hosts=list(dict.fromkeys(hosts)),
    )
