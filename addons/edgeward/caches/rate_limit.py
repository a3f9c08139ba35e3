"""How often an API may be called: a token bucket with a bounded wait."""

import asyncio

from aiolimiter import AsyncLimiter

from edgeward.caches.base import Rate
from edgeward.errors import CacheUnavailable


class RateLimit:
    """A bucket of `rate.burst` tokens that fills with `rate.per_second`.

    Args:
        max_wait_seconds: the longest wait for tokens. An order that would wait longer returns to the queue, where it
            delays no other.
    """

    def __init__(self, rate: Rate, max_wait_seconds: float) -> None:
        self._rate, self._max_wait_seconds = rate, max_wait_seconds
        self._limiter = AsyncLimiter(rate.burst, rate.burst / rate.per_second)

    async def take(self, tokens: float = 1) -> None:
        """Wait for `tokens` and take them. Raises CacheUnavailable when they do not come in time."""
        # The bucket never holds more: a larger call would wait forever.
        tokens = min(tokens, self._rate.burst)
        try:
            async with asyncio.timeout(self._max_wait_seconds):
                await self._limiter.acquire(tokens)
        except TimeoutError:
            seconds = tokens / self._rate.per_second
            raise CacheUnavailable("the rate limit of this API is used up", 0, seconds) from None
