"""What a hasher runs before it is isolated, so that nothing is left to load: later it can open no file.

The decoders are loaded with their modules (formats.py). Loaded at first use are Pillow's colour management, the tables
of the hashes, the XML parser, and whatever installed signal types need.
"""

from typing import TYPE_CHECKING

from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.hashers.warm_up_images import warm_up_images
from edgeward.hashing.signal_registry import prepare
from edgeward.types import ALWAYS_MATCHED, View

if TYPE_CHECKING:
    from edgeward.settings.config import HashingSettings

_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAA"/></svg>'
_DECLARED = HashRequest(declared="image/svg+xml")
_EVERYTHING = HashRequest(exact=True, views=frozenset(View) - ALWAYS_MATCHED)


def warm_up(settings: "HashingSettings") -> None:
    """Hash pictures, whole and cut off, one of them in every view, and an SVG.

    What the `prepare` of an installed signal type raises passes through: the hasher does not start.
    """
    prepare(settings.signals)
    first, *others = warm_up_images()
    fingerprint(first, settings, _EVERYTHING)
    for body in (first, *others, _SVG):
        # A cut-off body takes the decoders' error paths, which load modules of their own.
        fingerprint(body, settings, _DECLARED)
        fingerprint(body[: len(body) // 2], settings, _DECLARED)
