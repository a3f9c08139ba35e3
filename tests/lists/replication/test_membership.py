"""Which replicas are alive, and which lag."""

import asyncio

import pytest

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import membership as module
from edgeward.lists.replication.membership import DIVERGED, LOADING, Membership
from edgeward.store.connection import Store
from edgeward.types import HashList


@pytest.fixture
async def membership(store: Store) -> Membership:
    """One at version 3 of the lists."""
    for name in "abc":
        await ListStore(store).create_list(HashList(name), "me")
    return Membership(store)


async def test_a_replica_lags_behind_versions_it_has_not_applied(membership: Membership) -> None:
    """A replica that is behind or has diverged lags; one that is at the version or beyond does not."""
    for name, reported in (("diverged", DIVERGED), ("none", 0), ("behind", 1), ("there", 2), ("beyond", 3)):
        await membership.heartbeat(name, reported)
    assert await membership.laggards(2) == ["behind", "diverged", "none"]
    assert await membership.laggards(3) == ["behind", "diverged", "none", "there"]
    await membership.heartbeat("behind", 3)
    await membership.leave("diverged")
    assert await membership.laggards(2) == ["none"]


async def test_a_loading_replica_lags_until_its_next_heartbeat(membership: Membership, store: Store) -> None:
    """It will load what was listed before its heartbeat; what is listed after waits for the next one."""
    await membership.heartbeat("loading", LOADING)
    assert await membership.laggards(3) == []
    await ListStore(store).create_list(HashList("d"), "me")
    assert await membership.laggards(3) == []
    assert await membership.laggards(4) == ["loading"]
    await membership.heartbeat("loading", LOADING)
    assert await membership.laggards(4) == []


async def test_a_replica_lags_until_it_acknowledges_a_flush(membership: Membership) -> None:
    """An acknowledgement holds for all earlier requests; a loading replica has nothing to flush."""
    first, second = await membership.request_flush(), await membership.request_flush()
    assert first < second
    for name, acknowledged in (("never", 0), ("once", first), ("both", second)):
        await membership.heartbeat(name, 3, 3, acknowledged)
    await asyncio.sleep(0.002)
    await membership.heartbeat("loading", LOADING)
    assert await membership.laggards(3) == []
    assert await membership.laggards(0, first) == ["never"]
    assert await membership.laggards(0, second) == ["never", "once"]
    assert "loading" in await membership.laggards(0, await membership.request_flush())


async def test_a_version_that_the_store_never_had(membership: Membership) -> None:
    """A replica that reports more than the store has ever had follows another history: it lags behind all versions."""
    await membership.heartbeat("another", 1000)
    assert await membership.laggards(1) == ["another"]


async def test_a_silent_replica_is_not_waited_for(membership: Membership) -> None:
    """After its lease a silent replica does not count, until its next heartbeat; in the end it is forgotten."""
    await membership.heartbeat("dead", 0)
    assert await membership.laggards(1) == ["dead"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "LEASE_SECONDS", 0.0)
        assert await membership.laggards(1) == []
        patched.setattr(module, "FORGET_SECONDS", 0.0)
        assert await membership.laggards(1) == []
    assert await membership.laggards(1) == []
    await membership.heartbeat("dead", 0)
    assert await membership.laggards(1) == ["dead"]


async def test_a_heartbeat_returns_the_stores_history(membership: Membership, store: Store) -> None:
    """The answer has the newest version, and the time of the change that the replica applied last if it is kept."""
    changes = await ListStore(store).changes(0)
    history = await membership.heartbeat("one", 2)
    assert (history.version, history.applied_at) == (3, changes[1].at)
    for applied in (LOADING, 0, 9):
        assert (await membership.heartbeat("one", applied)).applied_at is None
    await store.redis.xtrim(store.key("{blocklist}", "changes"), maxlen=1, approximate=False)
    assert (await membership.heartbeat("one", 2)).applied_at is None


async def test_live_replicas(store: Store) -> None:
    """Each live replica with what it reported and how long ago; not one that has left."""
    membership = Membership(store)
    await membership.heartbeat("one", 3)
    await membership.heartbeat("two", LOADING)
    await membership.heartbeat("left", 3)
    await membership.leave("left")
    live = await membership.live_replicas()
    assert [(each.id, each.version) for each in live] == [("one", 3), ("two", 0)]
    assert all(0 <= each.age < module.LEASE_SECONDS for each in live)
