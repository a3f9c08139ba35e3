"""A classifier's process: whatever the model does, its parent gets labels, None or ProcessDied."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.classifying.conftest import HASHING, SETTINGS, Installed, picture_for

from edgeward.classifying import process as module
from edgeward.classifying.process import ClassifierProcess
from edgeward.isolation.confinement import LATE_IMPORT
from edgeward.isolation.isolated_process import ProcessDied
from edgeward.isolation.protocol import SECCOMP

LIAR = """
import socket, sys, time
parent = socket.socket(fileno=int(sys.argv[1]))
def say(payload):
    parent.sendall(len(payload).to_bytes(4, "big") + payload)
say(b"ready")
say(b"begun")
say({!r})
time.sleep(60)
"""


@pytest.fixture
async def process(model: Installed) -> AsyncIterator[ClassifierProcess]:
    started = await ClassifierProcess.start(SETTINGS, HASHING)
    yield started
    await started.close()


async def test_it_labels(process: ClassifierProcess) -> None:
    """One image after another. A model that raises, or returns invalid labels, fails; its process goes on."""
    for _ in range(2):
        assert await process.classify(picture_for(101), ()) == (("a.dog_2 -", 0.9123), ("cat", 0.5))
        assert await process.classify(picture_for(103), ()) == ()
        for failing in (picture_for(104), picture_for(105), picture_for(106), b"no image"):
            assert await process.classify(failing, ()) is None
    assert process.alive


@pytest.mark.parametrize(
    ("width", "status"),
    [(202, 1), (203, -signal.SIGABRT), (204, LATE_IMPORT), (205, -signal.SIGSYS), (206, LATE_IMPORT)],
)
async def test_a_forbidden_act_ends_it(model: Installed, process: ClassifierProcess, width: int, status: int) -> None:
    """Memory without end, a crash, a file, a socket, a late import: the process ends, and nothing was reached."""
    if SECCOMP not in process.layers:
        pytest.skip("this kernel or container has no seccomp")
    with pytest.raises(ProcessDied):
        await process.classify(picture_for(width), ())
    assert await process.ended() == status
    assert not model.touched()


@pytest.mark.parametrize("payload", [b"", b"[[1, 2]]", b'[["/etc", 0.5]]', b'[["a", 2.0]]', bytes(5000)])
async def test_an_invalid_answer_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, payload: bytes) -> None:
    """A process under an attacker's control can send nothing but labels."""
    (tmp_path / "liar.py").write_text(LIAR.format(payload))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(module, "_WORKER", "liar")
    process = await ClassifierProcess.start(SETTINGS, HASHING)
    with pytest.raises(ProcessDied):
        await process.classify(b"", ())
    await process.close()
