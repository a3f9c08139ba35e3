"""The status of the system: lists, processes, caches. It holds no URL and no hash."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edgeward.lists.replication.membership import LiveReplica, SilentReplica
from edgeward.operations import caches, held_updates
from edgeward.operations.caches import Configured
from edgeward.operations.services import Services
from edgeward.origin_check.host_problems import HostProblems, HostState
from edgeward.origin_check.refilled_targets import unfollowed_targets
from edgeward.process_states import process_states
from edgeward.settings.shared_settings import SettingDifference
from edgeward.sightings.forgotten import ForgottenTotals
from edgeward.sightings.store_memory import MemoryUse

AWAY_SECONDS = 2.0
"""The store counts as away when it has not answered for this long. It is asked twice a second."""

NAMED_HOSTS = 3


class StoreState(StrEnum):
    """Whether the store has answered lately. UNKNOWN: it never has."""

    UNKNOWN = "unknown"
    CONNECTED = "connected"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Readiness:
    """The state of this process's copy of the lists.

    Attributes:
        ready: the lists are loaded, none of them is of a later release, and not every proxy worker of this machine is
            down.
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
    configured: Configured = Configured.HERE


@dataclass(frozen=True, slots=True)
class OriginStatus:
    """What the origin check has found out: hosts whose origin does not answer (`down`), hosts of which nothing is
    purged as they removed most at once (`held`), three of them by name, the longest first; and targets that are not
    followed any more (`not_followed`)."""

    down: int
    held: int
    not_followed: int
    host_names: Sequence[str]


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """The state of everything.

    Attributes:
        retromatch_version: the version of the lists up to which all sightings are matched.
        forgotten: targets whose sightings were dropped or lost: copies there are not known to be gone.
        sightings_memory: the store's memory, and its limit for sightings.
        silent: the processes that are not heard from and are not known to have ended.
        differing: the settings that all controllers must share, and that differ between live ones.
        held: updates of the lists that wait for a second person.
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
    origins: OriginStatus
    silent: Sequence[SilentReplica] = ()
    differing: Sequence[SettingDifference] = ()
    held: int = 0


def readiness(services: Services, machine_age: float | None = None) -> Readiness:
    """Whether this process has the lists, how old they may be, and which processes of this machine do not run.

    Args:
        machine_age: seconds since the longest disconnected process of this machine heard from the store.
    """
    replica = services.replica
    age = contact_age if (contact_age := replica.freshness.contact_age) < math.inf else None
    progress = replica.preparation.progress
    built = "" if progress is None else f": {progress:.0%} of their files are built"
    reasons = [] if replica.ready else [f"the lists are not loaded{built}"]
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
    if replica.unreadable.reason:
        reasons.append(replica.unreadable.reason)
    # A store that has answered a moment ago is not loading any more: the watch looks less often.
    has_loaded = store is StoreState.CONNECTED
    problems = services.store_watch.problems
    reasons += [problem.detail for problem in problems if problem.check != "loading" or not has_loaded]
    states = process_states()
    reasons += [state.problem for state in states if state.problem]
    proxies = [state for state in states if state.role == "proxy"]
    ready = replica.ready and not replica.unreadable.any_later
    ready = ready and not (proxies and all(state.down for state in proxies))
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
        caches=[
            CacheStatus(each.name, each.driver, each.pending, each.oldest_seconds, each.refused, each.configured)
            for each in await caches.index(services)
        ],
        retromatch_version=await services.retromatch.version(),
        uptime_seconds=time.time() - services.started_at,
        forgotten=await services.sightings.forgotten.totals(),
        sightings_memory=await services.sightings.memory.use(),
        origins=await _origin_status(services),
        silent=await services.list_store.membership.silent_replicas(),
        differing=services.orders.controllers.differing,
        held=await held_updates.count(services),
    )


async def _origin_status(services: Services) -> OriginStatus:
    now = time.time()
    problems = await HostProblems(services.store, services.config).read(now)
    not_followed = (await unfollowed_targets(services.store, now)).total()
    states = [each.state for each in problems]
    names = list(dict.fromkeys(each.host for each in problems))[:NAMED_HOSTS]
    return OriginStatus(states.count(HostState.DOWN), states.count(HostState.HELD), not_followed, names)
