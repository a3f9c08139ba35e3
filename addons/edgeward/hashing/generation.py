"""What a fingerprint was made with, as eight hexadecimal digits: bytes that are known by it are not hashed again."""

import hashlib
from collections.abc import Set

from edgeward.config import HashingSettings
from edgeward.hashing.registry import versions
from edgeward.types import View

HASHING_VERSION = 2
"""Raised whenever the same bytes under the same settings get other signals: then all are hashed again."""
_ASKED = (View.TURNED, View.SEARCHED)


def generation(settings: HashingSettings, views: Set[View], kind: str = "") -> str:
    """Seven digits for all that decides on the signals, and one for the views that were asked for.

    `kind` of text (texts.py): the same bytes hold other images as an HTML page than as an SVG.
    """
    signals = (*settings.signals, *versions(settings.signals))
    made_with = (HASHING_VERSION, signals, settings.max_frames, settings.min_quality, settings.data_uris, kind)
    asked = sum(1 << place for place, view in enumerate(_ASKED) if view in views)
    return f"{hashlib.sha256(repr(made_with).encode()).hexdigest()[:7]}{asked:x}"


def suffices(kept: str, asked: str) -> bool:
    """Whether a fingerprint of generation `kept` has all the signals that one of generation `asked` would have."""
    views = int(asked[-1], 16)
    return kept[:-1] == asked[:-1] and int(kept[-1], 16) & views == views
