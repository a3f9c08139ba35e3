"""A classifier's process: whatever the model does, its parent gets labels, a failure or ProcessDied."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.classifying.conftest import HASHING, SETTINGS, Installed, asking

from edgeward.classifying import process as module
from edgeward.classifying.process import ClassifierProcess
from edgeward.isolation.confinement import LATE_IMPORT
from edgeward.isolation.frames import SECCOMP
from edgeward.isolation.isolated import ProcessDied

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
    """One image after another; a model that raises, or says what is no label, fails and lives on."""
    for _ in range(2):
        assert await process.look(asking(101), ()) == (("a.dog_2 -", 0.9123), ("cat", 0.5))
        assert await process.look(asking(103), ()) == ()
        for failing in (asking(104), asking(105), asking(106), b"no image"):
            assert await process.look(failing, ()) is None
    assert process.alive


@pytest.mark.parametrize(
    ("width", "status"),
    [(202, 1), (203, -signal.SIGABRT), (204, LATE_IMPORT), (205, -signal.SIGSYS), (206, LATE_IMPORT)],
)
async def test_what_it_must_not_do_ends_it(
    model: Installed, process: ClassifierProcess, width: int, status: int
) -> None:
    """Memory without end, a crash, a file, a socket, a late import: it is gone, and nothing was touched."""
    if SECCOMP not in process.layers:
        pytest.skip("this kernel or container has no seccomp")
    with pytest.raises(ProcessDied):
        await process.look(asking(width), ())
    assert await process.ended() == status
    assert not model.touched()


@pytest.mark.parametrize("said", [b"", b"[[1, 2]]", b'[["/etc", 0.5]]', b'[["a", 2.0]]', bytes(5000)])
async def test_one_that_lies_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    """A process that was taken over can say no more than labels."""
    (tmp_path / "liar.py").write_text(LIAR.format(said))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(module, "_WORKER", "liar")
    process = await ClassifierProcess.start(SETTINGS, HASHING)
    with pytest.raises(ProcessDied):
        await process.look(b"", ())
    await process.close()
