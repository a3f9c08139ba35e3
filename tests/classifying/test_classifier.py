"""The base class of operators' classifiers."""

import subprocess
import sys

import pytest

from edgeward.classifying.classifier import Classifier


def test_one_method_is_due() -> None:
    """A class without `classify` can't be instantiated; `prepare` is optional."""

    class Nothing(Classifier):
        name = "nothing"

    class Something(Nothing):
        def classify(self, image: object) -> None:
            return None

    with pytest.raises(TypeError, match="classify"):
        Nothing()  # type: ignore[abstract]
    Something().prepare()


def test_no_decoder_comes_with_it() -> None:
    """A process with a ClassifierQueue imports neither Pillow nor numpy."""
    code = (
        "import edgeward.classifying.classifier_queue, sys;"
        "sys.exit(any(name in sys.modules for name in ('PIL', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": "addons"}, check=False).returncode == 0
