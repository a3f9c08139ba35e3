"""docs/classifiers.md: its example works as it is written."""

import re
import sys
import tomllib
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.stand_in import in_this_process, install

from edgeward import plug_ins
from edgeward.classifying.classifier_registry import load
from edgeward.classifying.labels import top_labels
from edgeward.settings.config import Config

PAGE = (Path(__file__).parents[2] / "docs" / "classifiers.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.S | re.M)


class Session:
    """As much of ONNX Runtime as the example uses: scores of three classes, the second highest."""

    def __init__(self, model: str, options: object, providers: list[str]) -> None:
        assert (model[-5:], providers) == (".onnx", ["CPUExecutionProvider"])

    def get_inputs(self) -> list[types.SimpleNamespace]:
        return [types.SimpleNamespace(name="pixels")]

    def run(self, _: None, given: dict[str, np.ndarray]) -> list[np.ndarray]:
        assert (given["pixels"].shape, given["pixels"].dtype) == ((1, 3, 224, 224), np.float32)
        return [np.array([[1.0, 5.0, 0.0]], dtype=np.float32)]


def test_the_example_classifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the name of its entry point; its labels are valid."""
    (code,), (project, _) = blocks("python"), blocks("toml")
    [(name, where)] = tomllib.loads(project)["project"]["entry-points"][plug_ins.CLASSIFIER_GROUP].items()
    module, _, kind = where.partition(":")
    runtime = types.ModuleType("onnxruntime")
    runtime.__dict__.update(SessionOptions=types.SimpleNamespace, InferenceSession=Session)
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    (tmp_path / "classes.txt").write_text("cat\nweapon\ngore\n")
    code = code.replace("/opt/my-model", str(tmp_path))
    with in_this_process(install(tmp_path / "installed", code, name, kind, module, plug_ins.CLASSIFIER_GROUP)):
        model = load(name)
        model.prepare()
        labels = top_labels(model.classify(Image.new("RGB", (400, 300))))
    assert [label.name for label in labels] == ["weapon", "gore"]
    assert labels[0].score > 0.9 > 0.1 > labels[1].score


def test_its_settings_are_possible() -> None:
    """Edgeward accepts the table of settings."""
    [classifier] = Config.model_validate(tomllib.loads(blocks("toml")[1])).classifiers
    assert (classifier.name, classifier.sample) == ("my-model", 0.05)
