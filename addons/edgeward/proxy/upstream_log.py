"""Logs an upstream that can't be reached: when that begins, once a minute while it lasts, and when it ends."""

import logging
import time

logger = logging.getLogger(__name__)

REPEAT_SECONDS = 60.0


class UpstreamLog:
    """The state of one worker's upstream."""

    def __init__(self) -> None:
        self._failures = 0
        self._next_line = 0.0

    def failed(self, why: str) -> None:
        """A request got no connection to the upstream. `why` holds no URL and no address of a client."""
        self._failures += 1
        if time.monotonic() < self._next_line:
            return
        self._next_line = time.monotonic() + REPEAT_SECONDS
        logger.error(
            "proxy.upstream can't be reached (%s): clients get 502; failed requests so far: %d", why, self._failures
        )

    def answered(self) -> None:
        """The upstream has answered a request."""
        if self._failures:
            logger.warning("proxy.upstream answers again, after %d failed requests", self._failures)
            self._failures, self._next_line = 0, 0.0
