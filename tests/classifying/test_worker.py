"""The inside of a classifier's process."""

import os
import resource
from pathlib import Path

import pytest
from tests.classifying.conftest import HASHING, SETTINGS, Installed, picture_for
from tests.support.stand_in import MODEL, install_model

from edgeward.classifying.classifier_registry import load
from edgeward.classifying.process import ClassifierProcess
from edgeward.classifying.worker import NICENESS, classify
from edgeward.isolation.isolated_process import ProcessDied


def test_an_image_becomes_labels(model: Installed) -> None:
    """The file is decoded and given to the model, whose top labels are returned."""
    classifier = load("model")
    classifier.prepare()
    assert classify(classifier, picture_for(101), (), HASHING) == (("a.dog_2 -", 0.9123), ("cat", 0.5))


async def test_it_has_its_own_limits_and_a_low_priority(model: Installed) -> None:
    """Its memory is that of its settings, it gains no privileges, and hashers run before it."""
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
