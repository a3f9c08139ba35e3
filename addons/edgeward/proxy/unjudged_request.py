"""One request whose response was not judged, while it waits to be sent again."""

import asyncio
import time
from collections.abc import Callable

from edgeward.proxy.request_host import target_of_request
from edgeward.proxy.request_record import unpack
from edgeward.types import Target

type Merge = Callable[[list[int]], list[int]]
"""OpenRequests.merge."""


class UnjudgedRequest:
    """A request to be sent again, and the numbers in the journal that it stands for.

    Args:
        seconds: in which it may be sent again.
        client: the address of who made it; "" if that is not known.

    Attributes:
        host: as the request names it.
        since: when it was found to be unjudged (time.monotonic).
        give_up_at: when it is not sent again any more.
        purge: its target is purged even if it can be judged.
        missed: the same request was made again after this one was sent: it must be sent once more.
        answered: headers of a response to it were seen, by the first client or by a try.
        turned_away: the last try got a response that says nothing about the target.
        version: of the lists by which the response to the last try is judged.
        least_version: with older lists it does not count as judged.
        fetch: the try that is in progress.
        restarts: that one is ended, and begins anew.
    """

    __slots__ = (
        "answered", "client", "fetch", "give_up_at", "host", "least_version", "missed", "numbers", "purge", "record",
        "restarts", "since", "tries", "turned_away", "version",
    )  # fmt: skip

    def __init__(self, record: bytes, numbers: list[int], seconds: float, client: str = "") -> None:
        self.record, self.numbers, self.missed = record, numbers, list[int]()
        self.since, self.tries = time.monotonic(), 0
        self.give_up_at = self.since + seconds
        self.purge = self.answered = self.turned_away = self.restarts = False
        self.version = self.least_version = 0
        self.fetch: asyncio.Task[None] | None = None
        self.host, self.client = self.target.host, client

    @property
    def target(self) -> Target:
        """The target without its variant."""
        return target_of_record(self.record)

    @property
    def fetching(self) -> bool:
        return self.fetch is not None

    def join(self, number: int, answered: bool, merge: Merge) -> None:
        """The same request was made again, and was not judged either. One fetch does for both, unless it has begun: its
        response may be older than what the cache stored now."""
        self.answered |= answered
        if self.fetching:
            self.missed = merge([*self.missed, number])
        else:
            self.numbers = merge([*self.numbers, number])

    def merge_missed(self, merge: Merge) -> None:
        """The next try is for these too."""
        self.numbers, self.missed = merge([*self.numbers, *self.missed]), []

    def age(self) -> float:
        return time.monotonic() - self.since


def target_of_record(record: bytes) -> Target:
    """The target of a recorded request, without its variant."""
    return target_of_request(unpack(record).request)
