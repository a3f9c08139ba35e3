"""The live copy while the store hangs, dies, forgets and comes back."""

import asyncio
import logging
import signal
from collections.abc import Sequence

import pytest
from tests.blocklist.entries import entry, image, until
from tests.store.server import Server

from edgeward.blocklist import replica as module
from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.replica import Replica
from edgeward.blocklist.rollcall import Beat
from edgeward.store.connection import Store
from edgeward.types import Action, Entry, HashList


async def test_a_trimmed_stream_is_loaded_anew(server: Server, own: tuple[Store, Catalogue, Replica]) -> None:
    """A copy whose place was trimmed while it was cut off is not ready until it has loaded again, removals included."""
    store, catalogue, replica = own
    kept, removed = entry("a", 1), entry("a", 2)
    changes = await catalogue.add_entries([kept, removed], "me")
    assert await replica.wait_version(changes[-1].version, 60)
    moments: list[bool] = []
    original = replica._read_snapshot

    async def watch() -> None:
        moments.append(replica.ready)
        await original()

    replica._read_snapshot = watch  # type: ignore[method-assign]
    async with store.redis.pipeline(transaction=True) as pipe:  # all at once, so the copy sees none of it come
        pipe.set(store.key("{blocklist}", "version"), 1000)
        pipe.hdel(store.key("{blocklist}", "entries", "a"), removed.id)
        pipe.xtrim(catalogue.stream, maxlen=0, approximate=False)
        fields = {"op": "entry.add", "who": "me", "at": "1.0", "why": "", "entry": entry("a", 3).to_json()}
        pipe.hset(store.key("{blocklist}", "entries", "a"), entry("a", 3).id, entry("a", 3).to_json())
        pipe.xadd(catalogue.stream, fields, id="1000-0")  # type: ignore[arg-type]
        await pipe.execute()
    assert await replica.wait_version(1000, 60)
    assert moments == [False]
    assert replica.ready
    assert set(replica.matcher.entries("a")) == {kept.id, entry("a", 3).id}
    assert await catalogue.laggards(1000) == []


@pytest.mark.parametrize("regrown", [0, 3, 50])
async def test_a_store_that_lost_its_data(
    server: Server, own: tuple[Store, Catalogue, Replica], caplog: pytest.LogCaptureFixture, regrown: int
) -> None:
    """The store is empty and grows again, even past the old version: the copy keeps what it had and adds the new."""
    store, catalogue, replica = own
    old = [entry("a", number) for number in range(10)]
    changes = await catalogue.add_entries(old, "me")
    assert await replica.wait_version(changes[-1].version, 60)
    ready: list[bool] = []
    generation = replica.matcher.generation
    new = [entry("a", 100 + number) for number in range(regrown)]
    version = await _another_history(server, store, new)
    await until("it has noticed", lambda: ready.append(replica.ready) or "lost" in caplog.text)
    assert await catalogue.wait_applied(version, 60) == []
    assert all(ready)
    assert replica.version == version
    assert all(replica.matcher.verdict(image(one)).blocks for one in (*old, *new))
    assert replica.matcher.verdict(image(old[0])).action is Action.GONE
    assert replica.matcher.generation > generation
    assert [record.levelno for record in caplog.records if "lost" in record.message] == [logging.ERROR]
    changes = await catalogue.add_entries([entry("a", 999)], "me")
    assert await catalogue.wait_applied(changes[-1].version, 60) == []
    assert replica.matcher.verdict(image(entry("a", 999))).blocks


async def _another_history(server: Server, store: Store, listed: Sequence[Entry]) -> int:
    """Put lists with other entries in the place of the store's, in one moment. Returns their version."""
    other = await Store.connect(server.url, "other")
    catalogue = Catalogue(other)
    await catalogue.create_list(HashList("a", action=Action.GONE), "me")
    await catalogue.add_entries(listed, "me")
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
    own: tuple[Store, Catalogue, Replica],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the store dead the copy serves what it has and its contact ages; when it is back, new entries act again."""
    _, catalogue, replica = own
    changes = await catalogue.add_entries([entry("a", 1)], "me")
    assert await replica.wait_version(changes[-1].version, 60)
    server.kill()
    await until("it has noticed", lambda: "store away" in caplog.text)
    contact, tries = replica.contact, _counted(replica, monkeypatch)
    await until("it tries again and again", lambda: len(tries) > 3)
    assert replica.ready
    assert replica.contact == contact
    assert replica.matcher.verdict(image(entry("a", 1))).blocks
    await server.start()
    changes = await catalogue.add_entries([entry("a", 2)], "me")
    assert await replica.wait_version(changes[-1].version, 60)
    assert await catalogue.wait_applied(changes[-1].version, 60) == []
    assert replica.contact > contact
    assert replica.matcher.verdict(image(entry("a", 1))).blocks
    assert caplog.text.count("store away") == caplog.text.count("store back") == 1


def _counted(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whom it calls in as, whenever it tries to, from now on."""
    tries: list[str] = []
    beat = replica._rollcall.beat

    async def counted(name: str, *versions: int) -> Beat:
        tries.append(name)
        return await beat(name, *versions)

    monkeypatch.setattr(replica._rollcall, "beat", counted)
    return tries


async def test_a_store_that_hangs(
    server: Server, own: tuple[Store, Catalogue, Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen store neither ends nor blocks the copy, and it catches up when the store moves again."""
    store, catalogue, _ = own
    impatient = Store(server.url, "edgeward", timeout_ms=300)
    replica = Replica(impatient, "two")
    await replica.start()
    await until("loaded", lambda: replica.ready)
    while sum("b" in one["flags"] for one in await store.redis.client_list()) < 2:
        await asyncio.sleep(0.005)  # until both wait for changes
    assert server.process
    server.process.send_signal(signal.SIGSTOP)
    tries = _counted(replica, monkeypatch)
    await until("it tries again and again", lambda: len(tries) > 1)
    assert replica.ready
    server.process.send_signal(signal.SIGCONT)
    changes = await catalogue.add_entries([entry("a", 1)], "me")
    assert await catalogue.wait_applied(changes[-1].version, 60) == []
    assert await replica.wait_version(changes[-1].version, 60)
    await replica.close()
    await impatient.close()


async def test_starts_without_a_store(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the store away start returns at once, not ready; when the store comes the copy loads by itself."""
    monkeypatch.setattr(module, "LAST_PAUSE_SECONDS", 0.1)
    store = await Store.connect(server.url)
    await Catalogue(store).create_list(HashList("a"), "me")
    server.kill()
    replica = Replica(store, "one")
    await asyncio.wait_for(replica.start(), 10)  # the store comes later
    assert not replica.ready
    assert not await replica.wait_version(0, 0.05)
    await server.start()
    await until("ready", lambda: replica.ready)
    assert replica.version == 1
    await replica.close()
    await store.close()
