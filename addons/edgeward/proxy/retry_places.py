"""How many requests are sent again at the same time, and of whom: no host takes all places, nor does one client.

A try that waits for the headers of its response costs no more than a connection. So it gives up its place soon, as far
as its client has a share of that: a client that asks for what nobody answers must not make what others broke off wait.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from edgeward.proxy.slow_bodies import SlowBodies
from edgeward.proxy.unjudged_request import UnjudgedRequest

MAX_FETCHES = 16
"""Requests that are sent at the same time ..."""
MAX_FETCHES_PER_HOST = 12
"""... of one host ..."""
MAX_RETRIES = 8
"""... and of those that were sent before: some places stay free for new ones."""
SILENT_SECONDS = 0.1
"""A first try without headers after this time gives up its place ..."""
MAX_SILENT = 128
"""... as far as no more than these do ..."""
MAX_SILENT_PER_CLIENT = 64
"""... and no more of one client. With 0.8 seconds for each this is enough for 80 new requests a second."""

type Fetch = asyncio.Task[None]


class RetryPlaces:
    """The places of one worker. What reads a slow body has none (see SlowBodies)."""

    def __init__(self, slow_bodies: SlowBodies) -> None:
        self._slow_bodies = slow_bodies
        self._fetches: dict[Fetch, UnjudgedRequest] = {}
        self._silent: dict[Fetch, str] = {}
        self._silent_by_client = Counter[str]()

    def __len__(self) -> int:
        """How many places are taken."""
        return sum(self._has_place(fetch) for fetch in self._fetches)

    @property
    def fetches(self) -> list[Fetch]:
        """All that are in progress."""
        return [*self._fetches]

    @property
    def is_free(self) -> bool:
        return len(self) < MAX_FETCHES

    @property
    def may_retry(self) -> bool:
        """Whether there is a place for a request that was sent before."""
        return sum(each.tries > 0 for each in self._placed()) < MAX_RETRIES

    def hosts(self) -> Callable[[str], bool]:
        """Tells whether there is a place for a request of a host."""
        by_host = Counter(each.host for each in self._placed())
        return lambda host: by_host[host] < MAX_FETCHES_PER_HOST

    def take(self, fetch: Fetch, request: UnjudgedRequest) -> None:
        self._fetches[fetch] = request

    def leave_silent(self, fetch: Fetch) -> bool:
        """A try that waits for headers gives up its place. False: too many do, or it has none."""
        request = self._fetches.get(fetch)
        if request is None or request.tries or not self._has_place(fetch):
            return False
        if len(self._silent) >= MAX_SILENT or self._silent_by_client[request.client] >= MAX_SILENT_PER_CLIENT:
            return False
        self._silent[fetch] = request.client
        self._silent_by_client[request.client] += 1
        return True

    def answer(self, fetch: Fetch) -> None:
        """Headers are here: it takes a place again, even if that is one too many."""
        client = self._silent.pop(fetch, None)
        if client is not None:
            self._silent_by_client[client] -= 1
            if not self._silent_by_client[client]:
                del self._silent_by_client[client]

    def end(self, fetch: Fetch) -> UnjudgedRequest:
        """A try has ended."""
        self.answer(fetch)
        return self._fetches.pop(fetch)

    def _has_place(self, fetch: Fetch) -> bool:
        return fetch not in self._silent and fetch not in self._slow_bodies

    def _placed(self) -> list[UnjudgedRequest]:
        return [request for fetch, request in self._fetches.items() if self._has_place(fetch)]
