"""Token buckets with little patience."""

import asyncio
import time

import pytest

from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches.base import Rate
from edgeward.takedown.caches.pace import Pace


async def test_a_burst_and_then_the_rate() -> None:
    """The burst goes at once, the next ones as the bucket fills."""
    slow = Pace(Rate(per_second=0.001, burst=5), patience=0)
    for _ in range(5):
        await slow.take()
    pace = Pace(Rate(per_second=50, burst=5), patience=60)
    started = time.monotonic()
    for _ in range(10):
        await pace.take()
    assert time.monotonic() - started > 0.08


async def test_what_does_not_come_in_time_is_asked_for_later() -> None:
    """An empty bucket says when to come again instead of holding the caller up, and nothing is lost by it."""
    pace = Pace(Rate(per_second=0.001, burst=2), patience=0.05)
    await pace.take(2)
    with pytest.raises(CacheUnavailable) as waited:
        await pace.take()
    assert waited.value.retry_after == pytest.approx(1000)
    quick = Pace(Rate(per_second=100, burst=1), patience=60)
    await asyncio.gather(*(quick.take() for _ in range(10)))


async def test_more_than_the_bucket_holds() -> None:
    """A call for more tokens than there can be takes all that there can be."""
    await Pace(Rate(per_second=1, burst=3), patience=0.05).take(1000)
