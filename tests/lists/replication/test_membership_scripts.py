"""The lease clock: steps of the server's clock neither end leases nor make them last."""

import time

import pytest

from edgeward.lists.replication import membership as module
from edgeward.lists.replication import membership_scripts as scripts
from edgeward.lists.replication.membership import Membership
from edgeward.store.connection import Store


@pytest.fixture
def membership(store: Store, monkeypatch: pytest.MonkeyPatch) -> Membership:
    """One with leases that last longer than a test that stands still."""
    monkeypatch.setattr(module, "LEASE_SECONDS", 20.0)
    return Membership(store)


async def step_clock(store: Store, seconds: float) -> None:
    """As if the server's clock had been stepped since the last heartbeat: forward, or back with a minus."""
    key = store.key("{blocklist}", "history")
    await store.redis.hset(key, "clock_at", f"{float(await store.redis.hget(key, 'clock_at')) - seconds:.6f}")


async def states(membership: Membership) -> dict[str, str]:
    return {each.id: each.state for each in await membership.members()}


@pytest.mark.parametrize("seconds", [30.0, 1e6, -300.0, -1e6])
async def test_a_step_of_the_servers_clock_ends_no_lease(membership: Membership, store: Store, seconds: float) -> None:
    """Of two replicas, one has sent its next heartbeat after the step, and the other has not yet."""
    for name in ("one", "other"):
        await membership.heartbeat(name, 0)
    await step_clock(store, seconds)
    assert await states(membership) == {"one": "live", "other": "live"}
    await membership.heartbeat("one", 0)
    assert await states(membership) == {"one": "live", "other": "live"}
    assert max(each.age for each in await membership.members()) < 20.0


@pytest.mark.parametrize("seconds", [30.0, -300.0])
async def test_a_dead_replica_is_silent_all_the_same(membership: Membership, store: Store, seconds: float) -> None:
    """While others go on, its lease ends as without the step: half a second passes with each of their heartbeats."""
    for name in ("live", "dead"):
        await membership.heartbeat(name, 0)
    await step_clock(store, seconds)
    started = time.monotonic()
    for beat in range(43):
        # The time that the test itself takes counts, too.
        assert (await states(membership))["dead"] == "live" or beat / 2 + time.monotonic() - started > 18
        await membership.heartbeat("live", 0)
        await step_clock(store, 0.5)
    assert await states(membership) == {"live": "live", "dead": "silent"}


async def test_no_lease_ends_while_the_store_can_not_hear(membership: Membership, store: Store) -> None:
    """After an outage every replica is live again until it had time to say so."""
    for name in ("one", "other"):
        await membership.heartbeat(name, 0)
    await step_clock(store, 3600.0)
    await membership.heartbeat("one", 0)
    assert await states(membership) == {"one": "live", "other": "live"}


async def test_a_clock_that_was_lost(membership: Membership, store: Store) -> None:
    """It begins anew; the replicas are live again with their next heartbeats."""
    await membership.heartbeat("one", 0)
    await store.redis.hdel(store.key("{blocklist}", "history"), "clock", "clock_at")
    await membership.heartbeat("one", 0)
    assert await states(membership) == {"one": "live"}


def test_gaps_between_heartbeats_are_believed_as_far_as_they_are_usual() -> None:
    """A heartbeat that comes a little late is no step."""
    assert scripts.HEARTBEAT_SECONDS < scripts.MAX_CLOCK_GAP < module.LEASE_SECONDS
