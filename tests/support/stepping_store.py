"""A store whose clock a test sets, by libfaketime. (redis-server can't load that: its jemalloc asks for the time.)"""

import shlex
from pathlib import Path

from tests.store.server import Server, bundled
from tests.support.programs import require

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

    async def start(self) -> None:
        await self._server.start(60)

    def kill(self) -> None:
        self._server.kill()
