"""Signals that are fit for a list: "TYPE:HEX", of the right length, and matching something less than everything."""

import hashlib
import re

from edgeward.config import SIGNAL_TYPES
from edgeward.errors import BadSignal
from edgeward.hashing.digests import DIGESTS
from edgeward.types import DEFAULT_RADIUS, Signal

BITS = {"sha256": 256, "sha1": 160, "md5": 128, "pdq": 256, "phash": 64, "dhash": 64}
"""Bits of a value, per signal type."""

_HEX = re.compile(r"[0-9a-f]+")
_EMPTY = {name: hashlib.new(name, b"", usedforsecurity=False).hexdigest() for name in DIGESTS}


def parse(text: str) -> Signal:
    """The signal that "TYPE:HEX" says, without a quality. BadSignal names what is wrong."""
    signal_type, colon, value = text.strip().partition(":")
    if not colon:
        raise BadSignal(f"{text!r} is not TYPE:HEX, such as pdq:{64 * '0'}")
    return validate(Signal(signal_type, value))


def validate(signal: Signal) -> Signal:
    """`signal` with its type and value in lower case.

    Raises:
        BadSignal: the type is unknown, the value malformed or of the wrong length, the quality no percentage, or it
            is a signal of nothing: the digest of the empty file, or a perceptual hash that blank pictures match.
    """
    signal_type, value = signal.type.strip().lower(), signal.value.strip().lower()
    shown = f"{signal_type}:{value}"
    if signal_type not in BITS:
        raise BadSignal(f"{signal.type!r} is no signal type: it must be one of {', '.join(SIGNAL_TYPES)}")
    if not _HEX.fullmatch(value):
        raise BadSignal(f"{shown} is not hexadecimal")
    if len(value) * 4 != BITS[signal_type]:
        raise BadSignal(f"{shown} has {len(value)} digits: {signal_type} has {BITS[signal_type] // 4}")
    if signal.quality is not None and not (signal_type == "pdq" and 0 <= signal.quality <= 100):
        raise BadSignal(f"{shown}: {signal.quality!r} is no quality: pdq alone has one, from 0 to 100")
    if why := _meaningless(signal_type, value):
        raise BadSignal(f"{shown} {why}")
    return Signal(signal_type, value, signal.quality)


def _meaningless(signal_type: str, value: str) -> str | None:
    """Why a well-formed value must not be listed.

    A blank picture's perceptual hash has no bit set, or all; within the radius of that lies every blank picture. A
    PDQ that repeats one row of its 16 x 16 bits comes from flat bands, never from a photograph.
    """
    if value == _EMPTY.get(signal_type):
        return "is the digest of the empty file"
    if signal_type in DIGESTS:
        return None
    ones = int(value, 16).bit_count()
    if min(ones, BITS[signal_type] - ones) <= DEFAULT_RADIUS[signal_type]:
        return "matches blank pictures: too few of its bits differ"
    if signal_type == "pdq" and value == value[:4] * 16:
        return "matches flat pictures: all its rows are the same"
    return None
