"""A replica while the store hangs, dies, loses data and comes back."""

import asyncio
import logging
import signal
from collections.abc import Sequence

import pytest
from tests.lists.entries import entry, image
from tests.store.server import Server
from tests.support.eventually import eventually
from tests.support.store_copies import bring_back, copy_of

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import replica as module
from edgeward.lists.replication.matcher_updates import MatcherUpdates
from edgeward.lists.replication.membership import Membership, StoreHistory
from edgeward.lists.replication.replica import Replica
from edgeward.store.connection import Store
from edgeward.types import Action, Entry, HashList


async def test_after_a_trim_everything_is_loaded_again(
    own: tuple[Store, ListStore, Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica whose position was trimmed is not ready until it has loaded everything again, removals included."""
    store, list_store, replica = own
    kept, removed = entry("a", 1), entry("a", 2)
    changes = await list_store.add_entries([kept, removed], "me")
    assert await replica.wait_version(changes[-1].version, 60)
    moments: list[bool] = []
    load_snapshot = MatcherUpdates.load_snapshot

    async def watched(self: MatcherUpdates, keep_others: bool) -> None:
        moments.append(replica.ready)
        await load_snapshot(self, keep_others)

    monkeypatch.setattr(MatcherUpdates, "load_snapshot", watched)
    async with store.redis.pipeline(transaction=True) as pipe:  # all at once, so the replica sees none of it come
        pipe.set(store.key("{blocklist}", "version"), 1000)
        pipe.hdel(store.key("{blocklist}", "entries", "a"), removed.id)
        pipe.xtrim(list_store.stream, maxlen=0, approximate=False)
        fields = {"op": "entry.add", "who": "me", "at": "1.0", "why": "", "entry": entry("a", 3).to_json()}
        pipe.hset(store.key("{blocklist}", "entries", "a"), entry("a", 3).id, entry("a", 3).to_json())
        pipe.xadd(list_store.stream, fields, id="1000-0")  # type: ignore[arg-type]
        await pipe.execute()
    assert await replica.wait_version(1000, 60)
    assert moments == [False]
    assert replica.ready
    assert set(replica.matcher.entries("a")) == {kept.id, entry("a", 3).id}
    assert await list_store.laggards(1000) == []


@pytest.mark.parametrize("regrown", [0, 3, 50])
async def test_a_store_that_lost_its_data(
    server: Server, own: tuple[Store, ListStore, Replica], caplog: pytest.LogCaptureFixture, regrown: int
) -> None:
    """The store is empty and grows again, even past the old version: the replica keeps what it had and adds the new."""
    store, list_store, replica = own
    old = [entry("a", number) for number in range(10)]
    changes = await list_store.add_entries(old, "me")
    assert await replica.wait_version(changes[-1].version, 60)
    ready: list[bool] = []
    generation = replica.matcher.change_count
    new = [entry("a", 100 + number) for number in range(regrown)]
    version = await _another_history(server, store, new)
    await eventually(lambda: ready.append(replica.ready) or "lost" in caplog.text, "it has noticed")
    assert await list_store.wait_applied(version, 60) == []
    assert all(ready)
    assert replica.version == version
    assert all(replica.matcher.verdict(image(one)).blocks for one in (*old, *new))
    assert replica.matcher.verdict(image(old[0])).action is Action.GONE
    assert replica.matcher.change_count > generation
    assert [record.levelno for record in caplog.records if "lost" in record.message] == [logging.ERROR]
    changes = await list_store.add_entries([entry("a", 999)], "me")
    assert await list_store.wait_applied(changes[-1].version, 60) == []
    assert replica.matcher.verdict(image(entry("a", 999))).blocks


async def _another_history(server: Server, store: Store, listed: Sequence[Entry]) -> int:
    """Replace the lists of the store by others, atomically. Returns their version."""
    other = await Store.connect(server.url, "other")
    list_store = ListStore(other)
    await list_store.create_list(HashList("a", action=Action.GONE), "me")
    await list_store.add_entries(listed, "me")
    async with store.redis.pipeline(transaction=True) as pipe:
        for name in ("version", "changes", "lists", "entries:a"):
            pipe.delete(store.key("{blocklist}", name))
            if await other.redis.exists(other.key("{blocklist}", name)):
                pipe.rename(other.key("{blocklist}", name), store.key("{blocklist}", name))
        await pipe.execute()
    await other.close()
    return 1 + len(listed)


async def test_goes_on_while_the_store_is_away(
    server: Server,
    own: tuple[Store, ListStore, Replica],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the store is dead the replica serves what it has and its contact ages; afterwards new entries act again."""
    _, list_store, replica = own
    changes = await list_store.add_entries([entry("a", 1)], "me")
    assert await replica.wait_version(changes[-1].version, 60)
    server.kill()
    await eventually(lambda: "the store is unavailable" in caplog.text, "it has noticed")
    age, tries = replica.freshness.contact_age, _count_heartbeats(monkeypatch, "one")
    await eventually(lambda: len(tries) > 3, "it tries again and again")
    assert replica.ready
    age, earlier = replica.freshness.contact_age, age
    assert age > earlier
    assert replica.matcher.verdict(image(entry("a", 1))).blocks
    await server.start()
    changes = await list_store.add_entries([entry("a", 2)], "me")
    assert await replica.wait_version(changes[-1].version, 60)
    assert await list_store.wait_applied(changes[-1].version, 60) == []
    assert replica.freshness.contact_age < age
    assert replica.matcher.verdict(image(entry("a", 1))).blocks
    assert caplog.text.count("the store is unavailable") == caplog.text.count("the store is available again") == 1


def _count_heartbeats(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """The names under which replicas called `name` try to send heartbeats, one for each try from now on."""
    tries: list[str] = []
    heartbeat = Membership.heartbeat

    async def counted(self: Membership, full_name: str, reported: int, **more: int) -> StoreHistory:
        if full_name.startswith(f"{name}#"):
            tries.append(full_name)
        return await heartbeat(self, full_name, reported, **more)

    monkeypatch.setattr(Membership, "heartbeat", counted)
    return tries


async def test_a_store_that_hangs(
    server: Server, own: tuple[Store, ListStore, Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen store neither ends nor blocks the replica, and it catches up when the store answers again."""
    store, list_store, _ = own
    impatient = Store(server.url, "edgeward", timeout_ms=300)
    replica = Replica(impatient, "two")
    await replica.start()
    await eventually(lambda: replica.ready, "loaded")

    async def both_wait() -> bool:
        return sum("b" in one["flags"] for one in await store.redis.client_list()) >= 2

    await eventually(both_wait, "both replicas wait for changes")
    assert server.process
    server.process.send_signal(signal.SIGSTOP)
    tries = _count_heartbeats(monkeypatch, "two")
    await eventually(lambda: len(tries) > 1, "it tries again and again")
    assert replica.ready
    server.process.send_signal(signal.SIGCONT)
    changes = await list_store.add_entries([entry("a", 1)], "me")
    assert await list_store.wait_applied(changes[-1].version, 60) == []
    assert await replica.wait_version(changes[-1].version, 60)
    await replica.close()
    await impatient.close()


async def test_starts_without_a_store(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the store is away `start` returns at once, not ready; when the store is back the replica loads by itself."""
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.02, 0.1))
    store = await Store.connect(server.url)
    await ListStore(store).create_list(HashList("a"), "me")
    server.kill()
    replica = Replica(store, "one")
    await asyncio.wait_for(replica.start(), 60)  # the store comes later
    assert not replica.ready
    assert not await replica.wait_version(0, 0.05)
    await server.start()
    await eventually(lambda: replica.ready, "ready")
    assert replica.version == 1
    await replica.close()
    await store.close()


async def test_a_replica_in_use_keeps_trying_often(
    server: Server, list_store: ListStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it has loaded, its pauses do not grow: it is up to date again as soon as the store is back."""
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.001, 3600.0))
    store = await Store.connect(server.url)
    await ListStore(store).create_list(HashList("a"), "me")
    replica = Replica(store, "one")
    await replica.start()
    assert replica.ready
    server.kill()
    tries = _count_heartbeats(monkeypatch, "one")
    await eventually(lambda: len(tries) > 20, "twenty tries: if the pauses doubled, the last would take minutes")
    await replica.close()
    await store.close()


async def test_another_history_is_told(own: tuple[Store, ListStore, Replica]) -> None:
    """Who writes to the store learns that it lost its data, also where no list is missing."""
    store, _, replica = own
    told: list[bool] = []
    replica.on_store_loss.append(lambda: told.append(True))
    await store.redis.delete(store.key("{blocklist}", "history"))
    await eventually(lambda: told, "the loss is noticed")


async def test_an_older_copy_with_the_same_lists(own: tuple[Store, ListStore, Replica]) -> None:
    """No list is missing, but what this process wrote meanwhile may be: it is told, and goes on."""
    store, list_store, replica = own
    changes = await list_store.add_entries([entry("a", 1)], "me")
    assert await replica.wait_version(changes[-1].version, 60)
    told: list[str] = []
    replica.on_store_loss.append(lambda: told.append("loss"))
    before = await copy_of(store)
    await replica.compare_with_store()
    assert not told
    await bring_back(store, before)
    await eventually(lambda: told, "the loss is noticed")
    assert replica.loss is None
    assert replica.ready
    assert await list_store.laggards(changes[-1].version) == []
