"""Entries, and images that have their signals."""

import random

from edgeward.types import Entry, Fingerprint, Signal

NEVER = 10**9
"""A version that no replica has applied: all live ones lag behind it."""

_random = random.Random(3)


def entry(list_name: str = "a", number: int = 0) -> Entry:
    """An entry whose digest is made of its number."""
    return Entry(list_name, Signal("sha256", f"{number:064x}"))


def entries(count: int, list_name: str = "a") -> list[Entry]:
    """Entries with random PDQs."""
    return [Entry(list_name, Signal("pdq", f"{_random.getrandbits(256):064x}", 100)) for _ in range(count)]


def image(*of: Entry) -> Fingerprint:
    """An image that has the signals of these entries."""
    return Fingerprint("0" * 64, "image/png", 1, tuple(one.signal for one in of))
