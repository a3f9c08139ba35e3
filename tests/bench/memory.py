"""Memory of a worker while many clients fetch large new images, and while clients ask for them and do not read."""

import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.bench.measurement import Budget, Effort, Row, Section, quantity
from tests.bench.pictures import of_bytes

from edgeward.demo.edge import Edge
from edgeward.demo.http_client import ask
from edgeward.demo.origin import Origin
from edgeward.errors import Unavailable

CLIENTS = 64
IMAGE_BYTES = 4_000_000
PEAK = Budget("<=", 400)
STALLED_CLIENTS = 30
STALLED_BYTES = 29_000_000
STALLED_SECONDS = 10.0
STALLED_PEAK = Budget("<=", 500)
"""The budget for bodies (proxy.body_memory_mb, 256 MiB by default), one body that is copied, and an idle worker."""


def measure(effort: Effort) -> Section:
    """One worker in front of the origin; all clients fetch different images at the same time, in several rounds."""
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name, ExitStack() as parts:
        origin = parts.enter_context(Origin())
        settings = {"proxy": {"workers": 1, "upstream": f"http://{origin.address}"}}
        edge = parts.enter_context(Edge(Path(name), settings))
        worker = edge.run_file["processes"]["proxy"][0]
        before = _peak(worker)
        for turn in range(effort.rounds):
            _fetch_all(origin, edge, turn)
        peak = _peak(worker)
        _stall(origin, edge)
        stalled = _peak(worker)
        if edge.run_file["processes"]["proxy"] != [worker]:
            raise Unavailable("the worker died")
    how = (
        f"Peak resident memory of one proxy worker (hashers are separate processes) while {CLIENTS} clients "
        f"fetch as many different images of {IMAGE_BYTES // 10**6} MB at once, {effort.rounds} times, all new; "
        f"then while {STALLED_CLIENTS} clients ask for one of {STALLED_BYTES // 10**6} MB and read nothing for "
        f"{STALLED_SECONDS:.0f} s, while another image is delivered."
    )
    row = Row(
        f"Worker, {CLIENTS} clients, 4 MB images", quantity(peak, "MB"), f"{before:.0f} MB idle", peak, "MB", PEAK
    )
    name = f"Worker, {STALLED_CLIENTS} clients that do not read"
    slow = Row(name, quantity(stalled, "MB"), f"{before:.0f} MB idle", stalled, "MB", STALLED_PEAK)
    return Section("Memory", how, [row, slow])


def _fetch_all(origin: Origin, edge: Edge, turn: int) -> None:
    numbers = range(turn * CLIENTS, (turn + 1) * CLIENTS)
    for number in numbers:
        origin.put(f"/{number}.jpg", of_bytes(IMAGE_BYTES, number))
    with ThreadPoolExecutor(CLIENTS) as pool:
        statuses = list(pool.map(lambda number: ask(edge.proxy, f"/{number}.jpg", timeout=120).status, numbers))
    origin.resources.clear()
    if set(statuses) != {200}:
        raise Unavailable(f"{CLIENTS} clients got {sorted(set(statuses))}")


def _stall(origin: Origin, edge: Edge) -> None:
    """Clients that ask and do not read, beside one that does."""
    origin.put("/stalled.jpg", of_bytes(STALLED_BYTES, 0))
    origin.put("/read.jpg", of_bytes(IMAGE_BYTES, 0))
    host, _, port = edge.proxy.rpartition(":")
    with ExitStack() as clients:
        for _ in range(STALLED_CLIENTS):
            client = clients.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((host, int(port)))
            client.sendall(b"GET /stalled.jpg HTTP/1.1\r\nHost: bench.test\r\n\r\n")
        time.sleep(STALLED_SECONDS)
        if (status := ask(edge.proxy, "/read.jpg", timeout=120).status) != 200:
            raise Unavailable(f"a client that reads got {status}")
    origin.resources.clear()


def _peak(pid: int) -> float:
    """Peak resident memory of a process so far, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise Unavailable(f"process {pid} has no memory")
