"""Two controller processes: one is killed in the middle of an import, and the other completes it."""

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
from tests.support.controllers import Api
from tests.support.eventually import until

from edgeward.background.job_store import LEASE_SECONDS
from edgeward.background.job_worker import TICK_SECONDS

TOTAL = 20_000
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Controller:
    process: subprocess.Popen[bytes]
    local_access_file: Path

    @property
    def api(self) -> Api:
        access = json.loads(self.local_access_file.read_text())
        return Api(access["url"], access["token"])

    def ready(self) -> bool:
        assert self.process.poll() is None
        return self.local_access_file.exists() and self.api.get("/readyz").status == 200

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


def test_another_controller_completes_the_import(pair: list[Controller]) -> None:
    """It continues where the dead one was; in the end every entry is listed, matched and counted once."""
    # A dead controller holds its job for no longer than this.
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
