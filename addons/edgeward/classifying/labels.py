"""What a classifier says of an image. An attacker may control its process, so nothing else is accepted from it.

It is sent as JSON: a list of [name, score], or null if the classifier failed.
"""

import json
import re
from collections.abc import Iterable
from typing import NamedTuple

MAX_LABELS = 8
"""For one image: those with the highest scores."""
_NAME = re.compile(r"[A-Za-z0-9_. -]{1,64}")
_SCORE_DIGITS = 4
"""Rounded, since the score of a softmax in single precision may be a little more than 1."""


class Label(NamedTuple):
    name: str
    score: float


def top_labels(found: Iterable[tuple[str, float]] | None) -> tuple[Label, ...]:
    """The labels with the highest scores, highest first.

    Raises:
        ValueError, TypeError: a name or score is invalid.
    """
    labels = [_label(name, round(float(score), _SCORE_DIGITS)) for name, score in found or ()]
    return tuple(sorted(labels, key=lambda label: -label.score)[:MAX_LABELS])


def to_json(labels: tuple[Label, ...] | None) -> bytes:
    return json.dumps(labels).encode()


def from_json(text: bytes) -> tuple[Label, ...] | None:
    """The labels that `to_json` was given.

    Raises:
        ValueError: it did not make this.
    """
    try:
        found = json.loads(text)
        labels = None if found is None else tuple(_label(*each) for each in found)
    except (TypeError, RecursionError):
        raise ValueError("not a list of labels") from None
    if labels is not None and len(labels) > MAX_LABELS:
        raise ValueError("too many labels")
    return labels


def _label(name: object, score: object) -> Label:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("the name of a label has 1 to 64 letters, digits, spaces, _ . and -")
    if not isinstance(score, float) or not 0 <= score <= 1:
        raise ValueError("a score must be from 0 to 1")
    return Label(name, score)
