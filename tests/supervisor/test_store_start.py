"""The store at the start of `edgeward run`: damaged, or cut short."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.store.server import Server
from tests.supervisor.running import END_SECONDS, Running
from tests.support.eventually import until
from tests.support.programs import require

pytestmark = pytest.mark.timeout(300)
SECONDS = 2 * END_SECONDS


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """state_dir of an embedded store with 3,000 keys of 1 KB in a snapshot and some appended, killed."""
    state = tmp_path / "state"
    program = require("redis-server")
    own = Server(state, program)
    own.spawn()
    try:
        ask = [str(require("redis-cli")), "-s", str(own.socket_path)]
        until(lambda: subprocess.run([*ask, "ping"], capture_output=True, text=True).stdout == "PONG\n")
        subprocess.run([*ask, "config", "set", "rdbcompression", "no"], check=True, capture_output=True)
        fill = "for i = 1, 3000 do redis.call('SET', 'k' .. i, string.rep('x', 1024)) end"
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


def test_a_store_that_loads_for_long_is_waited_for(
    tmp_path: Path, data: Path, runs: list[Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything starts meanwhile: the log, /readyz and the API say how far it is; then all is ready. The store's log
    is kept short all the time."""
    server = require("redis-server")
    slow = tmp_path / "bin" / "valkey-server"
    slow.parent.mkdir()
    slow.write_text(
        f'#!/bin/sh\nexec {server} "$@" --key-load-delay 100000 --loading-process-events-interval-bytes 1024\n'
    )
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    run = Running(tmp_path)
    runs.append(run)
    words = "the store is loading its data: "
    until(lambda: words in " ".join(readyz(run).get("reasons", [])), "a controller that says so", SECONDS)
    assert readyz(run)["ready"] is False
    assert words in api_problem(run)
    log = data / "store" / "server.log"
    with log.open("a") as file:
        file.write("x" * 1100 * 1024)
    # As if its disk had become fast: without this it would take five minutes.
    ask = [str(require("redis-cli")), "-s", str(run.state / "store.sock")]
    subprocess.run([*ask, "config", "set", "key-load-delay", "0"], check=True, capture_output=True)
    until(lambda: readyz(run).get("ready"), "a store that has loaded", SECONDS)
    until(lambda: words not in " ".join(readyz(run).get("reasons", [words])), "no word of it any more", SECONDS)
    until(lambda: log.with_suffix(".log.1").exists(), "a log that is put aside", SECONDS)
    assert run.process.stderr
    os.set_blocking(run.process.stderr.fileno(), False)
    err = bytearray()

    def is_logged() -> bool:
        assert run.process.stderr
        err.extend(run.process.stderr.read() or b"")
        return b"the store has loaded its data" in err

    until(is_logged, "the line that it has loaded", SECONDS)
    assert words.encode() in err and b"Traceback" not in err


def api_problem(run: Running) -> str:
    """Why the API can't answer now."""
    token = json.loads((run.state / "api.json").read_text())["token"]
    asked = urllib.request.Request(f"http://{run.run['admin']}/api/v1/lists")
    asked.add_header("Authorization", f"Bearer {token}")
    try:
        urllib.request.urlopen(asked, timeout=10).close()
    except urllib.error.HTTPError as error:
        return str(json.load(error)["detail"])
    return ""
