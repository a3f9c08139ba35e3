"""An image's signals at chosen distances, and matchers that hold given lists."""

import random

from edgeward.matching.matcher import Matcher
from edgeward.types import Fingerprint, Flaw, HashList, Signal

PDQ = random.Random(11).getrandbits(256)
SHA = Signal("sha256", "ab" * 32)


def pdq(distance: int = 0, quality: int | None = 100) -> Signal:
    """A PDQ that lies `distance` bits from PDQ."""
    return Signal("pdq", f"{PDQ ^ ((1 << distance) - 1):064x}", quality)


def image(*signals: Signal, flaw: Flaw | None = None) -> Fingerprint:
    """A fingerprint with these signals."""
    return Fingerprint(SHA.value, "image/jpeg", 1000, signals, flaw=flaw)


def matcher(*lists: HashList) -> Matcher:
    """A matcher that has these lists, without entries."""
    one = Matcher()
    for hash_list in lists:
        one.set_list(hash_list)
    return one
