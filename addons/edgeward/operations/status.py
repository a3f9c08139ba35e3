"""The status of the system: lists, processes, caches. It holds no URL and no hash."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edgeward.lists.replication.membership import LiveReplica
from edgeward.operations.services import Services
from edgeward.process_states import process_states
from edgeward.settings.cache_settings import CacheSettings
from edgeward.sightings.forgotten import ForgottenTotals
from edgeward.sightings.store_memory import MemoryUse

AWAY_SECONDS = 2.0
"""The store counts as away when it has not answered for this long. It is asked twice a second."""


class StoreState(StrEnum):
    """Whether the store has answered lately. UNKNOWN: it never has."""

    UNKNOWN = "unknown"
    CONNECTED = "connected"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Readiness:
    """The state of this process's copy of the lists.

    Attributes:
        ready: the lists are loaded, and not every proxy worker of this machine is down.
        lists_loaded: stays true while the store is unavailable: the last known lists apply.
        version: the version of the lists that is applied.
        contact_age: seconds since the store last answered; None if it never has.
        reasons: what is wrong, for people.
        lost: the store lacks lists or entries that it had; while they are in memory, this process stays ready. A
            restart would lose them.
    """

    ready: bool
    lists_loaded: bool
    store: StoreState
    version: int
    contact_age: float | None
    reasons: Sequence[str]
    lost: bool = False


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """`pending`: orders not done or refused; `oldest_seconds`: age of the oldest; `refused`: orders it refuses."""

    name: str
    driver: str
    pending: int
    oldest_seconds: float
    refused: int


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """The state of everything.

    Attributes:
        retromatch_version: the version of the lists up to which all sightings are matched.
        forgotten: targets whose sightings were dropped or lost: copies there are not known to be gone.
        sightings_memory: the store's memory, and its limit for sightings.
    """

    lists: int
    entries: int
    readiness: Readiness
    replicas: Sequence[LiveReplica]
    caches: Sequence[CacheStatus]
    retromatch_version: int
    uptime_seconds: float
    forgotten: ForgottenTotals
    sightings_memory: MemoryUse


def readiness(services: Services, machine_age: float | None = None) -> Readiness:
    """Whether this process has the lists, how old they may be, and which processes of this machine do not run.

    Args:
        machine_age: seconds since the longest disconnected process of this machine heard from the store.
    """
    replica = services.replica
    age = contact_age if (contact_age := replica.freshness.contact_age) < math.inf else None
    reasons = [] if replica.ready else ["the lists are not loaded"]
    store = StoreState.UNKNOWN if age is None else StoreState.CONNECTED
    if age is not None and age > AWAY_SECONDS:
        store = StoreState.AWAY
        reasons.append("the store is unavailable: the lists may be as old as its last answer")
    policy, oldest = services.config.policy, max(age or 0.0, machine_age or 0.0)
    if oldest > max(AWAY_SECONDS, policy.store_stale_seconds):
        reasons.append(
            f"a process is cut off from the store for {oldest:.0f} s: policy.store_stale ({policy.store_stale}) "
            "decides about images that match nothing"
        )
    if replica.loss is not None:
        reasons.append(replica.loss.reason)
    reasons += [problem.detail for problem in services.store_watch.problems]
    states = process_states()
    reasons += [state.problem for state in states if state.problem]
    proxies = [state for state in states if state.role == "proxy"]
    ready = replica.ready and not (proxies and all(state.down for state in proxies))
    return Readiness(ready, replica.ready, store, replica.version, age, reasons, lost=replica.loss is not None)


async def system_status(services: Services) -> SystemStatus:
    """Everything at once: how much is listed, which processes live, what each cache owes."""
    matcher = services.replica.matcher
    # Read together, before anything is awaited: these numbers are of one version of the lists.
    entries, now_ready = sum(matcher.counts().values()), readiness(services)
    return SystemStatus(
        lists=len(matcher.lists),
        entries=entries,
        readiness=now_ready,
        replicas=await services.list_store.replicas(),
        caches=await asyncio.gather(*(_cache_status(services, cache) for cache in services.config.caches)),
        retromatch_version=await services.retromatch.version(),
        uptime_seconds=time.time() - services.started_at,
        forgotten=await services.sightings.forgotten.totals(),
        sightings_memory=await services.sightings.memory.use(),
    )


async def _cache_status(services: Services, cache: CacheSettings) -> CacheStatus:
    pending, oldest_seconds = await services.orders.pending(cache.name)
    refused = await services.orders.refused(cache.name)
    return CacheStatus(cache.name, cache.driver, pending, oldest_seconds, refused)
