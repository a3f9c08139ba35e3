"""The inside of a classifier's process."""

import os
import resource
from pathlib import Path

import pytest
from tests.classifying.conftest import HASHING, SETTINGS, Installed, asking
from tests.stand_in import MODEL, install_model

from edgeward.classifying.process import ClassifierProcess
from edgeward.classifying.registry import load
from edgeward.classifying.worker import NICENESS, look
from edgeward.isolation.isolated import ProcessDied


def test_an_image_becomes_labels(model: Installed) -> None:
    """The file is decoded, shown to the model, and the best of what it says comes back."""
    classifier = load("model")
    classifier.prepare()
    assert look(classifier, asking(101), (), HASHING) == (("a.dog_2 -", 0.9123), ("cat", 0.5))


async def test_it_has_limits_of_its_own_and_waits_for_others(model: Installed) -> None:
    """Its memory is what its table says, it has no file but its socket, and hashers come before it."""
    process = await ClassifierProcess.start(SETTINGS, HASHING)
    try:
        assert resource.prlimit(process.pid, resource.RLIMIT_AS)[0] == SETTINGS.memory_mb * 1024 * 1024
        assert os.getpriority(os.PRIO_PROCESS, process.pid) >= NICENESS
        assert "NoNewPrivs:\t1" in Path(f"/proc/{process.pid}/status").read_text()
    finally:
        await process.close()


async def test_a_model_that_can_not_be_loaded_keeps_it_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The log has the traceback."""
    code = MODEL.replace("self._read = open(__file__)", "open('/no/model.onnx')")
    monkeypatch.setenv("PYTHONPATH", str(install_model(tmp_path, code)))
    with pytest.raises(ProcessDied):
        await ClassifierProcess.start(SETTINGS, HASHING)
    assert "FileNotFoundError: [Errno 2] No such file or directory: '/no/model.onnx'" in capfd.readouterr().err
