"""What a replica does for its machine: it says which processes have ended, and watches the store's clock."""

import logging
from pathlib import Path

import pytest

from edgeward import metrics
from edgeward.lists.replication import freshness, own_membership
from edgeward.lists.replication.lock_files import Survey, name_of
from edgeward.lists.replication.membership import Membership, MemberState
from edgeward.lists.replication.own_membership import OwnMembership
from edgeward.lists.replication.replica import Replica
from edgeward.lists.replication.store_loss import AppliedListsFile
from edgeward.store.connection import Store


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppliedListsFile:
    """That of a machine whose processes look for ended ones with each heartbeat."""
    monkeypatch.setattr(own_membership, "LOOK_SECONDS", 0.0)
    return AppliedListsFile(tmp_path / "state" / "applied-lists.json")


async def states(store: Store) -> dict[str, str]:
    return {each.id: each.state for each in await Membership(store).members()}


def kill(membership: OwnMembership) -> None:
    """As if its process were killed: the kernel releases its lock."""
    assert membership._lock_files is not None
    membership._lock_files.release(delete=False)


async def test_a_successor_says_who_was_killed(store: Store, file: AppliedListsFile, tmp_path: Path) -> None:
    """With its first heartbeat. One with a journal is kept until that is taken over; one of another machine is not
    touched, nor one that is alive."""
    other_machine = OwnMembership(store, AppliedListsFile(tmp_path / "other" / "applied-lists.json"))
    worker, controller, live = (OwnMembership(store, file) for _ in range(3))
    await worker.heartbeat("worker", 1, under_way=2, journal="of-worker")
    await controller.heartbeat("controller", 1)
    await live.heartbeat("live", 1)
    await other_machine.heartbeat("other", 1)
    for each in (worker, controller, other_machine):
        kill(each)
    await OwnMembership(store, file).heartbeat("successor", 1)
    assert await states(store) == {
        "worker": MemberState.ENDED, "live": MemberState.LIVE, "other": MemberState.LIVE,
        "successor": MemberState.LIVE,
    }  # fmt: skip


async def test_a_late_heartbeat_of_a_killed_process(store: Store, file: AppliedListsFile) -> None:
    """It was on its way when the successor spoke: the next look takes it off the record again, and then the file."""
    killed, successor = OwnMembership(store, file), OwnMembership(store, file)
    await killed.heartbeat("killed", 1)
    kill(killed)
    await successor.heartbeat("successor", 1)
    await Membership(store).heartbeat("killed", 1)
    await successor.heartbeat("successor", 1)
    assert await states(store) == {"successor": MemberState.LIVE}
    assert [name_of(path) for path in (file.directory / "processes").iterdir()] == ["successor"]


async def test_one_that_leaves_deletes_its_file(store: Store, file: AppliedListsFile) -> None:
    """Where the store did not hear it, others find that it has ended."""
    own = OwnMembership(store, file)
    await own.heartbeat("own", 1)
    await own.leave("own")
    assert list((file.directory / "processes").iterdir()) == []
    away = OwnMembership(Store("redis://127.0.0.1:1", "test", 200), file)
    away._lock_files.acquire("away")  # type: ignore[union-attr]
    await away.leave("away")
    assert own._lock_files is not None
    assert own._lock_files.survey() == Survey(["away"], [])


async def test_one_without_a_state_dir(store: Store) -> None:
    """It has no file; an operator forgets it once it was killed."""
    own = OwnMembership(store, None)
    await own.heartbeat("own", 1)
    assert await states(store) == {"own": MemberState.LIVE}
    await own.leave("own")
    assert await states(store) == {}


async def test_a_replica_has_a_lock_file(store: Store, file: AppliedListsFile) -> None:
    """From before its first heartbeat until it is closed."""
    replica = Replica(store, "edge1/proxy/1", applied_lists=file)
    await replica.start()
    (path,) = (file.directory / "processes").iterdir()
    assert path.name.startswith("edge1%2Fproxy%2F1%23")
    await replica.close()
    assert list((file.directory / "processes").iterdir()) == []


async def test_a_step_of_the_stores_clock_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, in the log, by the metric and on record; a small one is not."""
    caplog.set_level(logging.WARNING)
    own, counter = OwnMembership(store, None), metrics.store_clock_steps
    before = counter._value.get()
    await own.heartbeat("own", 1)
    clock = freshness.now
    for passed in (0.4, 0.0):
        monkeypatch.setattr(freshness, "now", lambda passed=passed: clock() + passed)
        await own.heartbeat("own", 1)
    assert await own.last_clock_step() is None
    monkeypatch.setattr(freshness, "now", lambda: clock() - 300.0)
    for _ in range(2):
        await own.heartbeat("own", 1)
    step = await own.last_clock_step()
    assert step is not None
    assert 200.0 < step[1] < 301.0
    assert counter._value.get() - before == 1.0
    assert caplog.text.count("the store's clock was stepped by +") == 1


async def make_silent(store: Store, name: str) -> None:
    """As if nothing had been heard of it for long."""
    await store.redis.hset(store.key("{blocklist}", "replicas"), name, "1 1.0 0 0 0 0 0 0 - 0 0 0 1.0 -")


async def copy_of(store: Store) -> dict[bytes, bytes]:
    """All that the store has, as a copy of it would."""
    keys = [key async for batch in store.scan(store.key("*")) for key in batch]
    return {key: await store.redis.dump(key) for key in keys}


async def bring_back(store: Store, copy: dict[bytes, bytes]) -> None:
    """It comes back with that copy."""
    for key in [key async for batch in store.scan(store.key("*")) for key in batch]:
        await store.redis.delete(key)
    for key, value in copy.items():
        await store.redis.restore(key, 0, value)


async def test_a_process_that_a_restored_store_does_not_know(store: Store) -> None:
    """It is cut off. Whoever knew it puts it on record again with its next heartbeat, and until then is late itself."""
    own, cut_off = OwnMembership(store, None), OwnMembership(store, None)
    before = await copy_of(store)
    await own.heartbeat("own", 0)
    await cut_off.heartbeat("cut-off", 0, journal="a")
    await own.heartbeat("own", 0)
    await bring_back(store, before)
    assert await own.laggards(0) == ["own"]
    await own.heartbeat("own", 0)
    late = await own.laggards(0)
    assert [*late, *(each.name for each in late.silent)] == ["cut-off"]
    assert await own.journals() == {"own": "-", "cut-off": "a"}
    assert await own.restored_at() == pytest.approx(store.clock.now(), abs=60)
    await cut_off.heartbeat("cut-off", 0)
    assert await own.laggards(0) == []


async def test_a_restored_record_of_a_heartbeat(store: Store) -> None:
    """The store comes back with the replica on record, but with an older heartbeat of it: others may be missing."""
    own, cut_off = OwnMembership(store, None), OwnMembership(store, None)
    await own.heartbeat("own", 0)
    before = await copy_of(store)
    await cut_off.heartbeat("cut-off", 0)
    await own.heartbeat("own", 0)
    await bring_back(store, before)
    assert await own.laggards(0) == ["own"]
    await own.heartbeat("own", 0)
    assert await own.laggards(0) == ["cut-off"]


async def test_who_has_left_is_not_put_on_record_again(store: Store, file: AppliedListsFile) -> None:
    """One that signed off after the store was restored, one that was killed, and one that was just forgotten."""
    own, signs_off, killed, forgotten = (OwnMembership(store, each) for each in (file, None, file, None))
    before = await copy_of(store)
    await signs_off.heartbeat("signs-off", 1)
    await killed.heartbeat("killed", 1)
    await forgotten.heartbeat("forgotten", 1)
    await own.heartbeat("own", 1)
    await make_silent(store, "forgotten")
    assert await Membership(store).forget(["forgotten"]) == ["forgotten"]
    record = await copy_of(store)
    await bring_back(store, {key: value for key, value in record.items() if not key.endswith(b":replicas")} | before)
    await signs_off.leave("signs-off")
    kill(killed)
    await OwnMembership(store, file).heartbeat("successor", 1)
    await own.heartbeat("own", 1)
    assert await states(store) == {"own": MemberState.LIVE, "successor": MemberState.LIVE}


async def test_a_forgotten_process_that_comes_back(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """It is on record again, and the store counts as what it was."""
    own = OwnMembership(store, None)
    await own.heartbeat("own", 1)
    await make_silent(store, "own")
    assert await Membership(store).forget(["own"]) == ["own"]
    await own.heartbeat("own", 1)
    assert await states(store) == {"own": MemberState.LIVE}
    assert await own.restored_at() is None
    assert caplog.text == ""


async def test_a_living_process_of_this_machine_is_on_record(store: Store, file: AppliedListsFile) -> None:
    """It is frozen, its record is lost, and nobody is left who knew it: its lock is held."""
    frozen = OwnMembership(store, file)
    await frozen.heartbeat("edge1/proxy/1#a", 1)
    await bring_back(store, {})
    started = OwnMembership(store, file)
    await started.heartbeat("edge1/controller/2#b", 0)
    assert await started.laggards(0) == ["edge1/proxy/1#a"]
    assert (await started.journals())["edge1/proxy/1#a"] == "?"
    await frozen.leave("edge1/proxy/1#a")
    assert await states(store) == {"edge1/controller/2#b": MemberState.LIVE}


async def test_a_store_that_was_restored_while_nothing_ran(store: Store, file: AppliedListsFile) -> None:
    """The first process that starts again knows from state_dir who was on record, and that the store is older."""
    cut_off, ended = OwnMembership(store, None), OwnMembership(store, file)
    await ended.heartbeat("ended", 0)
    before = await copy_of(store)
    await cut_off.heartbeat("cut-off", 0)
    await ended.heartbeat("ended", 0)
    kill(ended)
    await OwnMembership(store, file).heartbeat("first", 0)
    assert await Membership(store).restored_at() is None
    await bring_back(store, before)
    history = store.key("{blocklist}", "history")
    await store.redis.hset(history, "clock", float(await store.redis.hget(history, "clock")) - 60.0)  # a minute old
    await OwnMembership(store, file).heartbeat("new", 0)
    assert set(await states(store)) == {"cut-off", "first", "new"}
    assert await Membership(store).restored_at() is not None
