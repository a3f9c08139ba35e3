"""One request whose response was not judged, while it waits to be sent again."""

import time

from edgeward.proxy.request_host import target_of_request
from edgeward.proxy.request_record import unpack


class UnjudgedRequest:
    """A request to be sent again, and the numbers in the journal that it stands for.

    Args:
        seconds: in which it may be sent again.

    Attributes:
        host: as the request names it.
        since: when it was found to be unjudged (time.monotonic).
        give_up_at: when it is not sent again any more.
        purge: its target is purged even if it can be judged.
        missed: the same request was made again after this one was sent: it must be sent once more.
    """

    __slots__ = ("fetching", "give_up_at", "host", "missed", "numbers", "purge", "record", "since", "tries")

    def __init__(self, record: bytes, numbers: list[int], seconds: float) -> None:
        self.record, self.numbers, self.missed = record, numbers, list[int]()
        self.since, self.tries = time.monotonic(), 0
        self.give_up_at = self.since + seconds
        self.purge = self.fetching = False
        self.host = target_of_request(unpack(record).request).host

    def age(self) -> float:
        return time.monotonic() - self.since
