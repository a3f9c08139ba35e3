"""Classifiers are found by name, and an error names the classifier."""

from pathlib import Path

import pytest
from tests.support.stand_in import in_this_process, install_model

from edgeward.classifying import classifier_registry
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
    """By its name, not yet prepared; its version is that of its distribution."""
    with in_this_process(install_model(tmp_path)):
        classifier_registry.check(["model"])
        assert classifier_registry.load("model").name == "model"
        assert classifier_registry.version("model") == "1.0"


def test_one_that_is_not_is_named(tmp_path: Path) -> None:
    """The message lists those that are, or says none."""
    with pytest.raises(ConfigError, match=r"^classifiers: 'mode' is not installed; known are: none$"):
        classifier_registry.check(["mode"])
    with in_this_process(install_model(tmp_path)), pytest.raises(ConfigError, match=r"known are: model$"):
        classifier_registry.check(["model", "mode"])


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("import none_such", "Other", "ModuleNotFoundError"),
        (OTHER.format("pass"), "Other", "its name None must equal that of the entry point"),
        (OTHER.format("name = 'other'"), "Other", "its name 'other' must equal that of the entry point"),
        (OTHER.format("pass"), "Mute", "TypeError: Can't instantiate"),
        ("class Other:\n    name = 'model'", "Other", "not a subclass of edgeward.classifying.classifier.Classifier"),
    ],
)
def test_what_is_broken_is_named(tmp_path: Path, code: str, kind: str, message: str) -> None:
    """The message names the distribution and the error."""
    with in_this_process(install_model(tmp_path, code, kind)), pytest.raises(ConfigError) as raised:
        classifier_registry.check(["model"])
    assert str(raised.value).startswith("edgeward.classifiers 'model' of their-model 1.0: ")
    assert message in str(raised.value)
