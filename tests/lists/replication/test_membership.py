"""Which replicas are alive, and which lag."""

import asyncio
import time

import pytest

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import membership as module
from edgeward.lists.replication import membership_scripts as scripts
from edgeward.lists.replication.membership import DIVERGED, LOADING, Membership, MemberState
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


async def test_a_silent_replica_is_not_waited_for_but_named(membership: Membership) -> None:
    """After its lease, until its next heartbeat, as long as that takes; not for a version that it had applied."""
    await membership.heartbeat("silent", 2)
    await membership.heartbeat("left", 0)
    await membership.leave("left")
    late = await membership.laggards(3)
    assert (late, late.silent) == (["silent"], [])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "LEASE_SECONDS", -1.0)
        patched.setattr(module, "FORGET_SECONDS", -1.0)
        late = await membership.laggards(3)
        assert (late, [each.name for each in late.silent]) == ([], ["silent"])
        assert 0.0 <= late.silent[0].seconds < 60.0
        patched.setattr(module, "RETURN_SECONDS", 60.0)
        assert late.may_return
        patched.setattr(module, "RETURN_SECONDS", 0.0)
        assert not late.may_return
        assert [each.name for each in await membership.silent_replicas()] == ["silent"]
        late = await membership.laggards(2)
        assert (late, late.silent) == ([], [])
    late = await membership.laggards(3)
    assert (late, late.silent) == (["silent"], [])


async def test_a_silent_replica_of_an_earlier_version(membership: Membership, store: Store) -> None:
    """It is named, and forgotten in the end: no successor can say that it has ended."""
    seconds, _ = await store.redis.time()
    await store.redis.hset(store.key("{blocklist}", "replicas"), "old", f"2 {seconds - 100} 0 0 0 0 0 0 - 0 0 0 -")
    late = await membership.laggards(3)
    assert (late, [each.name for each in late.silent]) == ([], ["old"])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "FORGET_SECONDS", 1.0)
        assert (await membership.laggards(3)).silent == []
    assert (await membership.laggards(3)).silent == []


async def test_processes_that_are_known_to_have_ended(membership: Membership) -> None:
    """They are neither waited for nor named. What one had under way is unjudged until its journal is taken over."""
    request = await membership.request_flush()
    await membership.heartbeat("worker", 2, 2, request, under_way=2, journal="of-worker")
    await membership.heartbeat("controller", 2, 2, request)
    for _ in range(2):
        await membership.note_ended(["worker", "controller", "unknown"])
        late = await membership.laggards(3)
        assert (late, late.silent, await membership.silent_replicas()) == ([], [], [])
        assert [(each.id, each.state) for each in await membership.members()] == [("worker", MemberState.ENDED)]
        assert await membership.unjudged(request) == {"worker": 2}
    await membership.forget_journals(["of-worker"])
    assert await membership.members() == []
    await membership.heartbeat("worker", 2, 2, request, under_way=2, journal="of-worker")
    await membership.note_ended(["worker"])
    await membership.heartbeat("worker", 2, 2, request)  # it was not so
    assert await membership.laggards(3) == ["worker"]
    await membership.leave("worker", 3)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "FORGET_SECONDS", -1.0)
        await membership.laggards(3)
    assert await membership.members() == []


async def test_an_operator_forgets_silent_replicas(membership: Membership) -> None:
    """Not a live one."""
    await membership.heartbeat("silent", 2)
    assert await membership.forget(["silent", "unknown"]) == []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "LEASE_SECONDS", -1.0)
        assert await membership.forget(["silent", "unknown"]) == ["silent"]
        assert await membership.silent_replicas() == []


async def test_another_change_of_the_same_version(membership: Membership, store: Store) -> None:
    """After a failover to an older copy the store may give a version again: who applied the first lags behind it."""
    at = (await ListStore(store).changes(2))[0].at
    for name, applied_at in (("same", at), ("another", at + 1.0), ("not known", None)):
        await membership.heartbeat(name, 3, applied_at=applied_at)
    assert await membership.laggards(3) == ["another"]


async def test_the_number_of_records_is_bounded(
    membership: Membership, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The one that was not heard from for longest makes room, and is named in the log; none that is live."""
    monkeypatch.setattr(scripts, "HEARTBEAT", scripts.HEARTBEAT.replace(f">= {scripts.MAX_RECORDS}", ">= 3"))
    for name in ("first", "second", "third"):
        await membership.heartbeat(name, 2)
    await membership.heartbeat("fourth", 2)
    assert len(await membership.members()) == 4
    clock = float(await store.redis.hget(store.key("{blocklist}", "history"), "clock"))
    await store.redis.hset(store.key("{blocklist}", "history"), "clock", f"{clock + 100:.6f}")
    for name in ("first", "third", "fourth", "fifth"):
        await membership.heartbeat(name, 2)
    assert [each.id for each in await membership.members()] == ["fifth", "first", "fourth", "third"]
    assert "second is not named any more" in caplog.text


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


async def test_a_replica_names_what_it_has_not_judged(membership: Membership) -> None:
    """Until it has judged what was unjudged at a flush request; one that is loading may have nothing to judge."""
    request = await membership.request_flush()
    await asyncio.sleep(0.002)
    await membership.heartbeat("busy", 3, 3, request, judged=0, open_count=5)
    await membership.heartbeat("idle", 3, 3, request, judged=request, open_count=2)
    await membership.heartbeat("earlier version", 3, 3, request)
    await membership.heartbeat("loading", LOADING)
    await membership.heartbeat("loading what another left", LOADING, judged=0, open_count=7)
    assert await membership.unjudged(request) == {"busy": 5, "loading what another left": 7}
    assert await membership.laggards(0, request) == []
    await membership.heartbeat("busy", 3, 3, request, judged=request)
    await membership.leave("loading what another left")
    assert await membership.unjudged(request) == {}


async def test_a_heartbeat_of_an_earlier_version(membership: Membership, store: Store) -> None:
    """It has fewer fields: such a process can't say what it has not judged, so it is named without a number."""
    seconds, _ = await store.redis.time()
    await store.redis.hset(store.key("{blocklist}", "replicas"), "old", f"3 {seconds} 0")
    assert await membership.laggards(3) == []
    assert [replica.id for replica in await membership.live_replicas()] == ["old"]
    assert await membership.unjudged(1) == {"old": 0}
    assert await membership.unjudged_before(seconds - 60) == {"old": 0}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "LEASE_SECONDS", -60.0)
        assert await membership.unjudged(1) == {}


async def test_what_a_silent_replica_had_under_way_is_unjudged(membership: Membership) -> None:
    """Until another process has taken its journal over, or an operator forgets it. It is not waited for otherwise. One
    that had nothing under way at its last heartbeat may have got a request after that: it is named without a number."""
    request = await membership.request_flush()
    for name, open_count, under_way in (("busy", 2, 5), ("idle", 0, 0), ("serving", 0, 3)):
        await membership.heartbeat(
            name, 3, 3, request, judged=request, open_count=open_count, under_way=under_way, journal=f"of-{name}"
        )
    assert await membership.unjudged(request) == {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "LEASE_SECONDS", -60.0)
        assert await membership.laggards(9) == []
        dead = {"busy": 5, "idle": 0, "serving": 3}
        assert await membership.unjudged(request) == dead
        assert await membership.unjudged_before(time.time() + 60) == dead
        assert await membership.unjudged_before(time.time() - 60) == {}
        await membership.forget_journals(["of-busy", "of-idle", "of-another"])
        patched.setattr(module, "FORGET_SECONDS", 0.0)
        assert await membership.unjudged(request) == {"serving": 3}
        assert await membership.forget(["serving"]) == ["serving"]
        assert await membership.unjudged(request) == {}


async def test_pending_requests_are_counted_apart(membership: Membership, store: Store) -> None:
    """Of live replicas; those of earlier versions say nothing of them. They make no response unjudged."""
    request = await membership.request_flush()
    for name, pending in (("one", 2), ("other", 3)):
        await membership.heartbeat(name, 3, 3, request, open_count=0, journal=f"of-{name}", pending=pending)
    seconds, _ = await store.redis.time()
    key = store.key("{blocklist}", "replicas")
    await store.redis.hset(key, "old", f"3 {seconds} {request} {request} 4 0 7 of-old")
    assert await membership.pending() == 5
    assert await membership.unjudged(request) == {}
    await membership.forget_journals(["of-one"])
    assert await membership.pending() == 3
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "LEASE_SECONDS", -60.0)
        assert await membership.pending() == 0
        assert await membership.unjudged(request) == {"old": 7, "other": 0}


async def test_a_flush_request_names_the_version_of_the_lists(membership: Membership, store: Store) -> None:
    """So that a replica knows which lists it must have applied before it says that it has judged something."""
    await store.redis.set(store.key("{blocklist}", "version"), 7)
    await membership.request_flush()
    ((_, fields),) = await store.redis.xrange(membership.flush_requests)
    assert fields == {b"version": b"7"}


async def test_a_replica_that_leaves_requests_in_its_journal(membership: Membership) -> None:
    """Those are unjudged; the replica is not waited for. One that leaves none is forgotten."""
    for name in ("one", "other"):
        await membership.heartbeat(name, 3, open_count=1, under_way=4, journal=f"of-{name}")
    await membership.leave("one", 4)
    await membership.leave("other")
    await membership.leave("unknown", 7)
    assert await membership.live_replicas() == []
    assert await membership.laggards(9) == []
    assert await membership.unjudged(await membership.request_flush()) == {"one": 4}
    await membership.forget_journals(["of-one"])
    assert await membership.unjudged(await membership.request_flush()) == {}


async def test_what_has_been_unjudged_for_long(membership: Membership) -> None:
    """By when the oldest of a replica was found to be."""
    await membership.heartbeat("long", 3, open_count=2, open_seconds=100.0)
    await membership.heartbeat("new", 3, open_count=1, open_seconds=1.0)
    await membership.heartbeat("none", 3)
    assert await membership.unjudged_before(time.time() - 50) == {"long": 2}
    assert await membership.unjudged_before(time.time() - 150) == {}
    assert await membership.unjudged_before(time.time() + 50) == {"long": 2, "new": 1}


async def test_hosts_of_unjudged_responses_are_named(membership: Membership, store: Store) -> None:
    """Whatever they are called. Live replicas name those of now; of dead ones the last are known, until they are
    forgotten. Earlier versions name none, and read what this one writes."""
    odd = "a b,c%\xe9\udce9"
    await membership.heartbeat("one", 3, open_count=2, journal="j", pending=7, hosts=["img.test", odd, ""])
    await membership.heartbeat("other", 3, open_count=1, journal="k", hosts=["img.test", "b.test"])
    await membership.heartbeat("judged", 3, journal="l", hosts=["judged.test"])
    seconds, _ = await store.redis.time()
    await store.redis.hset(store.key("{blocklist}", "replicas"), "old", f"3 {seconds} 0 0 4 0 7 1 of-old")

    async def hosts() -> tuple[set[str], bool]:
        found = await membership.unjudged_before(time.time() + 60)
        return set(found.hosts), found.names_all_hosts

    assert await hosts() == ({"img.test", odd, "b.test"}, False)
    fields = (await store.redis.hget(store.key("{blocklist}", "replicas"), "one")).split()
    assert (fields[4], fields[7], fields[-1]) == (b"2", b"7", b"j")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "LEASE_SECONDS", -60.0)
        assert await hosts() == ({"img.test", odd, "b.test", "judged.test"}, False)
        patched.setattr(module, "FORGET_SECONDS", -60.0)
        await membership.note_ended(["one", "other", "judged"])
        assert await hosts() == (set(), True)


async def test_a_replica_with_stuck_requests_is_not_waited_for(membership: Membership, store: Store) -> None:
    """It has settled a flush request: what it has left is stuck, and counts. Where it names no hosts for some of those,
    or may not know of all yet, they may be anywhere."""
    earlier = await membership.request_flush()
    request = await membership.request_flush()
    await membership.heartbeat(
        "stuck", 3, 3, request, judged=earlier, open_count=5, hosts=["a.test"], settled=request, stuck=2
    )
    found = await membership.unjudged(request)
    assert (found, found.is_stuck, [*found.hosts], found.names_all_hosts) == ({"stuck": 2}, True, ["a.test"], True)
    await membership.heartbeat("busy", 3, 3, request, judged=earlier, open_count=1, hosts=["b.test"])
    found = await membership.unjudged(request)
    assert (found, found.is_stuck, found.names_all_hosts) == ({"stuck": 2, "busy": 1}, False, False)
    later = await membership.unjudged_before(time.time() + 60)
    assert (later, set(later.hosts), later.names_all_hosts) == ({"stuck": 5, "busy": 1}, {"a.test", "b.test"}, True)
    await membership.leave("busy")
    await membership.heartbeat(
        "stuck", 3, 3, request, judged=earlier, open_count=5, hosts=["a.test"], settled=request, stuck=2, elsewhere=1
    )
    found = await membership.unjudged(request)
    assert (found.is_stuck, found.names_all_hosts) == (True, False)
    seconds, _ = await store.redis.time()
    earlier_version = f"3 {seconds} {request} {earlier} 4 {seconds} 4 0 c.test of-old"
    await store.redis.hset(store.key("{blocklist}", "replicas"), "old", earlier_version)
    found = await membership.unjudged(request)
    assert (found["old"], found.is_stuck, found.names_all_hosts) == (4, False, False)
    assert not (await membership.unjudged_before(time.time() + 60)).names_all_hosts
