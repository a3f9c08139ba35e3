"""Waiting until what is unjudged at a moment is judged, purged, or known not to be in any cache."""

import time
from collections.abc import Callable, Iterable, Set

from edgeward.background.polling import Polling
from edgeward.proxy.open_requests import OpenRequests
from edgeward.proxy.unanswered import Unanswered
from edgeward.proxy.unjudged_request import UnjudgedRequest
from edgeward.proxy.upstream_contact import UpstreamContact

SETTLE_POLL_SECONDS = (0.001, 0.05)


class Settling:
    """Settles the requests of one worker.

    Args:
        unanswered: what those mean for the caches that nobody has answered.
        requests: all that are sent again.
        purge: purges the target of one that nobody has answered, in caches where that waits for a fetch.
    """

    def __init__(
        self,
        unanswered: Unanswered,
        open_requests: OpenRequests,
        contact: UpstreamContact,
        requests: Callable[[], Iterable[UnjudgedRequest]],
        purge: Callable[[UnjudgedRequest], None],
    ) -> None:
        self._unanswered, self._open, self._contact = unanswered, open_requests, contact
        self._requests, self._purge = requests, purge

    async def settle(self, version: int, seconds: float) -> None:
        """Wait for all that are open now. What is judged counts only if that was by the lists at `version` or above.
        What takes longer than `seconds` is purged whatever it shows."""
        numbers, polling, started = set(self._open.numbers), Polling(*SETTLE_POLL_SECONDS), time.monotonic()
        for each in self._requests():
            each.least_version = max(each.least_version, version)
        while (numbers := numbers & self._open.numbers) or not self._open.is_forgotten_written:
            if time.monotonic() > started + seconds:
                # Of all that is so old: others may have begun to wait meanwhile.
                for each in self._requests():
                    each.purge |= each.age() > seconds
            if await self._settle_pending(numbers, started):
                return
            await polling.pause()
            await self._open.forget_written()

    async def _settle_pending(self, numbers: Set[int], started: float) -> bool:
        """Make sure of those that are pending. Returns whether nothing is left to wait for."""
        if self._unanswered is not Unanswered.NEVER_STORED:
            for each in self._requests():
                if not self._open.pending.isdisjoint(each.numbers):
                    await self._make_sure(each, started)
        # Where a purge waits, until all orders are in the store.
        waits = self._unanswered is Unanswered.PURGE_WAITS
        is_known = not waits and numbers & self._open.numbers <= self._open.pending
        return is_known and self._open.is_forgotten_written

    async def _make_sure(self, request: UnjudgedRequest, started: float) -> None:
        """What comes of it must not stay in a cache unnoticed."""
        if not await self._contact.is_up_since(started, request.host):
            self._open.set_pending(request.numbers, False)
        elif self._unanswered is Unanswered.PURGE_WAITS:
            self._purge(request)
        else:
            # The one who waits does not learn of it.
            request.purge = True
