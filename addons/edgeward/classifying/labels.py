"""What a classifier says of an image. The process that it runs in may be taken over, so nothing else comes out of it.

On the way it is JSON: a list of [name, score], or null where the classifier failed.
"""

import json
import re
from collections.abc import Iterable
from typing import NamedTuple

MAX_LABELS = 8
"""Of one image: those with the highest scores."""
_NAME = re.compile(r"[A-Za-z0-9_. -]{1,64}")
_DIGITS = 4
"""Of a score. The scores of a softmax in single precision may add up to a little more than 1."""


class Label(NamedTuple):
    name: str
    score: float


def best(found: Iterable[tuple[str, float]] | None) -> tuple[Label, ...]:
    """The labels that count, highest score first. ValueError or TypeError: one of them is none."""
    labels = [_label(name, round(float(score), _DIGITS)) for name, score in found or ()]
    return tuple(sorted(labels, key=lambda label: -label.score)[:MAX_LABELS])


def to_json(labels: tuple[Label, ...] | None) -> bytes:
    return json.dumps(labels).encode()


def from_json(text: bytes) -> tuple[Label, ...] | None:
    """What `to_json` was given. ValueError: it can't have been."""
    try:
        found = json.loads(text)
        labels = None if found is None else tuple(_label(*each) for each in found)
    except (TypeError, RecursionError):
        raise ValueError("these are no labels") from None
    if labels is not None and len(labels) > MAX_LABELS:
        raise ValueError("there are too many labels")
    return labels


def _label(name: object, score: object) -> Label:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("the name of a label has up to 64 letters, digits, spaces, _ . and -")
    if not isinstance(score, float) or not 0 <= score <= 1:
        raise ValueError("a score is from 0 to 1")
    return Label(name, score)
