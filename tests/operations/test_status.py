"""The status of the system."""

from dataclasses import replace

import pytest

from edgeward.lists.replication.freshness import now
from edgeward.lists.replication.replica import Replica
from edgeward.operations import entries, lists, purges, status
from edgeward.operations.services import Services
from edgeward.operations.status import CacheStatus, StoreState, readiness
from edgeward.settings.config import PolicySettings
from edgeward.types import HashList, Signal, Target


@pytest.mark.parametrize(
    ("ready", "age", "store_state", "reasons"),
    [
        (False, 0.0, StoreState.UNKNOWN, ["the lists are not loaded"]),
        (True, 0.1, StoreState.CONNECTED, []),
        (True, 1.1, StoreState.AWAY, ["the store is unavailable: the lists may be as old as its last answer"]),
    ],
)
async def test_readiness_is_about_the_lists(
    services: Services, ready: bool, age: float, store_state: StoreState, reasons: list[str]
) -> None:
    """Loaded lists stay ready while the store is away; the reasons say how old they may be. `age`: of
    the last contact, as a part of the time after which the store is away."""
    replica = Replica(services.store, "r")
    replica.ready = ready
    if age:
        replica.freshness.answered(now() - age * status.AWAY_SECONDS, 0)
    config = services.config.model_copy(update={"policy": PolicySettings(store_stale_seconds=3600)})
    state = readiness(replace(services, replica=replica, config=config))
    assert (state.ready, state.store, state.reasons) == (ready, store_state, reasons)
    assert (state.contact_age is None) is (not age)


async def test_a_process_that_is_cut_off_is_told_of(services: Services) -> None:
    """Of this machine, for longer than policy.store_stale_seconds: then a policy decides, not the lists."""
    policy = PolicySettings(store_stale="block", store_stale_seconds=10)
    strict = replace(services, config=services.config.model_copy(update={"policy": policy}))
    assert readiness(strict, 9.0).reasons == readiness(strict).reasons == []
    assert readiness(strict, 73.2).ready
    (reason,) = readiness(strict, 73.2).reasons
    assert reason.startswith("a process is cut off from the store for 73 s: policy.store_stale (block) decides")


async def test_everything_is_counted(services: Services) -> None:
    """Lists, entries, processes, what each cache owes, and how far retromatching is."""
    await lists.create(services, HashList("a"), "ana", "")
    added = await entries.add(services, "a", [Signal("md5", "1" * 32)], "ana", "", timeout=60.0)
    await purges.create(services, [[Target("http", "h", "/")]], "ana", "")
    found = await status.system_status(services)
    assert (found.lists, found.entries, found.readiness.version) == (1, 1, added.change.version)
    assert [replica.version for replica in found.replicas] == [added.change.version]
    assert found.retromatch_version == added.change.version
    assert 0 <= found.uptime_seconds < 60
    assert found.forgotten.targets == 0
    assert 0 < found.sightings_memory.share < 1
    inner = found.caches[0]
    assert inner == CacheStatus("inner", "varnish", 1, inner.oldest_seconds, 0)
    assert [cache.name for cache in found.caches] == ["inner", "outer"]
