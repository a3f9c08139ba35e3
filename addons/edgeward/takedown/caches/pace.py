"""How often an API may be called: a token bucket that is waited for, though not for long."""

import asyncio

from aiolimiter import AsyncLimiter

from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches.base import Rate


class Pace:
    """A bucket of `rate.burst` tokens that fills with `rate.per_second`.

    Args:
        patience: how long to wait for tokens, in seconds. Beyond that the orders are better off in the queue, where
            they hold up nobody.
    """

    def __init__(self, rate: Rate, patience: float) -> None:
        self._rate, self._patience = rate, patience
        self._limiter = AsyncLimiter(rate.burst, rate.burst / rate.per_second)

    async def take(self, tokens: float = 1) -> None:
        """Wait for `tokens` and take them. Raises CacheUnavailable when they do not come in time."""
        tokens = min(tokens, self._rate.burst)
        try:
            async with asyncio.timeout(self._patience):
                await self._limiter.acquire(tokens)
        except TimeoutError:
            seconds = tokens / self._rate.per_second
            raise CacheUnavailable("as many calls as its rate limit allows were made", 0, seconds) from None
