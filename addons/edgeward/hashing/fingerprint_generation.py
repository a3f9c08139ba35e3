"""The generation of a fingerprint: which settings and views it was made with, as eight hexadecimal digits.

It is stored with a fingerprint. An image is hashed again only if its stored generation does not suffice.
"""

import hashlib
from collections.abc import Set

from edgeward.hashing.signal_registry import versions
from edgeward.settings.config import HashingSettings
from edgeward.types import View

HASHING_VERSION = 2
"""Raise it when the same bytes under the same settings get other signals, so that all images are hashed again."""
_OPTIONAL_VIEWS = (View.DIHEDRAL, View.GEOMETRY)


def current_generation(settings: HashingSettings, views: Set[View], markup: str = "") -> str:
    """Seven digits: a hash of everything that decides which signals are made. One digit: a bit for each optional view.

    `markup` is a MarkupType: the same bytes can hold other images as an HTML page than as an SVG.
    """
    signals = (*settings.signals, *versions(settings.signals))
    made_with = (HASHING_VERSION, signals, settings.max_frames, settings.min_quality, settings.data_uris, markup)
    optional = sum(1 << place for place, view in enumerate(_OPTIONAL_VIEWS) if view in views)
    return f"{hashlib.sha256(repr(made_with).encode()).hexdigest()[:7]}{optional:x}"


def suffices(stored: str, wanted: str) -> bool:
    """Whether a fingerprint of generation `stored` has all signals that one of generation `wanted` would have."""
    views = int(wanted[-1], 16)
    return stored[:-1] == wanted[:-1] and int(stored[-1], 16) & views == views
