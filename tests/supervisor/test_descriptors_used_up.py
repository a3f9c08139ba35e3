"""`edgeward run` with few file descriptors and many half requests: others are answered, and the log stays short."""

import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.supervisor.running import END_SECONDS, ROOT, Running, status
from tests.support.eventually import until

pytestmark = pytest.mark.timeout(300)
SECONDS = 2 * END_SECONDS
DESCRIPTORS = 512
HALF_REQUESTS = 1400


class Limited(Running):
    """Its hard limit is DESCRIPTORS, its soft one a quarter of it."""

    def start(self) -> subprocess.Popen[bytes]:
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS // 4, DESCRIPTORS))  # noqa: E731
        process = subprocess.Popen(
            [sys.executable, "-m", "edgeward", "run", "-c", str(self.config)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "addons")},
            stderr=subprocess.PIPE,
            preexec_fn=limit,
        )
        self.log = bytearray()
        self.reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self.reader.start()
        return process

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr
        for line in process.stderr:
            self.log += line


@pytest.fixture
def edge(tmp_path: Path, redis_url: str) -> Iterator[Limited]:
    more = f'[store]\nurl = "{redis_url}"\nnamespace = "{tmp_path.name}"\n'
    edge = Limited(tmp_path, more)
    try:
        until(edge.ready, "a start", SECONDS)
        yield edge
    finally:
        edge.stop()


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """This process may have enough of them."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 2 * HALF_REQUESTS:
        pytest.skip(f"this user may have {before[1]} file descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 2 * HALF_REQUESTS), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_descriptors")
@pytest.mark.parametrize("role", ["proxy", "admin"])
def test_half_requests_keep_nobody_out(edge: Limited, role: str) -> None:
    """More half requests than there are descriptors: the oldest are closed, and whole ones are answered."""
    host, _, port = edge.run[role].rpartition(":")
    pids = edge.pids()
    with ExitStack() as stack:
        for _ in range(HALF_REQUESTS):
            half = stack.enter_context(socket.create_connection((host, int(port)), 60))
            half.sendall(b"GET /half HTTP/1.1\r\nHost: a\r\n")
        for _ in range(20):
            assert status(edge.run["proxy"]) == 502
        assert edge.ready()
    assert edge.pids() == pids
    edge.stop()
    edge.reader.join(SECONDS)
    log = bytes(edge.log)
    assert len(log) < 20_000, log[:4000]
    assert b"out of system resource" not in log
    assert b"the limit of file descriptors" in log
