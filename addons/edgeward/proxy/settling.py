"""Waiting until what is unjudged at a moment is judged, purged, or known not to be in any cache."""

import time
from collections.abc import Callable, Iterable, Set

from edgeward.background.polling import Polling
from edgeward.proxy.open_requests import OpenRequests
from edgeward.proxy.unanswered import Unanswered
from edgeward.proxy.unjudged_request import UnjudgedRequest
from edgeward.proxy.upstream_contact import UpstreamContact

SETTLE_POLL_SECONDS = (0.001, 0.05)
STUCK_SECONDS = 5.0
"""A request that is not judged so long after it broke off is stuck: whoever waits can't hasten it."""


class Settling:
    """Settles the requests of one worker.

    Args:
        unanswered: what those mean for the caches that nobody has answered.
        requests: all that are sent again.
        purge: purges the target of one that nobody has answered, in caches where that waits for a fetch. Returns False
            where too many are purged so.
    """

    def __init__(
        self,
        unanswered: Unanswered,
        open_requests: OpenRequests,
        contact: UpstreamContact,
        requests: Callable[[], Iterable[UnjudgedRequest]],
        purge: Callable[[UnjudgedRequest], bool],
    ) -> None:
        self._unanswered, self._open, self._contact = unanswered, open_requests, contact
        self._requests, self._purge = requests, purge

    async def settle(self, version: int, seconds: float) -> None:
        """Wait for all that are open now. What is judged counts only if that was by the lists at `version` or above.
        What takes longer than `seconds` is purged whatever it shows. What is stuck is not waited for: it is left."""
        numbers, polling, started = set(self._open.numbers), Polling(*SETTLE_POLL_SECONDS), time.monotonic()
        for each in self._requests():
            each.least_version = max(each.least_version, version)
        while (numbers := numbers & self._open.numbers) or not self._open.is_forgotten_written:
            if time.monotonic() > started + seconds:
                # Of all that is so old: others may have begun to wait meanwhile.
                for each in self._requests():
                    each.purge |= each.age() > seconds
            left = numbers & self._open.numbers - await self._make_sure(started)
            if not self._open.younger(left, STUCK_SECONDS) and self._open.is_forgotten_written:
                self._leave(left)
                return
            await polling.pause()
            await self._open.forget_written()

    async def _make_sure(self, started: float) -> Set[int]:
        """What comes of those that are pending must not stay in a cache unnoticed. Returns those of which that is
        known."""
        if self._unanswered is Unanswered.NEVER_STORED:
            return self._open.pending
        asked, full = set[int](), set[str]()
        silent = [each for each in self._requests() if not self._open.pending.isdisjoint(each.numbers)]
        is_up = bool(silent) and await self._contact.is_up_since(started, silent[0].host)
        for each in silent:
            if not is_up:
                self._open.set_pending(each.numbers, False)
            elif self._unanswered is Unanswered.ASKED_AGAIN or each.host in full or not self._purge(each):
                full.add(each.host)
                # The one who waits does not learn of it.
                each.purge = True
                asked.update(each.numbers)
        # Where a purge waits, until all orders are in the store.
        return asked & self._open.pending if self._unanswered is Unanswered.PURGE_WAITS else self._open.pending

    def _leave(self, numbers: Set[int]) -> None:
        """End a wait without these: the one who waits does not learn of their copies, so they are purged."""
        self._open.leave(numbers)
        for each in self._requests():
            each.purge |= not numbers.isdisjoint((*each.numbers, *each.missed))
