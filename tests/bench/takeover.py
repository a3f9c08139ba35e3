"""Takeover: a controller is killed, and another completes its purge orders."""

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path

from tests.bench.measurement import Budget, Effort, Row, Section, quantity
from tests.bench.synthetic_sightings import keep_on_disk, running
from tests.support.eventually import eventually, until

from edgeward.demo.caches import Varnish
from edgeward.demo.caches.base import free_port
from edgeward.demo.edge import toml
from edgeward.demo.http_client import HOST, ask
from edgeward.errors import Unavailable
from edgeward.purging.orders import Orders
from edgeward.store.connection import Store
from edgeward.types import Cause, PurgeOrder, Target

NAME = "varnish"
ORDERS = 500
TIMEOUT_MS = 500
START_SECONDS = 30.0
STOP_SECONDS = 20.0
PATIENCE_SECONDS = 60.0
TAKEN_OVER = Budget("<=", 10)


def measure(effort: Effort) -> Section:
    """Two controllers of one frozen cache: the one that holds the orders is killed, and the cache is resumed."""
    seconds = []
    for _ in range(min(3, effort.rounds)):
        with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name:
            seconds.append(_round(Path(name)))
    how = (
        f"A controller holds {ORDERS} orders for a stopped Varnish (SIGSTOP). The controller is killed (SIGKILL), and "
        "Varnish is resumed at the same moment. Another controller is running that shares only the store with it. "
        f"Seconds from the kill to the last verified outcome on record, in {len(seconds)} rounds."
    )
    rows = [
        Row(f"Killed controller's work done, {what}", quantity(figure, "s"), "", figure, "s", TAKEN_OVER)
        for what, figure in (("median", statistics.median(seconds)), ("longest", max(seconds)))
    ]
    return Section("Takeover", how, rows)


def _round(directory: Path) -> float:
    with ExitStack() as parts:
        url = parts.enter_context(running(directory))
        asyncio.run(keep_on_disk(url))
        cache = parts.enter_context(Varnish(directory / NAME, ("127.0.0.1", free_port())))
        settings = {"store": {"url": url}, "caches": [{**cache.section(NAME), "timeout_ms": TIMEOUT_MS}]}
        doomed = parts.enter_context(_controller(directory / "doomed", settings))
        cache.pause()
        ids = asyncio.run(_place(url))
        parts.enter_context(_controller(directory / "survivor", settings))
        os.kill(doomed.pid, signal.SIGKILL)
        began = time.perf_counter()
        cache.resume()
        asyncio.run(_wait_done(url, ids))
        return time.perf_counter() - began


@contextmanager
def _controller(directory: Path, settings: dict[str, object]) -> Iterator[subprocess.Popen[bytes]]:
    """`edgeward controller` in a directory of its own, once it is ready."""
    directory.mkdir()
    config, state = directory / "edgeward.toml", directory / "state"
    config.write_text(toml({"state_dir": str(state), "admin": {"listen": "127.0.0.1:0", "hosts": [HOST]}, **settings}))
    command = [sys.executable, "-m", "edgeward", "controller", "-c", str(config)]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until(lambda: _is_ready(state), "a ready controller", START_SECONDS, pause=0.05)
        yield process
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _is_ready(state: Path) -> bool:
    try:
        url = json.loads((state / "api.json").read_text())["url"]
        return ask(url.removeprefix("http://"), "/readyz").status == 200
    except (OSError, ValueError, HTTPException):
        return False


async def _place(url: str) -> list[str]:
    """Place orders, and return when one controller has taken all of them."""
    store = await Store.connect(url)
    targets = [Target("http", "photos.example", f"/{number}.jpg") for number in range(ORDERS)]
    ids = await Orders(store).place([PurgeOrder(target, Cause.MANUAL, time.time()) for target in targets])

    async def are_taken() -> bool:
        pending = await store.redis.xpending(store.key("{purges}", "orders"), NAME)
        return bool(pending["pending"] >= ORDERS)

    await eventually(are_taken, "delivery of all orders to a controller", PATIENCE_SECONDS)
    await store.close()
    return ids


async def _wait_done(url: str, ids: list[str]) -> None:
    store = await Store.connect(url)
    owed = await Orders(store).wait_done(ids, [NAME], PATIENCE_SECONDS)
    await store.close()
    if owed:
        raise Unavailable(f"{owed[NAME]} of {ORDERS} orders were not done")
