"""Processes that are frozen or killed: a listing names those of which it is not known that they act on it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.controllers import Api
from tests.support.eventually import until
from tests.support.programs import free_port

ROOT = Path(__file__).parents[2]

type Start = Callable[[str, str], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(redis_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a process of a role on a machine, that is with its own state_dir."""
    with ExitStack() as stack:

        def started(role: str, machine: str) -> "subprocess.Popen[bytes]":
            settings = {
                "PYTHONPATH": str(ROOT / "addons"),
                "EDGEWARD_STATE_DIR": str(tmp_path / machine),
                "EDGEWARD_STORE__URL": redis_url,
                "EDGEWARD_STORE__NAMESPACE": f"silent{os.getpid()}",
                "EDGEWARD_ADMIN__LISTEN": "127.0.0.1:0",
                "EDGEWARD_PROXY__LISTEN": f"127.0.0.1:{free_port()}",
                "EDGEWARD_PROXY__UPSTREAM": "http://127.0.0.1:1",
                "EDGEWARD_HASHING__PROCESSES": "1",
            }
            command = [sys.executable, "-m", "edgeward", role]
            process = subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.DEVNULL)
            stack.callback(_end, process)
            return process

        yield started


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGCONT)
    process.terminate()
    process.wait(60)


class Listing:
    """Lists one hash after the other with the controller of a machine."""

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / "api.json"
        self._number = 0

    @property
    def api(self) -> Api:
        access = json.loads(self._file.read_text())
        return Api(access["url"], access["token"])

    def is_ready(self) -> bool:
        try:
            return self.api.get("/readyz").status == 200
        except (OSError, ValueError):
            return False

    def states(self) -> dict[str, str]:
        """By role and process id, the states of all processes."""
        found = self.api.get("/replicas").json["replicas"]
        return {each["id"].partition("/")[2].partition("#")[0]: each["state"] for each in found}

    def add(self) -> dict[str, Any]:
        self._number += 1
        answer: dict[str, Any] = self.api.post("/lists/a/entries", {"hashes": [f"md5:{self._number:032x}"]}).json
        return answer

    def is_active(self) -> bool:
        return self.add()["active"] is True

    def names(self, process: "subprocess.Popen[bytes]", role: str = "proxy") -> bool:
        """Whether a listing names this process alone as silent, and is not active."""
        answer = self.add()
        names = [each["name"].partition("/")[2].partition("#")[0] for each in answer["silent"]]
        return names == [f"{role}/{process.pid}"] and answer["active"] is False and answer["waiting_for"] == []


def test_silent_processes_are_named_until_it_is_known_that_they_serve_nothing(start: Start, tmp_path: Path) -> None:
    """A frozen worker until it goes on; a killed worker or controller until its successor on the machine has started;
    one whose machine is gone until an operator forgets it."""
    controller, worker = start("controller", "one"), start("proxy", "two")
    listing = Listing(tmp_path / "one")
    until(listing.is_ready)
    listing.api.post("/lists", {"name": "a"})
    until(lambda: f"proxy/{worker.pid}" in listing.states(), "the worker is on record")
    until(listing.is_active)

    worker.send_signal(signal.SIGSTOP)
    until(lambda: listing.names(worker), "the frozen worker is named")
    worker.send_signal(signal.SIGCONT)
    until(listing.is_active, "it goes on")

    worker.kill()
    worker.wait()
    until(lambda: listing.names(worker), "the killed worker is named")
    successor = start("proxy", "two")
    until(listing.is_active, "its successor says that it has ended")
    until(lambda: listing.states().get(f"proxy/{successor.pid}") == "live", "the successor is live")

    controller.kill()
    controller.wait()
    (tmp_path / "one" / "api.json").unlink()
    start("controller", "one")
    until(listing.is_ready)
    until(listing.is_active, "the successor of the controller says that it has ended")

    successor.kill()
    successor.wait()
    start("proxy", "three")
    until(lambda: listing.names(successor), "the one whose machine is gone is named")
    silent = next(each["name"] for each in listing.add()["silent"] if f"/{successor.pid}#" in each["name"])
    assert listing.api.post("/replicas/forget", {"name": silent}).json == {"forgotten": [silent]}
    until(listing.is_active, "it is forgotten")
