"""One `edgeward run` for tests of the supervisor."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
END_SECONDS = 60
"""Generous: only a hang takes longer, however slow the machine is."""


class Running:
    """One `edgeward run` on free ports in a directory of its own."""

    def __init__(self, directory: Path, more: str = "", listen: str = "127.0.0.1:0") -> None:
        self.state = directory / "state"
        self.config = directory / "edgeward.toml"
        self.config.write_text(
            'state_dir = "state"\n[admin]\nlisten = "127.0.0.1:0"\n[proxy]\n'
            f'listen = "{listen}"\nupstream = "http://127.0.0.1:9"\ndrain_seconds = 1\nworkers = 2\n'
            f"[hashing]\nprocesses = 1\n{more}"
        )
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "edgeward", "run", "-c", str(self.config)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "addons")},
            stderr=subprocess.PIPE,
        )

    @property
    def run(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((self.state / "run.json").read_text())
        return data

    def ready(self) -> bool:
        try:
            run = self.run
            urllib.request.urlopen(f"http://{run['admin']}/readyz", timeout=10).close()
            return run["pid"] == self.process.pid and status(run["proxy"]) == 502
        except (OSError, ValueError):
            return False

    def pids(self) -> set[int]:
        processes = self.run["processes"]
        return {*processes["proxy"], *processes["controller"], processes["store"]} - {None}

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(END_SECONDS)


def status(address: str) -> int:
    """The status of a request through the proxy to the upstream that isn't there."""
    try:
        urllib.request.urlopen(f"http://{address}/", timeout=60).close()
    except urllib.error.HTTPError as error:
        return error.code
    return 0


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
