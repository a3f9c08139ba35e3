"""The settings of isolated processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from edgeward.isolation.plain_settings import plain_settings
from edgeward.settings.classifier_settings import ClassifierSettings
from edgeward.settings.config import HashingSettings

ADDONS = str(Path(__file__).parents[2] / "addons")


def test_the_values_are_those_of_the_model() -> None:
    """Each of its settings, of the same type."""
    for model in (HashingSettings(), HashingSettings(signals=("pdq", "sha256")), ClassifierSettings(name="a")):
        assert vars(plain_settings(model.model_dump_json())) == dict(model)


@pytest.mark.parametrize("module", ["edgeward.hashing.hashers.worker", "edgeward.classifying.worker"])
def test_isolated_processes_load_no_models(module: str) -> None:
    """Neither the settings' models nor pydantic: they take long to import."""
    code = f"import sys, {module}; print({{'pydantic', 'edgeward.settings'}} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ADDONS}, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
