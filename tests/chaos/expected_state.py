"""What Edgeward has acknowledged, and when. The final inspection compares the deployment with this alone."""

import threading
import time
from collections import Counter
from dataclasses import dataclass


@dataclass(slots=True)
class Listing:
    """What is known of one picture's listing. Times are time.time; 0.0: never.

    Attributes:
        since: when its listing was acknowledged, if nobody has undone it.
        active: from when every live process acted on it.
        in_doubt: an answer was lost, so it may be listed or not. Nobody changes it any more.
        reserved: an operator has tried to list it.
        act: the act that listed it; "" if that is not known.
    """

    since: float = 0.0
    active: float = 0.0
    in_doubt: bool = False
    reserved: bool = False
    act: str = ""


class ExpectedState:
    """Shared by all threads of a run.

    Attributes:
        orders, takedowns, jobs: acknowledged ids, and when each was acknowledged.
        undone: acts that operators have tried to undo.
        counts: how often each action of an operator ended in which way.
        violations: what must not happen even while processes are killed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listings: dict[int, Listing] = {}
        self.orders: dict[str, float] = {}
        self.takedowns: dict[str, float] = {}
        self.jobs: dict[str, float] = {}
        self.undone: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []

    def of(self, number: int) -> Listing:
        with self._lock:
            return self._listings.setdefault(number, Listing())

    def reserve(self, number: int) -> bool:
        """Whether the caller may list the picture. True once: from then on nobody else may."""
        with self._lock:
            listing = self._listings.setdefault(number, Listing())
            if listing.reserved:
                return False
            listing.reserved = True
            return True

    def mark_listed(self, number: int, active: bool, act: str = "") -> None:
        listing = self.of(number)
        listing.act = act
        listing.since = time.time()
        listing.active = listing.since if active else 0.0

    def mark_in_doubt(self, number: int) -> None:
        listing = self.of(number)
        listing.in_doubt, listing.since, listing.active = True, 0.0, 0.0

    def mark_unlisted(self, number: int) -> None:
        """The picture is not listed, and anybody may list it again."""
        with self._lock:
            self._listings[number] = Listing()

    def take_listings(self, act: str) -> list[int]:
        """Pictures that an act has listed, for the caller to unlist: nobody else gets them, and they are in doubt."""
        with self._lock:
            taken = [number for number, each in self._listings.items() if act and each.since and each.act == act]
            for number in taken:
                listing = self._listings[number]
                listing.in_doubt, listing.since, listing.active = True, 0.0, 0.0
            return taken

    def take_listing(self, number: int) -> bool:
        """The same for one picture. False: another caller was faster."""
        with self._lock:
            listing = self._listings.setdefault(number, Listing())
            if not listing.since:
                return False
            listing.in_doubt, listing.since, listing.active = True, 0.0, 0.0
            return True

    def forget_store(self) -> None:
        """The store has lost its data, and got its lists back from memory: only listings that were active last."""
        with self._lock:
            for records in (self.orders, self.takedowns, self.jobs):
                records.clear()
            for listing in self._listings.values():
                if listing.since and not listing.active:
                    listing.in_doubt, listing.since = True, 0.0

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def violation(self, what: str) -> None:
        """Record something that must not happen, whatever is killed."""
        with self._lock:
            self.violations.append(what)

    def acknowledged_listings(self) -> dict[int, Listing]:
        """Pictures that must be listed, by number."""
        with self._lock:
            return {number: listing for number, listing in self._listings.items() if listing.since}

    def in_doubt(self) -> set[int]:
        with self._lock:
            return {number for number, listing in self._listings.items() if listing.in_doubt}
