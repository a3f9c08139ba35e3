"""A picture at which hashers stay until a test lets them go on: by a signal type that somebody else wrote."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.hashing.pictures import jpeg
from tests.stand_in import in_this_process, install

from edgeward.config import SIGNAL_TYPES
from edgeward.hashing.hashers.hasher import Hasher
from edgeward.hashing.request import HashRequest

TYPE = """
    import signal
    import time

    from edgeward.hashing.signal_types import SignalType


    class Gate(SignalType):
        name, bits, radius = "gate", 64, 4

        def prepare(self):
            self._open = False
            signal.signal(signal.SIGUSR1, self._let_go)

        def _let_go(self, number, frame):
            self._open = True

        def hash(self, image):
            end = time.monotonic() + 90
            while image.width == 201 and not self._open and time.monotonic() < end:
                time.sleep(0.01)
"""
HELD = jpeg((201, 150))
GATED = (*SIGNAL_TYPES, "gate")
"""The signals of hashers that stay at it."""


@dataclass
class Gate:
    """The process ids of the hashers that have begun with an image, once for each, in their order."""

    begun: list[int] = field(default_factory=list)

    def open(self, *pids: int) -> None:
        """Let hashers go on, now and whenever they come by again."""
        for pid in pids:
            os.kill(pid, signal.SIGUSR1)


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Hashers that have GATED as their signals stay at HELD."""
    made, original = Gate(), Hasher.begin

    async def begin(hasher: Hasher, body: bytes, request: HashRequest) -> None:
        await original(hasher, body, request)
        made.begun.append(hasher.pid)

    monkeypatch.setattr(Hasher, "begin", begin)
    directory = install(tmp_path / "installed", TYPE, "gate", "Gate", by="gate-keeper")
    monkeypatch.setenv("PYTHONPATH", str(directory), prepend=os.pathsep)
    with in_this_process(directory):
        yield made
