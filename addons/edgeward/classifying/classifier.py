"""The interface of a classifier: an operator's own model, installed beside this package. See docs/classifiers.md.

It is found by its entry point (classifier_registry.py). Workers import this module: it must not import Pillow.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


class Classifier(ABC):
    """A model behind one method. The class is instantiated without arguments.

    Attributes:
        name: the name of the entry point, and of the table in the settings.
    """

    name: str

    def prepare(self) -> None:  # noqa: B027  a model may need nothing
        """Load the model, in the process that will use it: afterwards it can import nothing and open no file."""

    @abstractmethod
    def classify(self, image: "Image.Image") -> Sequence[tuple[str, float]] | None:
        """The labels of an image in mode "RGB", upright, each with a score from 0 to 1. None: no labels.

        If it raises, this image gets no labels, and is counted as failed.
        """
