"""A classifier from another distribution, installed in this process and in those that it starts."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.hashing.pictures import encoded, photograph
from tests.support.stand_in import in_this_process, install_model

from edgeward.settings.classifier_settings import ClassifierSettings
from edgeward.settings.config import HashingSettings

SETTINGS = ClassifierSettings(name="model", sample=1.0, timeout_ms=60_000, memory_mb=600)
HASHING = HashingSettings()


def picture_for(width: int, height: int = 32) -> bytes:
    """A picture whose width tells the model what to do."""
    return encoded(photograph().resize((width, height)), "PNG")


@dataclass
class Installed:
    """What the model must not reach: a file that it tries to write, and a port that it tries to connect to."""

    written: Path
    listener: socket.socket

    def touched(self) -> bool:
        """Whether it reached one of them."""
        self.listener.setblocking(False)
        try:
            self.listener.accept()
        except BlockingIOError:
            return self.written.exists()
        return True


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    written = tmp_path / "written"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        directory = install_model(tmp_path / "installed", WRITTEN=written, PORT=port)
        monkeypatch.setenv("PYTHONPATH", str(directory), prepend=os.pathsep)
        with in_this_process(directory):
            yield Installed(written, listener)
