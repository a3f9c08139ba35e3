"""state_dir is full, read-only or deleted while `edgeward run` runs: killed processes come back all the same."""

import os
import shutil
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.supervisor.mounts import fill, read_only, small_disk
from tests.supervisor.running import END_SECONDS, Running, alive, status
from tests.support.eventually import until

pytestmark = pytest.mark.timeout(300)
SECONDS = 2 * END_SECONDS


class Edge(Running):
    """`edgeward run` with a store elsewhere. What run.json says is read while state_dir is there."""

    def __init__(self, directory: Path, redis_url: str) -> None:
        super().__init__(directory, f'[store]\nurl = "{redis_url}"\nnamespace = "{directory.name}"\n')
        until(self.ready, "a start", SECONDS)
        self.proxy, self.admin = self.run["proxy"], self.run["admin"]
        until(lambda: len(self.workers()) == 2, "two workers", SECONDS)

    def workers(self) -> set[int]:
        """Child processes of the supervisor that are proxy workers, as the kernel knows them."""
        return {pid for pid in self.children() if b"\0proxy\0" in _command_line(pid)}

    def controllers(self) -> set[int]:
        return {pid for pid in self.children() if b"\0controller\0" in _command_line(pid)}

    def children(self) -> list[int]:
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill_all(self) -> None:
        """Kill both workers and the controller, and wait until others serve in their place."""
        before = self.workers() | self.controllers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: not any(alive(pid) for pid in before), "an end", SECONDS)
        until(lambda: (len(self.workers()), len(self.controllers())) == (2, 1), "new processes", SECONDS)
        until(lambda: self.readyz() == 200, "a controller", SECONDS)
        assert [status(self.proxy) for _ in range(12)] == [502] * 12
        assert (len(self.workers()), len(self.controllers())) == (2, 1)

    def readyz(self) -> int:
        try:
            with urllib.request.urlopen(f"http://{self.admin}/readyz", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def metrics(self) -> bytes:
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=60) as answer:
            text: bytes = answer.read()
            return text


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def started(stack: ExitStack, directory: Path, redis_url: str) -> Edge:
    edge = Edge(directory, redis_url)
    stack.callback(lambda: edge.stop())
    return edge


def test_a_full_disk(tmp_path: Path, redis_url: str, stack: ExitStack) -> None:
    """Workers that were killed come back although nothing can be written; no process dies of its metrics (SIGBUS)."""
    stack.enter_context(small_disk(tmp_path / "state"))
    edge = started(stack, tmp_path, redis_url)
    filler = fill(tmp_path / "state")
    edge.kill_all()
    # Which processes found the place that the files of the dead left, and so are in it, is chance.
    assert b"edgeward_" in edge.metrics()
    filler.unlink()
    edge.kill_all()
    until(lambda: b"edgeward_responses_total{" in edge.metrics(), "metrics of all", SECONDS)


@pytest.mark.parametrize("lose", ["read-only", "deleted"])
def test_no_directory_to_write_to(tmp_path: Path, redis_url: str, stack: ExitStack, lose: str) -> None:
    """Killed processes come back, once each, and every request is answered."""
    edge = started(stack, tmp_path, redis_url)
    if lose == "deleted":
        shutil.rmtree(edge.state)
    else:
        stack.enter_context(read_only(edge.state))
    edge.kill_all()
    assert edge.metrics()
