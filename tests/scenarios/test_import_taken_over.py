"""Two controllers, as processes; one is killed in the middle of an import, and the other brings it to its end."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.control.controllers import Api, until

from edgeward.blocklist.jobs import LEASE_SECONDS
from edgeward.control.importer import TICK_SECONDS

TOTAL = 20_000
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Controller:
    process: subprocess.Popen[bytes]
    door: Path

    @property
    def api(self) -> Api:
        door = json.loads(self.door.read_text())
        return Api(door["url"], door["token"])

    def ready(self) -> bool:
        assert self.process.poll() is None
        return self.door.exists() and self.api.get("/readyz").status == 200

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture
def pair(redis_url: str, tmp_path: Path) -> Iterator[list[Controller]]:
    with ExitStack() as stack:
        made = [_started(tmp_path / name, redis_url) for name in ("one", "other")]
        for each in made:
            stack.callback(each.stop)
        for each in made:
            until(each.ready)
        yield made


def _started(state_dir: Path, redis_url: str) -> Controller:
    settings = {
        "PYTHONPATH": str(ROOT / "addons"),
        "EDGEWARD_STATE_DIR": str(state_dir),
        "EDGEWARD_STORE__URL": redis_url,
        "EDGEWARD_STORE__NAMESPACE": f"takeover{os.getpid()}",
        "EDGEWARD_ADMIN__LISTEN": "127.0.0.1:0",
    }
    command = [sys.executable, "-m", "edgeward", "controller"]
    process = subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.DEVNULL)
    return Controller(process, state_dir / "api.json")


def test_a_killed_controllers_import_is_gone_on_with(pair: list[Controller]) -> None:
    """The other goes on where it was; in the end every entry is listed, matched and counted once."""
    # The dead hold a job for no longer, and others ask for it so often.
    assert LEASE_SECONDS + TICK_SECONDS < 10
    doomed, other = pair
    assert doomed.api.post("/lists", {"name": "long"}).status == 201
    hashes = [hashlib.md5(str(number).encode()).hexdigest() for number in range(TOTAL)]
    file = "\n".join(f"md5:{each}" for each in hashes).encode()
    job = doomed.api.ask("POST", "/lists/long/imports", file, "text/plain").json["job"]["id"]

    def now() -> dict[str, Any]:
        shown: dict[str, Any] = other.api.get(f"/jobs/{job}").json
        return shown

    until(lambda: now()["listed"] >= 1000)
    doomed.process.kill()
    doomed.process.wait()
    assert now()["listed"] < TOTAL
    until(lambda: now()["state"] == "done")
    done = now()
    assert (done["listed"], done["added"], done["known"], done["matched"]) == (TOTAL, TOTAL, 0, TOTAL)
    assert done["versions"] == [2, TOTAL + 1]
    assert other.api.get("/lists/long").json["entries"] == TOTAL
