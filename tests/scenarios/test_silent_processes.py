"""Processes that are frozen or killed: a listing names those of which it is not known that they act on it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.controllers import Api, RunningController, settings
from tests.support.eventually import until
from tests.support.programs import free_port

from edgeward.lists.replication.lock_files import name_of
from edgeward.operations import waiting
from edgeward.settings.config import Config

ROOT = Path(__file__).parents[2]
WORKER = (sys.executable, "-m", "edgeward", "proxy")
REPLICA = """
import asyncio, os, sys
from pathlib import Path
from edgeward.lists.replication.replica import Replica
from edgeward.lists.replication.store_loss import AppliedListsFile
from edgeward.store.connection import Store

async def main():
    url, namespace, directory, role = sys.argv[1:]
    store = await Store.connect(url, namespace, 20_000)
    replica = Replica(store, f"machine/{role}/{os.getpid()}", applied_lists=AppliedListsFile(Path(directory) / "a"))
    await replica.start()
    await asyncio.Event().wait()

asyncio.run(main())
"""
"""A process with nothing but its copy of the lists: it starts soon."""

type Process = subprocess.Popen[bytes]
type Start = Callable[..., Process]


@pytest.fixture
def config(redis_url: str, tmp_path: Path) -> Config:
    return settings(redis_url, tmp_path / "one")


@pytest.fixture
def start(config: Config, tmp_path: Path) -> Iterator[Start]:
    """Starts a worker on a machine, that is with its own state_dir; or with a role a replica alone."""
    with ExitStack() as stack:

        def started(machine: str, role: str = "") -> Process:
            values = {
                "PYTHONPATH": str(ROOT / "addons"),
                "EDGEWARD_STATE_DIR": str(tmp_path / machine),
                "EDGEWARD_STORE__URL": config.store.url,
                "EDGEWARD_STORE__NAMESPACE": config.store.namespace,
                "EDGEWARD_STORE__TIMEOUT_MS": "20000",
                "EDGEWARD_PROXY__LISTEN": f"127.0.0.1:{free_port()}",
                "EDGEWARD_PROXY__UPSTREAM": "http://127.0.0.1:1",
                "EDGEWARD_HASHING__PROCESSES": "1",
            }
            alone = (sys.executable, "-c", REPLICA, config.store.url, config.store.namespace, tmp_path / machine, role)
            process = subprocess.Popen(alone if role else WORKER, env=os.environ | values, stderr=subprocess.DEVNULL)
            stack.callback(_end, process)
            return process

        yield started


def _end(process: Process) -> None:
    process.kill()
    process.wait(60)


class Listing:
    """Lists one hash after the other."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._number = 0
        api.post("/lists", {"name": "a"})

    def states(self) -> dict[str, str]:
        """By role and process id, the states of all processes."""
        found = self.api.get("/replicas").json.get("replicas", ())
        return {_short(each["id"]): each["state"] for each in found}

    def add(self) -> dict[str, Any]:
        self._number += 1
        answer: dict[str, Any] = self.api.post("/lists/a/entries", {"hashes": [f"md5:{self._number:032x}"]}).json
        return answer

    def is_active(self) -> bool:
        return self.add().get("active") is True

    def names(self, process: Process, role: str = "proxy") -> bool:
        """Whether a listing names this process alone as silent, and is not active."""
        answer = self.add()
        names = [_short(each["name"]) for each in answer.get("silent", ())]
        return names == [f"{role}/{process.pid}"] and answer["active"] is False and answer["waiting_for"] == []


def _short(name: str) -> str:
    return name.partition("/")[2].partition("#")[0]


def kill(process: Process) -> None:
    process.kill()
    process.wait()


def test_silent_processes_are_named_until_it_is_known_that_they_serve_nothing(
    config: Config, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen worker until it goes on; a killed worker or controller until its successor on the machine has started;
    one whose machine is gone until an operator forgets it."""
    monkeypatch.setattr(waiting, "APPLY_SECONDS", 0.5)
    worker = start("two")
    with RunningController(config) as controller:
        listing = Listing(controller.api)
        (own,) = (config.state_dir / "processes").glob("*.lock")
        assert name_of(own).startswith(f"{socket.gethostname()}/controller/{os.getpid()}#")
        until(lambda: f"proxy/{worker.pid}" in listing.states(), "the worker is on record")
        until(listing.is_active)

        worker.send_signal(signal.SIGSTOP)
        until(lambda: listing.names(worker), "the frozen worker is named")
        worker.send_signal(signal.SIGCONT)
        until(listing.is_active, "it goes on")

        kill(worker)
        until(lambda: listing.names(worker), "the killed worker is named")
        second = start("two", "controller")
        until(listing.is_active, "another process of its machine says that it has ended")
        until(lambda: listing.states().get(f"controller/{second.pid}") == "live", "the other is live")

        kill(second)
        until(lambda: listing.names(second, "controller"), "the killed controller is named")
        third = start("two", "proxy")
        until(listing.is_active, "its successor says that it has ended")
        until(lambda: listing.states().get(f"proxy/{third.pid}") == "live", "the successor is live")

        kill(third)
        start("three", "proxy")
        until(lambda: listing.names(third), "the one whose machine is gone is named")
        (silent,) = [name for name in _full_names(listing.api) if f"/{third.pid}#" in name]
        assert listing.api.post("/replicas/forget", {"name": silent}).json == {"forgotten": [silent]}
        until(listing.is_active, "it is forgotten")


def _full_names(api: Api) -> list[str]:
    return [each["id"] for each in api.get("/replicas").json["replicas"]]
