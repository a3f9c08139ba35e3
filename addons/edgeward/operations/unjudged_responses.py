"""Responses that broke off before a worker could judge them: a cache may have stored what they held."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from edgeward.lists.replication.membership import UnjudgedByReplica
from edgeward.operations.caches import carried_out_by
from edgeward.operations.services import Services
from edgeward.purging.unjudged_orders import Unjudged
from edgeward.sightings.url_normalization import host_matches
from edgeward.takedowns.steps import NOTHING_UNJUDGED_SECONDS, UNJUDGED_SECONDS
from edgeward.takedowns.takedowns import Takedown

SETTLED_SECONDS = 60.0
"""What a cache had stored before a listing is found to be unjudged within this time; then a request is purged after 30
seconds. Only what is unjudged for longer than that is still open: where the lists are not loaded, a worker died, or a
cache has not carried out the purge."""
COUNT_SECONDS = 3.0
"""How long to wait for the workers to say how many responses they have still to judge. They need two seconds to find
out that nobody answers a request that broke off a moment ago."""


@dataclass(frozen=True, slots=True, eq=False)
class UnjudgedResponses(Unjudged):
    """With the hosts of those that are not pending, as far as they are known: two are equal if their numbers are.

    Attributes:
        names_all_hosts: it is known that there are none at other hosts.
    """

    hosts: Sequence[str] = ()
    names_all_hosts: bool = False

    def at(self, hosts: Iterable[str]) -> Self:
        """As far as they may be at one of these hosts: for what is said of these alone."""
        wanted = list(dict.fromkeys(hosts))
        if not self.names_all_hosts or any(host_matches(each, wanted) for each in self.hosts):
            return self
        return type(self)(pending=self.pending, names_all_hosts=True)

    def of(self, takedown: Takedown) -> Self:
        """As far as they may concern what this takedown covers. An image may be anywhere, unless it is to be removed
        from some hosts only."""
        everywhere = takedown.signals and (takedown.list or not takedown.hosts)
        targets = (*takedown.urls, *takedown.prefixes)
        return self if everywhere else self.at([*(each.host for each in targets), *takedown.hosts])

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
    purges = await services.orders.wait_unjudged(await carried_out_by(services), max(0.0, deadline - time.monotonic()))
    return await _with_hosts(services, purges, by_process, pending)


async def unjudged_since(services: Services, at: float) -> UnjudgedResponses:
    """Which responses are unjudged now, of those that may have been stored before `at` (Unix seconds)."""
    settled_at = at + SETTLED_SECONDS
    if services.store.clock.now() < settled_at:
        return await wait_judged(services, COUNT_SECONDS)
    by_process = await services.list_store.unjudged_before(settled_at)
    pending = await services.list_store.pending_requests()
    purges = await services.orders.wait_unjudged(await carried_out_by(services), 0.0, placed_before=settled_at)
    return await _with_hosts(services, purges, by_process, pending)


async def _with_hosts(
    services: Services, purges: Unjudged, by_process: UnjudgedByReplica, pending: int
) -> UnjudgedResponses:
    """What workers have still to judge, and the purges that caches have still to carry out. A process that names no
    number is counted apart: it may have none, or many."""
    hosts, names_all = [*by_process.hosts], by_process.names_all_hosts
    if purges.count or purges.refused:
        of_purges, are_all = await services.orders.unjudged_hosts(await carried_out_by(services))
        hosts, names_all = [*hosts, *of_purges], names_all and are_all
    return UnjudgedResponses(
        purges.count + sum(by_process.values()),
        purges.refused,
        purges.pending + pending,
        silent=sum(not count for count in by_process.values()),
        hosts=list(dict.fromkeys(hosts)),
        names_all_hosts=names_all,
    )
