"""Classifiers are found by name, and whatever is wrong with one is named."""

from pathlib import Path

import pytest
from tests.stand_in import in_this_process, install_model

from edgeward.classifying import registry
from edgeward.errors import ConfigError

OTHER = """
    from edgeward.classifying.classifier import Classifier

    class Other(Classifier):
        {}

        def classify(self, image):
            return None

    class Mute(Classifier):
        name = "model"
"""


def test_one_that_is_installed_is_loaded(tmp_path: Path) -> None:
    """By its name, unprepared; its version is its distribution's."""
    with in_this_process(install_model(tmp_path)):
        registry.check(["model"])
        assert registry.load("model").name == "model"
        assert registry.version("model") == "1.0"


def test_one_that_is_not_is_named(tmp_path: Path) -> None:
    """With all that are; without any it says so."""
    with pytest.raises(ConfigError, match=r"^classifiers: 'mode' is not installed; known are: none$"):
        registry.check(["mode"])
    with in_this_process(install_model(tmp_path)), pytest.raises(ConfigError, match=r"known are: model$"):
        registry.check(["model", "mode"])


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("import none_such", "Other", "ModuleNotFoundError"),
        (OTHER.format("pass"), "Other", "its name None must be that of the entry point"),
        (OTHER.format("name = 'other'"), "Other", "its name 'other' must be that of the entry point"),
        (OTHER.format("pass"), "Mute", "TypeError: Can't instantiate"),
        ("class Other:\n    name = 'model'", "Other", "no class under edgeward.classifying.classifier.Classifier"),
    ],
)
def test_what_is_broken_is_named(tmp_path: Path, code: str, kind: str, said: str) -> None:
    """The message says whose it is and what is wrong."""
    with in_this_process(install_model(tmp_path, code, kind)), pytest.raises(ConfigError) as raised:
        registry.check(["model"])
    assert str(raised.value).startswith("edgeward.classifiers 'model' of their-model 1.0: ")
    assert said in str(raised.value)
