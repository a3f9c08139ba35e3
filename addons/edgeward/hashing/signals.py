"""Signals that may be listed: "TYPE:VALUE", of the right length, and not so general that they match blank pictures."""

import re

from edgeward.errors import BadSignal
from edgeward.hashing.signal_registry import listable_types
from edgeward.quantities import excerpt
from edgeward.types import TYPES_WITH_QUALITY, Signal

_HEX = re.compile(r"[0-9a-fA-F]+")


def parse(text: str) -> Signal:
    """The signal of "TYPE:VALUE", without a quality. BadSignal says what is wrong."""
    signal_type, colon, value = text.strip().partition(":")
    if not colon:
        raise BadSignal(f"{excerpt(text)!r} is not TYPE:HEX, such as pdq:{64 * '0'}")
    return validate(Signal(signal_type, value))


def validate(signal: Signal) -> Signal:
    """`signal` with its type in lower case, and its value in lower-case hexadecimal.

    Raises:
        BadSignal: the type is unknown, the value malformed or of the wrong length, the quality not within 0 to 100, or
            the signal would match what has no content: the digest of the empty file, or the hash of a blank picture.
    """
    kind = listable_types().get(signal.type) or listable_types().get(signal.type.strip().lower())
    if kind is None:
        raise BadSignal(
            f"{excerpt(signal.type)!r} is not a signal type: it must be one of {', '.join(listable_types())}"
        )
    try:
        value = kind.parse(signal.value)
        if len(value) * 8 != kind.bits:
            raise ValueError(f"it has {len(value)} bytes where {kind.name} has {kind.bits // 8}")
        quality = signal.quality
        if quality is not None and not (kind.name in TYPES_WITH_QUALITY and 0 <= quality <= 100):
            raise ValueError(f"{quality!r} is not a quality: only pdq and pdq-dhash have one, from 0 to 100")
    except ValueError as error:
        raise BadSignal(f"{kind.name}:{excerpt(signal.value.strip())}: {error}") from None
    return Signal(kind.name, value.hex(), quality)


def types_of_length(value: str) -> list[str]:
    """The types whose values have as many hexadecimal digits as this one; none if it is not hexadecimal."""
    digits = value.strip()
    bits = 4 * len(digits) if _HEX.fullmatch(digits) else 0
    return [name for name, kind in listable_types().items() if kind.bits == bits]
