"""The store at the start of `edgeward run`: damaged, cut short, or loading for long."""

import json
import os
import signal
import stat
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.store.server import Server
from tests.supervisor.running import END_SECONDS, Running, alive
from tests.support.eventually import until
from tests.support.programs import require

pytestmark = pytest.mark.timeout(300)
SECONDS = 2 * END_SECONDS
SLOW_SERVER = """#!/bin/sh
exec {program} "$@" --key-load-delay 3000 --loading-process-events-interval-bytes 1024
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """state_dir of an embedded store with 3,000 keys in a snapshot and some appended, killed."""
    state = tmp_path / "state"
    program = require("redis-server")
    own = Server(state, program)
    own.spawn()
    try:
        ask = [str(require("redis-cli")), "-s", str(own.socket_path)]
        until(lambda: subprocess.run([*ask, "ping"], capture_output=True, text=True).stdout == "PONG\n")
        fill = "for i = 1, 3000 do redis.call('SET', 'k' .. i, 'value') end"
        subprocess.run([*ask, "eval", fill, "0"], check=True, capture_output=True)
        subprocess.run([*ask, "bgrewriteaof"], check=True, capture_output=True)
        done = "aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0", "aof_last_bgrewrite_status:ok"
        files = state / "store" / "appendonlydir"
        until(lambda: (files / "appendonly.aof.2.base.rdb").exists(), "a snapshot")
        until(lambda: all(each in _persistence(ask) for each in done), "the end of the rewrite")
        for number in range(50):
            subprocess.run([*ask, "set", f"appended {number}", "value"], check=True, capture_output=True)
    finally:
        own.kill()
    return state


def _persistence(ask: list[str]) -> str:
    return subprocess.run([*ask, "info", "persistence"], capture_output=True, text=True).stdout


def appended(state: Path) -> Path:
    return next((state / "store" / "appendonlydir").glob("*.incr.aof"))


@pytest.fixture
def slow_loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server on PATH takes 3 ms to load a key."""
    program = tmp_path / "bin" / "valkey-server"
    program.parent.mkdir()
    program.write_text(SLOW_SERVER.format(program=require("redis-server")))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.fixture
def runs() -> Iterator[list[Running]]:
    started: list[Running] = []
    yield started
    for each in started:
        each.stop()


def readyz(run: Running) -> dict[str, Any]:
    """The answer of /readyz; empty while there is none."""
    try:
        with urllib.request.urlopen(f"http://{run.run['admin']}/readyz", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        found = json.load(error)
    except (OSError, ValueError):
        return {}
    return found


def test_a_damaged_store_ends_the_start_with_its_words(tmp_path: Path, data: Path) -> None:
    """Status 3 at once, and the message has the server's reason, the files, and what to do."""
    path = appended(data)
    content = path.read_bytes()
    path.write_bytes(content[:600] + b"XXXXXXXXXX" + content[610:])
    began = time.monotonic()
    run = Running(tmp_path)
    _, err = run.process.communicate(timeout=SECONDS)
    assert run.process.returncode == 3, err
    assert b"Bad file format reading the append only file" in err
    assert b"redis-check-aof --fix" in err
    assert str(data).encode() in err
    assert time.monotonic() - began < SECONDS


def test_a_store_that_was_cut_short_is_told_of(tmp_path: Path, data: Path, runs: list[Running]) -> None:
    """It runs, and the log and /readyz say that what was written last is missing."""
    path = appended(data)
    os.truncate(path, path.stat().st_size - 5)
    run = Running(tmp_path)
    runs.append(run)
    until(lambda: readyz(run).get("ready"), "a start", SECONDS)
    assert "its append-only file was cut short" in " ".join(readyz(run)["reasons"])
    run.stop()
    assert run.process.stderr
    assert b"the embedded store: its append-only file was cut short" in run.process.stderr.read()


@pytest.mark.usefixtures("slow_loading")
def test_a_store_that_loads_for_long_is_waited_for(tmp_path: Path, data: Path, runs: list[Running]) -> None:
    """Everything else starts meanwhile; /readyz and the log say how far it is; then it is ready, with no restart."""
    run = Running(tmp_path)
    runs.append(run)

    def says_how_far() -> bool:
        found = readyz(run)
        return not found.get("ready", True) and any("loading its data" in each for each in found["reasons"])

    until(says_how_far, "progress", SECONDS)
    before = run.pids()
    until(lambda: readyz(run).get("ready"), "the end of loading", SECONDS)
    assert run.pids() == before
    run.stop()
    assert run.process.stderr
    log = run.process.stderr.read()
    assert b"the store is loading its data: " in log
    assert b"the store has loaded its data" in log


@pytest.mark.usefixtures("slow_loading")
def test_a_signal_ends_a_start_that_waits(tmp_path: Path, data: Path) -> None:
    """SIGTERM while the store is loading ends everything, with status 0."""
    run = Running(tmp_path)
    socket_path = data / "store.sock"
    socket_path.unlink(missing_ok=True)
    until(socket_path.exists, "a store", SECONDS)
    children = Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children").read_text().split()
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(SECONDS) == 0
    assert not any(alive(int(pid)) for pid in children)
