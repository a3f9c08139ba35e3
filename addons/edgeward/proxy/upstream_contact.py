"""Whether the upstream is up: an upstream that stands still leaves a request unanswered too, whatever it has stored."""

import asyncio
import logging
import secrets
import time
from contextlib import suppress

from mitmproxy import http

from edgeward import metrics
from edgeward.proxy.refetch import ON_ANSWER, Refetcher, RefetchFailed

logger = logging.getLogger(__name__)

CONTACT_SECONDS = 1.0
"""How long the upstream may take for a request that needs no origin."""
CONTACT_PATH = "/.well-known/edgeward-contact"


class UpstreamContact:
    """The last time that the upstream of one worker has answered anything."""

    def __init__(self, refetcher: Refetcher) -> None:
        self._refetcher = refetcher
        self._answered_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    def answered(self) -> None:
        """It has answered a request."""
        self._answered_at = time.monotonic()

    async def is_up_since(self, at: float, host: str) -> bool:
        """Whether it has answered something since `at` (time.monotonic). If not it is asked, by a request that a cache
        can answer by itself (only-if-cached: RFC 9111, 5.2.1.7), at `host`."""
        if self._answered_at < at:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask(host), name="upstream contact")
            await asyncio.shield(self._asking)
        return self._answered_at >= at

    async def _ask(self, host: str) -> None:
        request = http.Request.make("GET", "http://upstream/")
        # A path of its own each time: nothing else waits for that.
        request.data.path = f"{CONTACT_PATH}?{secrets.token_hex(8)}".encode()
        request.headers = http.Headers([(b"host", host.encode("latin-1")), (b"cache-control", b"only-if-cached")])
        ON_ANSWER.set(lambda status: self.answered())
        try:
            with suppress(RefetchFailed):
                await self._refetcher.fetch(request, CONTACT_SECONDS)
        except Exception:
            # A defect must cost no request that asks for this: what is not known to be up counts as down.
            metrics.gate_errors.labels("unjudged_requests").inc()
            logger.exception("the upstream could not be asked whether it is up")

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
