"""A picture that hashers hold until a test lets them go on, by an installed signal type."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.hashing.pictures import jpeg
from tests.support.stand_in import in_this_process, install

from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.hashers.hasher import Hasher
from edgeward.settings.config import SIGNAL_TYPES

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
"""Signals of hashers that hold HELD: those that ship and the type above."""


@dataclass
class Gate:
    """`begun`: the process id of the hasher for each image that was begun, in order."""

    begun: list[int] = field(default_factory=list)

    def open(self, *pids: int) -> None:
        """Let these hashers go on, now and at every later HELD."""
        for pid in pids:
            os.kill(pid, signal.SIGUSR1)


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Hashers with the signals GATED hold HELD until the gate is opened."""
    made, original = Gate(), Hasher.begin

    async def begin(hasher: Hasher, body: bytes, request: HashRequest) -> None:
        await original(hasher, body, request)
        made.begun.append(hasher.pid)

    monkeypatch.setattr(Hasher, "begin", begin)
    directory = install(tmp_path / "installed", TYPE, "gate", "Gate", by="gate-keeper")
    monkeypatch.setenv("PYTHONPATH", str(directory), prepend=os.pathsep)
    with in_this_process(directory):
        yield made
