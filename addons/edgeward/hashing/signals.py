"""Signals that may be listed: "TYPE:VALUE", of the right length, and not so general that they match blank pictures."""

from edgeward.errors import BadSignal
from edgeward.hashing.signal_registry import listable_types
from edgeward.types import TYPES_WITH_QUALITY, Signal


def parse(text: str) -> Signal:
    """The signal of "TYPE:VALUE", without a quality. BadSignal says what is wrong."""
    signal_type, colon, value = text.strip().partition(":")
    if not colon:
        raise BadSignal(f"{text!r} is not TYPE:HEX, such as pdq:{64 * '0'}")
    return validate(Signal(signal_type, value))


def validate(signal: Signal) -> Signal:
    """`signal` with its type in lower case, and its value in lower-case hexadecimal.

    Raises:
        BadSignal: the type is unknown, the value malformed or of the wrong length, the quality not within 0 to 100, or
            the signal would match what has no content: the digest of the empty file, or the hash of a blank picture.
    """
    signal_type, text = signal.type.strip().lower(), signal.value.strip()
    shown = f"{signal_type}:{text}"
    kind = listable_types().get(signal_type)
    if kind is None:
        raise BadSignal(f"{signal.type!r} is not a signal type: it must be one of {', '.join(listable_types())}")
    try:
        value = kind.parse(text)
    except ValueError as error:
        raise BadSignal(f"{shown}: {error}") from None
    if len(value) * 8 != kind.bits:
        raise BadSignal(f"{shown}: it has {len(value)} bytes where {signal_type} has {kind.bits // 8}")
    if signal.quality is not None and not (signal_type in TYPES_WITH_QUALITY and 0 <= signal.quality <= 100):
        raise BadSignal(f"{shown}: {signal.quality!r} is not a quality: only pdq and pdq-dhash have one, from 0 to 100")
    return Signal(signal_type, value.hex(), signal.quality)
