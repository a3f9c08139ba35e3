"""The class that operators write under."""

import subprocess
import sys

import pytest

from edgeward.classifying.classifier import Classifier


def test_one_method_is_due() -> None:
    """A class that can't classify can't be made; what it needs to load it may leave out."""

    class Nothing(Classifier):
        name = "nothing"

    class Something(Nothing):
        def classify(self, image: object) -> None:
            return None

    with pytest.raises(TypeError, match="classify"):
        Nothing()  # type: ignore[abstract]
    Something().prepare()


def test_no_decoder_comes_with_it() -> None:
    """Who holds a desk loads neither Pillow nor numpy."""
    code = "import edgeward.classifying.desk, sys; sys.exit(any(name in sys.modules for name in ('PIL', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": "addons"}, check=False).returncode == 0
