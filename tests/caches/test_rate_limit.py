"""Token buckets with a bounded wait."""

import asyncio
import time

import pytest

from edgeward.caches.base import Rate
from edgeward.caches.rate_limit import RateLimit
from edgeward.errors import CacheUnavailable


async def test_a_burst_and_then_the_rate() -> None:
    """The burst passes at once, the next calls as the bucket fills."""
    slow = RateLimit(Rate(per_second=0.001, burst=5), max_wait_seconds=0)
    for _ in range(5):
        await slow.take()
    limit = RateLimit(Rate(per_second=50, burst=5), max_wait_seconds=60)
    started = time.monotonic()
    for _ in range(10):
        await limit.take()
    assert time.monotonic() - started > 0.08


async def test_an_empty_bucket_says_when_to_try_again() -> None:
    """An empty bucket says when to try again instead of blocking the caller, and no token is lost."""
    limit = RateLimit(Rate(per_second=0.001, burst=2), max_wait_seconds=0.05)
    await limit.take(2)
    with pytest.raises(CacheUnavailable) as waited:
        await limit.take()
    assert waited.value.retry_after == pytest.approx(1000)
    quick = RateLimit(Rate(per_second=100, burst=1), max_wait_seconds=60)
    await asyncio.gather(*(quick.take() for _ in range(10)))


async def test_more_than_the_bucket_holds() -> None:
    """A call for more tokens than the bucket holds takes a full bucket."""
    await RateLimit(Rate(per_second=1, burst=3), max_wait_seconds=0.05).take(1000)
