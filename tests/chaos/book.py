"""What was acknowledged, and when: what must hold at the end hangs on it alone."""

import threading
import time
from collections import Counter
from dataclasses import dataclass


@dataclass(slots=True)
class Listing:
    """What is known of a picture's place on the list. Times are time.time; 0.0: never.

    Attributes:
        since: its listing was acknowledged then, and not undone.
        active: every live process acted on it then.
        doubtful: an answer failed to come, so it may be listed or not: nobody touches it any more.
        touched: somebody tried to list it.
    """

    since: float = 0.0
    active: float = 0.0
    doubtful: bool = False
    touched: bool = False


class Book:
    """Shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listings: dict[int, Listing] = {}
        self.orders: dict[str, float] = {}
        self.takedowns: dict[str, float] = {}
        self.jobs: dict[str, float] = {}
        self.counts: Counter[str] = Counter()
        self.surprises: list[str] = []

    def of(self, number: int) -> Listing:
        with self._lock:
            return self._listings.setdefault(number, Listing())

    def reserve(self, number: int) -> bool:
        """Whether the caller may list the picture: nobody else is at it, and nothing about it is in doubt."""
        with self._lock:
            listing = self._listings.setdefault(number, Listing())
            if listing.touched:
                return False
            listing.touched = True
            return True

    def listed(self, number: int, active: bool) -> None:
        listing = self.of(number)
        listing.since = time.time()
        listing.active = listing.since if active else 0.0

    def doubt(self, number: int) -> None:
        listing = self.of(number)
        listing.doubtful, listing.since, listing.active = True, 0.0, 0.0

    def unlisted(self, number: int) -> None:
        """May be listed again."""
        with self._lock:
            self._listings[number] = Listing()

    def note(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def surprise(self, what: str) -> None:
        """Something that must not happen, whatever is killed."""
        with self._lock:
            self.surprises.append(what)

    def promised(self) -> dict[int, Listing]:
        """Pictures that must be listed, by number."""
        with self._lock:
            return {number: listing for number, listing in self._listings.items() if listing.since}

    def doubtful(self) -> set[int]:
        with self._lock:
            return {number for number, listing in self._listings.items() if listing.doubtful}
