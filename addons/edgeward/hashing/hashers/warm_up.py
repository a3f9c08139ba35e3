"""A hasher's exercise before it is locked up: whatever is loaded at first use is loaded, since later nothing can be.

The decoders themselves come with their modules (formats.py). What is late is Pillow's colour management, the tables of
the hashes, the XML parser, and what installed signal types bring.
"""

from edgeward.config import HashingSettings
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hashers.trials import trials
from edgeward.hashing.registry import prepare
from edgeward.hashing.request import HashRequest
from edgeward.types import ALWAYS, View

_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAA"/></svg>'
_DECLARED = HashRequest(declared="image/svg+xml")
_EVERYTHING = HashRequest(exact=True, views=frozenset(View) - ALWAYS)


def warm_up(settings: HashingSettings) -> None:
    """Hash pictures, whole and cut, one of them in every view, and a text. What an installed signal type raises passes
    through."""
    prepare(settings.signals)
    first, *others = trials()
    fingerprint(first, settings, _EVERYTHING)
    for body in (first, *others, _SVG):
        fingerprint(body, settings, _DECLARED)
        fingerprint(body[: len(body) // 2], settings, _DECLARED)
