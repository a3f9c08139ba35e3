"""The process of one classifier: an image in, its labels out, over one socket.

    python -m edgeward.classifying.worker FD CLASSIFIER HASHING

It decodes images as hostile as any, so it gives up what a hasher gives up (isolation/confinement.py). It is asked by a
HashRequest, of which the codings count.
"""

import os
import sys

from edgeward.classifying.classifier import Classifier
from edgeward.classifying.labels import Label, best, to_json
from edgeward.classifying.picture import shown
from edgeward.classifying.registry import load
from edgeward.config import ClassifierSettings, HashingSettings
from edgeward.hashing.hashers.trials import trials
from edgeward.hashing.request import HashRequest
from edgeward.isolation.serving import serve

NICENESS = 10
"""Requests wait for hashers, and nobody for a classifier."""


def main(fd: int, settings: ClassifierSettings, hashing: HashingSettings) -> None:
    """Serve until the parent is gone. What the classifier raises as it is prepared and tried passes through."""
    os.nice(NICENESS)
    classifier = load(settings.name)
    classifier.prepare()
    for body in trials():
        look(classifier, body, (), hashing)

    def answer(question: bytes, body: bytes) -> bytes:
        try:
            labels = look(classifier, body, HashRequest.from_json(question).codings, hashing)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  another's code, and Pillow's, may raise anything: it is counted as a failure
            labels = None
        return to_json(labels)

    serve(fd, settings.memory_mb, settings.timeout_ms / 1000, answer)


def look(classifier: Classifier, body: bytes, codings: tuple[str, ...], hashing: HashingSettings) -> tuple[Label, ...]:
    """The labels of an image. Whatever a decoder or the classifier raises passes through."""
    return best(classifier.classify(shown(body, codings, hashing)))


if __name__ == "__main__":
    main(
        int(sys.argv[1]),
        ClassifierSettings.model_validate_json(sys.argv[2]),
        HashingSettings.model_validate_json(sys.argv[3]),
    )
