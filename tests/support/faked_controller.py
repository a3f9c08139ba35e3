"""A controller in a process of its own, whose clock differs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.controllers import Api
from tests.support.eventually import until
from tests.support.stepping_store import faketime_library


class FakedController:
    """`with FakedController(directory, settings, "+32d") as controller`. `settings`: text of a TOML file, without
    `state_dir` and `admin`; `offset`: as libfaketime has it, "" for the right time."""

    def __init__(self, directory: Path, settings: str, offset: str) -> None:
        self._state = directory / "state"
        directory.mkdir()
        self._file = directory / "edgeward.toml"
        self._file.write_text(f'state_dir = "{self._state}"\n{settings}\n[admin]\nlisten = "127.0.0.1:0"\n')
        self._log = directory / "log"
        self._environ = dict(os.environ)
        if offset:
            self._environ |= {
                "LD_PRELOAD": faketime_library(), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def api(self) -> Api:
        access = json.loads((self._state / "api.json").read_text())
        return Api(access["url"], access["token"])

    @property
    def log(self) -> str:
        return self._log.read_text()

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "edgeward", "controller", "-c", str(self._file)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=self._environ, stdout=log, stderr=log)
        until(self._is_ready, f"a controller ({self._log})", 100.0)
        return self

    def _is_ready(self) -> bool:
        assert self._process and self._process.poll() is None, self.log
        return (self._state / "api.json").exists() and self.api.get("/readyz").status == 200

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process
        self._process.terminate()
        self._process.wait(60)
