"""A store whose clock a test sets, by libfaketime. (redis-server can't load that: its jemalloc asks for the time.)"""

import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.server import Server, bundled
from tests.support.eventually import eventually
from tests.support.programs import require

from edgeward.store.connection import Store

LIBRARY = "faketime/libfaketime.so.1"


def faketime_library() -> str:
    """The path of libfaketime; skips the test without it."""
    require("faketime")
    return str(next(path for place in ("/usr/lib", "/usr/lib64") for path in Path(place).glob(f"**/{LIBRARY}")))


class SteppingStore:
    """`await store.start()`, `store.step(600)`, `store.kill()`. `url` as for Store.connect."""

    def __init__(self, directory: Path) -> None:
        self._offset, self._file = 0.0, directory / "offset"
        program = directory / "valkey-server"
        settings = {
            "LD_PRELOAD": faketime_library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        words = " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())
        program.write_text(f'#!/bin/sh\nexec env {words} {shlex.quote(str(bundled()))} "$@"\n')
        program.chmod(0o755)
        self.step(0.0)
        self._server = Server(directory, program)
        self.url = self._server.url

    def step(self, seconds: float) -> None:
        """Set its clock forwards, or back."""
        self._offset += seconds
        # At once: it must never read half a line.
        new = self._file.with_suffix(".new")
        new.write_text(f"{self._offset:+.3f}\n")
        new.replace(self._file)

    async def step_and_wait(self, store: Store, seconds: float) -> None:
        """The same, and wait until it answers so: it reads its clock at each turn of its loop."""
        before = await store._time()
        self.step(seconds)

        async def has_stepped() -> bool:
            return abs(await store._time() - before - seconds) < 50

        await eventually(has_stepped)

    async def start(self) -> None:
        await self._server.start(60)

    def kill(self) -> None:
        self._server.kill()


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[SteppingStore]:
    """One that runs."""
    server = SteppingStore(tmp_path)
    await server.start()
    yield server
    server.kill()
