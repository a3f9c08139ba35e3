"""Ten million entries of each of three types in a running Edgeward: memory, starts, changes, a long import beside."""

import asyncio
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path

from tests.bench.measurement import Budget, Effort, Row, Section, percentile, quantity
from tests.bench.pictures import of_bytes
from tests.bench.synthetic_batches import write_batch
from tests.bench.synthetic_sightings import running
from tests.bench.synthetic_values import photographs_changed, random_values
from tests.support.eventually import until

from edgeward.demo.edge import ApiError, Edge, Settings
from edgeward.demo.http_client import ask
from edgeward.demo.origin import Origin
from edgeward.errors import ApiUnavailable, Unavailable
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types import Entry, Signal

LIST, IMPORTED = "long", "imported"
WORKERS = 4
TIMES_LARGEST = 10
"""So many times the largest list of the other rooms: 10 million values of each type."""
IMAGE_BYTES = 1_000_000
CHANGES = 100
PATIENCE_SECONDS = 900.0
IN_STORE, PRIVATE, SHARED = Budget("<=", 4000), Budget("<=", 60), Budget("<=", 2500)
BUILT, RESTARTED, APPLIED = Budget("<=", 150), Budget("<=", 5), Budget("<=", 50)
IMPORT_SECONDS, LONGEST = Budget("<=", 60), Budget("<=", 100)


def measure(effort: Effort) -> Section:
    """Fill a store with batches; start an Edgeward without any files; start it again; change and import meanwhile."""
    count = effort.entries[-1] * TIMES_LARGEST
    lines = effort.entries[-1]
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name, ExitStack() as parts:
        directory = Path(name)
        url = parts.enter_context(running(directory))
        origin = parts.enter_context(Origin())
        settings: Settings = {
            "proxy": {"workers": WORKERS, "upstream": f"http://{origin.address}"},
            "store": {"url": url},
            "policy": {"not_ready": "block"},
        }
        empty = _private_of_empty(directory, settings)
        for kind, draw in (("pdq", photographs_changed()), ("md5", random_values(16)), ("sha1", random_values(20))):
            asyncio.run(write_batch(url, LIST, kind, draw, count))
        rows = list(_rows(directory, settings, origin, url, empty, count, lines))
    how = (
        f"One machine with {WORKERS} workers and a controller, in front of an origin; {count:,} PDQs (of crops of "
        f"photographs, changed), MD5s and SHA-1s, each with an id of its source. New machine: without files of the "
        "batches, until an image is judged. Shared: the files that all processes map. Private: anonymous memory of "
        "the largest worker beyond that of one without lists. A change: from its record in the store until every "
        f"process has reported it. Import: a file of {lines:,} PDQs through the API, until its entries act; requests "
        "for images, known and new, go through the workers all the time."
    )
    return Section("Long lists", how, rows)


def _private_of_empty(directory: Path, settings: Settings) -> float:
    with _started(directory / "empty", settings) as edge:
        until(lambda: _is_complete(edge), "all processes", PATIENCE_SECONDS)
        return max(map(_private, edge.run_file["processes"]["proxy"]))


def _rows(
    directory: Path, settings: Settings, origin: Origin, url: str, empty: float, count: int, lines: int
) -> Iterator[Row]:
    name = f"{count:,} of each"
    used = asyncio.run(_used(url))
    yield Row(f"{name}: in the store", quantity(used, "MB"), "", used, "MB", IN_STORE)
    origin.put("/first.jpg", of_bytes(IMAGE_BYTES, 0))
    with _started(directory / "edge", settings) as edge:
        built = until(lambda: _judged(edge), "the first image judged", PATIENCE_SECONDS)
        yield Row(f"{name}: new machine", quantity(built, "s"), "", built, "s", BUILT)
        shared = sum(path.stat().st_size for path in (directory / "edge").rglob("*.segment")) / 1e6
        yield Row(f"{name}: shared memory at most", quantity(shared, "MB"), "", shared, "MB", SHARED)
    with _started(directory / "edge", settings) as edge:
        again = until(lambda: _judged(edge), "the first image judged", PATIENCE_SECONDS)
        yield Row(f"{name}: restart, first image", quantity(again, "s"), "", again, "s", RESTARTED)
        until(lambda: _is_complete(edge), "all processes", PATIENCE_SECONDS)
        yield _applied(f"{name}: a change, p99", asyncio.run(_changes(url, CHANGES)))
        with _load(edge, origin) as before:
            time.sleep(10)
        body = _file(lines)  # before: to draw it would hold up the client of this process
        with _load(edge, origin) as during:
            yield from _import(edge, url, lines, body)
        private = max(map(_private, edge.run_file["processes"]["proxy"])) - empty
        yield Row(f"{name}: private memory of a worker", quantity(private, "MB"), "", private, "MB", PRIVATE)
    longest = f"{quantity(1000 * max(before), 'ms')} before"
    yield Row(
        "Longest request meanwhile", quantity(1000 * max(during), "ms"), longest, 1000 * max(during), "ms", LONGEST
    )
    usual = f"{quantity(1000 * percentile(before, 0.99), 'ms')} before"
    p99 = 1000 * percentile(during, 0.99)
    yield Row("Requests meanwhile, p99", quantity(p99, "ms"), usual, p99, "ms")


def _file(lines: int) -> bytes:
    chance = random.Random(lines)
    return "\n".join(f"pdq:{chance.randbytes(32).hex()}" for _ in range(lines)).encode()


def _import(edge: Edge, url: str, lines: int, body: bytes) -> Iterator[Row]:
    """Import a file, change entries meanwhile, take the import back, import it again, and delete the list."""
    edge.create_list(IMPORTED)
    changed: list[float] = []
    ended = threading.Event()
    changing = threading.Thread(target=lambda: changed.extend(asyncio.run(_changes(url, 10**6, ended))))
    changing.start()
    began = time.perf_counter()
    answer = edge.call("POST", f"/lists/{IMPORTED}/imports", body=body, timeout=PATIENCE_SECONDS)
    job = answer.json()["job"]["id"]
    until(lambda: edge.api("GET", f"/jobs/{job}")["state"] == "done", "the import", PATIENCE_SECONDS)
    seconds = time.perf_counter() - began
    ended.set()
    changing.join()
    name = f"{lines:,} lines"
    yield Row(f"{name}: imported", quantity(seconds, "s"), "", seconds, "s", IMPORT_SECONDS)
    yield _applied(f"{name}: a change meanwhile, p99", changed)
    yield _request(f"{name}: undone", edge, f"/acts/{job}")
    yield _request(f"{name}: list deleted", edge, f"/lists/{LIST}")


def _request(what: str, edge: Edge, path: str) -> Row:
    """A DELETE, and whatever it leaves to be done."""
    began = time.perf_counter()
    if (answer := edge.call("DELETE", path, timeout=PATIENCE_SECONDS)).status >= 400:
        raise Unavailable(f"DELETE {path}: {answer.status} {answer.body[:200]!r}")
    if answer.status == 202:
        until(lambda: edge.api("GET", path)["done_at"] is not None, "the undo", PATIENCE_SECONDS)
    seconds = time.perf_counter() - began
    return Row(what, quantity(seconds, "s"), "", seconds, "s", IMPORT_SECONDS)


def _applied(what: str, seconds: Sequence[float]) -> Row:
    worst = 1000 * percentile(seconds, 0.99)
    return Row(
        what, quantity(worst, "ms"), f"{quantity(1000 * percentile(seconds, 0.5), 'ms')} median", worst, "ms", APPLIED
    )


async def _changes(url: str, count: int, ended: threading.Event | None = None) -> list[float]:
    """Add and remove entries, until `ended`; the seconds from the record of each until every process has applied it."""
    store = await Store.connect(url)
    list_store, seconds, chance = ListStore(store), list[float](), random.Random(count)
    for _ in range(count):
        if ended and ended.is_set():
            break
        entry = Entry(LIST, Signal("md5", chance.randbytes(16).hex()))
        for change in (list_store.add_entries([entry], "bench"), list_store.remove_entries(LIST, [entry.id], "bench")):
            (made,) = await change
            began = time.perf_counter()
            if await list_store.wait_applied(made.version, PATIENCE_SECONDS):
                raise Unavailable("a process has not applied a change")
            seconds.append(time.perf_counter() - began)
        await asyncio.sleep(0.05 if ended else 0)
    await store.close()
    return seconds


@contextmanager
def _load(edge: Edge, origin: Origin) -> Iterator[list[float]]:
    """Ask for images, known and new, and for pages, one after the other; the seconds of each request."""
    seconds: list[float] = []
    ended = threading.Event()
    number = 0

    def ask_again_and_again() -> None:
        nonlocal number
        while not ended.is_set():
            number += 1
            path = f"/load{number}.jpg" if number % 10 == 0 else "/first.jpg"
            if number % 10 == 0:
                origin.put(path, of_bytes(IMAGE_BYTES, number))
            began = time.perf_counter()
            if ask(edge.proxy, path, timeout=60).status != 200:
                raise Unavailable(f"{path} was not delivered")
            seconds.append(time.perf_counter() - began)
            time.sleep(0.01)

    thread = threading.Thread(target=ask_again_and_again)
    thread.start()
    try:
        yield seconds
    finally:
        ended.set()
        thread.join()


def _is_complete(edge: Edge) -> bool:
    """Whether the controller and all workers have loaded the lists."""
    try:
        status = edge.api("GET", "/status")
    except (ApiUnavailable, ApiError):
        return False
    return bool(status["ready"]) and len(status["replicas"]) > WORKERS


def _judged(edge: Edge) -> bool:
    try:
        return ask(edge.proxy, "/first.jpg", timeout=5).status == 200
    except (OSError, ValueError, KeyError, HTTPException):
        return False


@contextmanager
def _started(directory: Path, settings: Settings) -> Iterator[Edge]:
    """An Edgeward that was started just now, and need not be ready."""
    edge = Edge(directory, settings)
    edge.begin()
    try:
        yield edge
    finally:
        edge.stop()


async def _used(url: str) -> float:
    """Memory that the store uses, in MB."""
    store = await Store.connect(url)
    used = (await store.info())["used_memory"] / 1e6
    await store.close()
    return float(used)


def _private(pid: int) -> float:
    """Anonymous memory of a process, in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1000
