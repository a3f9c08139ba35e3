"""Memory of a worker while many clients fetch large new images."""

import tempfile
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
        if edge.run_file["processes"]["proxy"] != [worker]:
            raise Unavailable("the worker died")
    how = (
        f"Peak resident memory of one proxy worker (hashers are separate processes) while {CLIENTS} clients "
        f"fetch as many different images of {IMAGE_BYTES // 10**6} MB at once, {effort.rounds} times, none seen before."
    )
    row = Row(
        f"Worker, {CLIENTS} clients, 4 MB images", quantity(peak, "MB"), f"{before:.0f} MB idle", peak, "MB", PEAK
    )
    return Section("Memory", how, [row])


def _fetch_all(origin: Origin, edge: Edge, turn: int) -> None:
    numbers = range(turn * CLIENTS, (turn + 1) * CLIENTS)
    for number in numbers:
        origin.put(f"/{number}.jpg", of_bytes(IMAGE_BYTES, number))
    with ThreadPoolExecutor(CLIENTS) as pool:
        statuses = list(pool.map(lambda number: ask(edge.proxy, f"/{number}.jpg", timeout=120).status, numbers))
    origin.resources.clear()
    if set(statuses) != {200}:
        raise Unavailable(f"{CLIENTS} clients got {sorted(set(statuses))}")


def _peak(pid: int) -> float:
    """Peak resident memory of a process so far, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise Unavailable(f"process {pid} has no memory")
