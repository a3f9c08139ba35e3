"""What a classifier is: an operator's own model, installed beside this package. docs/classifiers.md shows how.

It is found by its entry point (registry.py). This module is imported where no decoder may be.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


class Classifier(ABC):
    """A model behind one method: a class that is made without arguments.

    Attributes:
        name: that of the entry point, and of its table in the settings.
    """

    name: str

    def prepare(self) -> None:  # noqa: B027  a model may need nothing
        """Load the model, in the process that will use it: later it can import nothing and open no file."""

    @abstractmethod
    def classify(self, image: "Image.Image") -> Sequence[tuple[str, float]] | None:
        """Labels of an image in mode "RGB", the right way up, each with its score from 0 to 1. None: nothing to say.

        What it raises costs this image its labels.
        """
