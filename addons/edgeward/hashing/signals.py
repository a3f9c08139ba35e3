"""Signals that are fit for a list: "TYPE:VALUE", of the right length, and matching something less than everything."""

from edgeward.errors import BadSignal
from edgeward.hashing.registry import known
from edgeward.types import RATED, Signal


def parse(text: str) -> Signal:
    """The signal that "TYPE:VALUE" says, without a quality. BadSignal names what is wrong."""
    signal_type, colon, value = text.strip().partition(":")
    if not colon:
        raise BadSignal(f"{text!r} is not TYPE:HEX, such as pdq:{64 * '0'}")
    return validate(Signal(signal_type, value))


def validate(signal: Signal) -> Signal:
    """`signal` with its type in lower case, and its value in lower-case hexadecimal.

    Raises:
        BadSignal: the type is unknown, the value malformed or of the wrong length, the quality no percentage, or it
            is a signal of nothing: the digest of the empty file, or a perceptual hash that blank pictures match.
    """
    signal_type, text = signal.type.strip().lower(), signal.value.strip()
    shown = f"{signal_type}:{text}"
    kind = known().get(signal_type)
    if kind is None:
        raise BadSignal(f"{signal.type!r} is no signal type: it must be one of {', '.join(known())}")
    try:
        value = kind.parse(text)
    except ValueError as error:
        raise BadSignal(f"{shown}: {error}") from None
    if len(value) * 8 != kind.bits:
        raise BadSignal(f"{shown}: it has {len(value)} bytes where {signal_type} has {kind.bits // 8}")
    if signal.quality is not None and not (signal_type in RATED and 0 <= signal.quality <= 100):
        raise BadSignal(f"{shown}: {signal.quality!r} is no quality: only pdq and pdq-dhash have one, from 0 to 100")
    return Signal(signal_type, value.hex(), signal.quality)
