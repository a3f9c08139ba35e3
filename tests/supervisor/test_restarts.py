"""One child process is kept running, whatever fails; the port of one that can't run is closed."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.eventually import eventually

from edgeward.errors import StoreUnavailable
from edgeward.listening_sockets import PROXY_FD, shared_sockets
from edgeward.process_states import ProcessState
from edgeward.supervisor import restarts
from edgeward.supervisor.child_process import ChildProcess
from edgeward.supervisor.restarts import Restarter

SERVES = """
import os, sys
from pathlib import Path
from edgeward.listening_sockets import PROXY_FD, inherited_socket, report_ready
while not Path(sys.argv[1]).exists():
    pass
sock = inherited_socket(PROXY_FD)
sock.listen()
sock.setblocking(True)
report_ready()
while True:
    sock.accept()[0].sendall(b"worker")
"""
ADDONS = str(Path(restarts.__file__).parents[2])


class Case:
    """A child process on one of two sockets of an address, of which the test itself serves the other."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag
        self.own, self.sock = shared_sockets("127.0.0.1:0", "test", 2)
        self.address = self.own.getsockname()
        self.runs = False
        self.defects: list[int] | None = None
        environ = {PROXY_FD: str(self.sock.fileno()), "PYTHONPATH": ADDONS}
        self.child = ChildProcess("proxy", self.command, environ, self.sock)
        self.restarter = Restarter(self.child, lambda: None, self.ended, (2, 2))

    def command(self) -> Sequence[str]:
        return (sys.executable, "-c", SERVES, str(self.flag)) if self.runs else ("false",)

    def ended(self, pid: int) -> None:
        """If the test says so, cleaning up after a process fails, as on a read-only disk."""
        if self.defects is not None:
            self.defects.append(pid)
            raise OSError("read-only file system")

    @property
    def state(self) -> ProcessState:
        return self.restarter.state

    async def answers(self) -> list[bytes]:
        """Who answers each of 12 connections."""
        return [await self._ask() for _ in range(12)]

    async def _ask(self) -> bytes:
        reader, writer = await asyncio.open_connection(*self.address)
        try:
            return await asyncio.wait_for(reader.read(6), 60)
        finally:
            writer.close()


@pytest.fixture
async def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    monkeypatch.setattr(restarts, "LONGEST_PAUSE_SECONDS", 0.2)
    case = Case(tmp_path / "go")
    yield case
    case.own.close()
    case.sock.close()


@asynccontextmanager
async def restarted(case: Case) -> AsyncIterator[None]:
    await case.child.start()
    task = asyncio.create_task(case.restarter.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await case.child.stop(0)


async def test_a_process_that_ends_again_and_again_gets_no_connections(case: Case) -> None:
    """Its port is closed, so that all connections reach the other worker; once it is ready it gets its share again."""
    other = await asyncio.start_server(_answer, sock=case.own)
    async with restarted(case):
        await eventually(lambda: case.state.down)
        assert await case.answers() == [b"other"] * 12
        assert "does not run: it ended with status 1" in case.state.problem
        failed = case.state.restarts
        await eventually(lambda: case.state.restarts > failed + 2)  # it fails again while its port is closed
        case.flag.touch()
        case.runs = True
        await eventually(lambda: not case.state.down)
        found: set[bytes] = set()

        async def both_answer() -> bool:
            found.update(await case.answers())
            return found == {b"worker", b"other"}

        await eventually(both_answer)
    other.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"other")
    writer.close()


async def test_if_none_runs_connections_are_refused(case: Case) -> None:
    """A refusal at once is better than a wait for a process that does not come."""
    case.own.close()
    async with restarted(case):
        await eventually(lambda: case.state.down)
        with pytest.raises(ConnectionRefusedError):
            await case.answers()
        case.flag.touch()
        case.runs = True
        await eventually(lambda: not case.state.down)
        assert await case.answers() == [b"worker"] * 12


async def test_what_fails_after_an_end_does_not_keep_it_from_being_started(case: Case) -> None:
    """Cleaning up fails after each end, and it is started again each time."""
    case.defects = defects = []
    async with restarted(case):
        await eventually(lambda: len(defects) > restarts.FAILURES_BEFORE_DOWN)
        assert case.state.restarts >= restarts.FAILURES_BEFORE_DOWN


async def test_one_that_does_not_get_ready_is_down_until_it_is(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs, but does not listen: its port is closed, and opened when it is ready. It is not started twice."""
    monkeypatch.setattr(restarts, "START_SECONDS", 0.2)
    other = await asyncio.start_server(_answer, sock=case.own)
    case.runs = True
    async with restarted(case):
        pid = case.child.pid
        await eventually(lambda: case.state.down)
        assert "is not ready 0.2 s after its start" in case.state.problem
        assert await case.answers() == [b"other"] * 12
        case.flag.touch()
        await eventually(lambda: not case.state.down)
        assert (case.child.pid, case.state.restarts) == (pid, 0)
    other.close()


async def test_one_that_cannot_be_started_is_tried_again(case: Case) -> None:
    """A command that fails, by whatever error, is called again."""
    errors: list[Exception] = [StoreUnavailable("no program"), OSError("no memory"), RuntimeError("no thread")]

    def command() -> Sequence[str]:
        if errors:
            raise errors.pop()
        return (sys.executable, "-c", SERVES, str(case.flag))

    case.flag.touch()
    async with restarted(case):
        case.child.command = command
        await eventually(lambda: not errors and case.child.ready.is_set())
        await eventually(lambda: not case.state.down)


async def test_a_store_is_up_once_it_has_run_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without a port is down after failures in a row, and up again when it goes on running."""
    monkeypatch.setattr(restarts, "LONGEST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(restarts, "STEADY_AFTER_SECONDS", 0.5)
    command = ["false"]
    child = ChildProcess("store", lambda: command)
    restarter = Restarter(child, lambda: None, lambda pid: None, explain=lambda pid: "it says: no space")
    await child.start()
    task = asyncio.create_task(restarter.run())
    await eventually(lambda: restarter.state.down)
    assert "the embedded store does not run: it ended with status 1: it says: no space" in restarter.state.problem
    command[:] = ["sleep", "600"]
    await eventually(lambda: not restarter.state.down)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await child.stop(0)
