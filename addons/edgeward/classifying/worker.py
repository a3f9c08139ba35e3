"""The process of one classifier: an image in, its labels out, over one socket.

    python -m edgeward.classifying.worker FD CLASSIFIER HASHING

Images may be hostile, so it gives up what a hasher gives up (isolation/confinement.py). A request is a HashRequest, of
which only the codings are used.
"""

import os
import sys
from typing import TYPE_CHECKING

from edgeward.classifying.classifier import Classifier
from edgeward.classifying.classifier_registry import load
from edgeward.classifying.input_image import decode_picture
from edgeward.classifying.labels import Label, to_json, top_labels
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.hashers.warm_up_images import warm_up_images
from edgeward.isolation.plain_settings import plain_settings
from edgeward.isolation.serving import serve

if TYPE_CHECKING:
    from edgeward.settings.classifier_settings import ClassifierSettings
    from edgeward.settings.config import HashingSettings

NICENESS = 10
"""Below hashers, which requests wait for."""


def main(fd: int, settings: "ClassifierSettings", hashing: "HashingSettings") -> None:
    """Serve until the parent is gone. What the classifier raises while it is prepared and tried passes through."""
    os.nice(NICENESS)
    classifier = load(settings.name)
    classifier.prepare()
    # Loads what decoders and the model import late: once confined, they can import nothing.
    for body in warm_up_images():
        classify(classifier, body, (), hashing)

    def answer(request: bytes, body: bytes) -> bytes:
        try:
            labels = classify(classifier, body, HashRequest.from_json(request).codings, hashing)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  the model and Pillow may raise anything: it is counted as a failure
            labels = None
        return to_json(labels)

    serve(fd, settings.memory_mb, answer)


def classify(
    classifier: Classifier, body: bytes, codings: tuple[str, ...], hashing: "HashingSettings"
) -> tuple[Label, ...]:
    """The labels of an image. What a decoder or the classifier raises passes through."""
    return top_labels(classifier.classify(decode_picture(body, codings, hashing)))


if __name__ == "__main__":
    main(int(sys.argv[1]), plain_settings(sys.argv[2]), plain_settings(sys.argv[3]))
