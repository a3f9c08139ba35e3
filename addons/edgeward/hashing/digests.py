"""Digests: signals that match exactly."""

import hashlib
from collections.abc import Sequence

from edgeward.types import Signal

DIGESTS = ("sha256", "sha1", "md5")


def digest(body: bytes, signal_type: str) -> str:
    """The digest of `body` in lower-case hexadecimal. ValueError: `signal_type` is not one of DIGESTS."""
    if signal_type not in DIGESTS:
        raise ValueError(f"{signal_type!r} is not a digest")
    return hashlib.new(signal_type, body, usedforsecurity=False).hexdigest()


def digests(body: bytes, types: Sequence[str]) -> tuple[Signal, ...]:
    """One signal for each digest in `types`, in the same order; other types are skipped."""
    return tuple(Signal(name, digest(body, name)) for name in types if name in DIGESTS)
