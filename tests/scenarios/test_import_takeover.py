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
        "EDGEWARD_STORE__NAMESPACE": f"takeover{os.getpid()}{state_dir.parent.name}",
        "EDGEWARD_ADMIN__LISTEN": "127.0.0.1:0",
    }
    command = [sys.executable, "-m", "edgeward", "controller"]
    process = subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.DEVNULL)
    return Controller(process, state_dir / "api.json")


def entries_of(api: Api, list_name: str) -> dict[str, Any]:
    """All entries of a list by id, as the store has them."""
    found: dict[str, Any] = {}
    cursor = None
    while cursor != 0:
        page = api.get(f"/lists/{list_name}/entries", limit=1000, cursor=cursor or 0).json
        found |= {each["id"]: each for each in page["entries"]}
        cursor = page["cursor"] or 0
    return found


def row(number: int, **more: object) -> bytes:
    return json.dumps({"type": "md5", "value": hashlib.md5(str(number).encode()).hexdigest(), **more}).encode()


@pytest.mark.parametrize(
    ("total", "progress", "versions"),
    [(4_800, "listed", [302, 5_100]), (20_000, "prepared", [302, 302])],
    ids=["chunk by chunk", "in one step"],
)
def test_another_controller_completes_the_import(
    pair: list[Controller], total: int, progress: str, versions: list[int]
) -> None:
    """It continues where the dead one was, or begins again if nothing is listed; in the end every entry is listed,
    matched and counted once, and what the file withdraws is off the list. After an undo the list is as it was before,
    entry by entry."""
    # A dead controller holds its job for no longer than this.
    assert LEASE_SECONDS + TICK_SECONDS < 10
    doomed, other = pair
    assert doomed.api.post("/lists", {"name": "long"}).status == 201
    full = b"\n".join(row(-number, source_id=f"s{number % 3}", tags=["A1"]) for number in range(1, 301))
    assert doomed.api.ask("POST", "/lists/long/imports", full, wait="verified").json["job"]["added"] == 300
    before = entries_of(other.api, "long")
    delta = [row(number, source_id="new") for number in range(total - 1)]
    # One of the withdrawn source is listed after all; of another source some are withdrawn one by one.
    delta += [b'{"source_id": "s1", "withdrawn": true}', row(-1, source_id="s1")]
    delta += [row(-number, withdrawn=True) for number in range(2, 301, 6)]
    command = [sys.executable, "-m", "edgeward", "import", "long", "-", "--json"]
    environ = {"EDGEWARD_API": doomed.api.url, "EDGEWARD_TOKEN": doomed.api.token, "PYTHONPATH": str(ROOT / "addons")}
    sent = subprocess.run(
        command, input=b"\n".join(delta), env={**os.environ, **environ}, capture_output=True, timeout=60, check=False
    )
    assert sent.returncode == 0, sent.stderr
    job = json.loads(sent.stdout)["id"]

    def now() -> dict[str, Any]:
        shown: dict[str, Any] = other.api.get(f"/jobs/{job}").json
        return shown

    until(lambda: now()[progress] >= 1000)
    doomed.process.kill()
    doomed.process.wait()
    assert now()["listed"] < total
    until(lambda: now()["state"] == "done")
    done = now()
    assert (done["listed"], done["added"], done["known"], done["matched"]) == (total, total - 1, 1, total - 1)
    assert (done["withdrawals"], done["withdrawn_sources"], done["withdrawn"]) == (50, 1, 99 + 50)
    assert done["versions"] == versions
    assert other.api.get("/lists/long").json["entries"] == total - 1 + 300 - 149
    undone = other.api.ask("DELETE", f"/acts/{job}", timeout=60)
    assert (undone.status, undone.json["act"]["removed"], undone.json["act"]["restored"]) == (200, total - 1, 149)
    assert entries_of(other.api, "long") == before
