"""`edgeward run`: everything starts, a process that dies is restarted, nothing is left running."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.supervisor.running import END_SECONDS, Running, alive
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.listening_sockets import address_of, listening_socket
from edgeward.settings.config import Config
from edgeward.supervisor.child_process import ChildProcess
from edgeward.supervisor.supervisor import Supervisor

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One `edgeward run` for all tests of this module."""
    require("redis-server")
    made = Running(tmp_path_factory.mktemp("run"))
    yield made
    made.stop()


@pytest.fixture
def running(made: Running) -> Running:
    """The same with all its processes; started again if a test has ended it."""
    if made.process.poll() is not None:
        made.process = made.start()
    until(lambda: made.ready() and len(made.pids()) == 4, seconds=2 * END_SECONDS)
    return made


@pytest.mark.parametrize("role", ["proxy", "controller", "store"])
def test_a_process_that_dies_is_restarted(running: Running, role: str) -> None:
    """After a SIGKILL each process is replaced and Edgeward serves again."""
    named = running.run["processes"][role]
    victim = named[0] if isinstance(named, list) else named
    os.kill(victim, signal.SIGKILL)
    until(
        lambda: victim not in running.pids() and len(running.pids()) == 4 and running.ready(), seconds=2 * END_SECONDS
    )


async def test_nothing_is_restarted_during_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead worker whose restart is due is not started while other processes are still ending."""
    paused, go_on, starts = asyncio.Event(), asyncio.Event(), 0
    sleep = asyncio.sleep

    async def pause(_: float) -> None:
        paused.set()
        await go_on.wait()

    def dies() -> tuple[str, ...]:
        nonlocal starts
        starts += 1
        return ("true",)

    class Slow(ChildProcess):
        async def stop(self, grace: float) -> None:
            go_on.set()
            for _ in range(10):
                await sleep(0)
            await super().stop(grace)

    monkeypatch.setattr(asyncio, "sleep", pause)
    supervisor = Supervisor(Config(state_dir=tmp_path), None)
    (tmp_path / "metrics").mkdir()
    supervisor._sockets.append(listening_socket("127.0.0.1:0", "test"))
    await supervisor._start_child(ChildProcess("proxy", dies))
    await supervisor._start_child(Slow("controller", lambda: ("sleep", "600")))
    await asyncio.wait_for(paused.wait(), END_SECONDS)
    await supervisor._stop()
    assert starts == 1


def test_connections_wait_for_a_dead_worker(running: Running) -> None:
    """While both workers are dead a connection is neither refused nor reset: the next workers answer it."""
    for pid in running.run["processes"]["proxy"]:
        os.kill(pid, signal.SIGKILL)
    host, _, port = running.run["proxy"].partition(":")

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        line = await asyncio.wait_for(reader.readline(), 2 * END_SECONDS)
        writer.close()
        return line

    assert asyncio.run(ask()).startswith(b"HTTP/1.1 502")


def test_second_run_on_the_same_state_is_refused(running: Running) -> None:
    """A second supervisor on the same state_dir ends with status 2 and names it."""
    second = running.start()
    _, err = second.communicate(timeout=END_SECONDS)
    assert second.returncode == 2
    assert b"state_dir" in err and b"give this one a state_dir of its own" in err


def test_port_in_use_is_named(tmp_path: Path) -> None:
    """A port in use ends the start with status 2 and the name of the setting."""
    with listening_socket("127.0.0.1:0", "test") as taken:
        made = Running(tmp_path, listen=address_of(taken))
        _, err = made.process.communicate(timeout=END_SECONDS)
    assert made.process.returncode == 2
    assert b"proxy.listen" in err


def test_store_away_is_named(tmp_path: Path) -> None:
    """An unreachable store ends the start with status 3; the message has its address but not its password."""
    made = Running(tmp_path, '[store]\nurl = "redis://:secret@127.0.0.1:9"\n')
    _, err = made.process.communicate(timeout=END_SECONDS)
    assert made.process.returncode == 3
    assert b"127.0.0.1:9" in err and b"correct store.url" in err
    assert b"secret" not in err


def test_a_dead_worker_leaves_counters_but_no_gauges(running: Running) -> None:
    """The gauges of a dead worker are no longer exported; its counters still are."""
    victim = running.run["processes"]["proxy"][0]
    files = running.state / "metrics"
    until(lambda: bool(list(files.glob(f"gauge_live*_{victim}.db"))), seconds=2 * END_SECONDS)
    os.kill(victim, signal.SIGKILL)
    until(lambda: not list(files.glob(f"gauge_live*_{victim}.db")), seconds=2 * END_SECONDS)
    assert list(files.glob(f"counter_{victim}.db"))


def test_stops_cleanly(running: Running) -> None:
    """SIGTERM ends it with status 0, and leaves no process and no run.json."""
    pids = running.pids()
    assert running.stop() == 0
    until(lambda: not any(alive(pid) for pid in pids), seconds=2 * END_SECONDS)
    assert not (running.state / "run.json").exists()


def test_children_end_with_the_supervisor(running: Running) -> None:
    """If the supervisor is killed, the kernel ends its child processes, and theirs end too."""
    pids = running.pids()
    running.process.kill()
    running.process.wait(END_SECONDS)
    until(lambda: not any(alive(pid) for pid in pids), seconds=2 * END_SECONDS)
