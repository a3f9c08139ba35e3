"""The queue of served targets, on a real Redis."""

import time

import pytest

from edgeward.origin_check.queue import LastCheck, Permission, ServedTarget, SweepQueue
from edgeward.store.connection import Store
from edgeward.types import Target

IMAGE = "0f" * 16
GRANTED, OVER_SHARE, OVER_HOST_RATE = Permission.GRANTED, Permission.OVER_SHARE, Permission.OVER_HOST_RATE
RARELY = 0.001
"""Requests per second, so few that no new one is allowed during a test."""


def served(path: str, at: float | None = None, **vary: str) -> ServedTarget:
    return ServedTarget(Target("http", "img.test", path, tuple(vary.items())), IMAGE, time.time() if at is None else at)


@pytest.fixture
def queue(store: Store) -> SweepQueue:
    return SweepQueue(store)


async def test_the_latest_served_come_first(queue: SweepQueue) -> None:
    """In whatever order they are reported. A target that is served again moves up, and is queued once."""
    await queue.report([served("/b", 20), served("/a", 10), served("/c", 30)], 0)
    await queue.report([served("/a", 40)], 0)
    assert [each.target.path for each in await queue.take(2)] == ["/a", "/c"]
    assert [each.target.path for each in await queue.take(9)] == ["/b"]
    assert await queue.take(9) == []


@pytest.mark.parametrize("path", ["/p?", "/%7E//x", "/\xe9", "/" + "a" * 8000])
async def test_targets_are_exact(queue: SweepQueue, path: str) -> None:
    """A target is read byte for byte: unusual bytes, long paths, varying headers."""
    one = served(path, 10, accept="image/webp,*/*")
    await queue.report([one], 0)
    assert await queue.take(1) == [one]


async def test_requests_are_a_share_of_what_is_served(queue: SweepQueue) -> None:
    """Responses allow exactly their share of requests; fractions add up."""
    assert await queue.request_permission("img.test", 1000, limit_share=True) is OVER_SHARE
    for _ in range(250):
        await queue.report([], 0.01)
    permissions = [await queue.request_permission("img.test", 1000, limit_share=True) for _ in range(4)]
    assert permissions == [GRANTED, GRANTED, OVER_SHARE, OVER_SHARE]


async def test_without_the_share_only_the_host_rate_limits(queue: SweepQueue) -> None:
    """Where hits are not seen, only the host's rate limits requests; those of one second may come together."""
    assert [await queue.request_permission("two.test", 2, limit_share=False) for _ in range(2)] == [
        GRANTED,
        GRANTED,
    ]
    permissions = [await queue.request_permission("img.test", RARELY, limit_share=False) for _ in range(3)]
    assert permissions == [GRANTED, OVER_HOST_RATE, OVER_HOST_RATE]


async def test_the_rate_of_a_host_comes_back(queue: SweepQueue, store: Store) -> None:
    """After the time for one request, one is allowed; a longer time allows no more than that."""
    bucket = store.key("{sweep}", "host", "img.test")
    assert await queue.request_permission("img.test", RARELY, limit_share=False) is GRANTED
    for ago, permission in ((0.9, OVER_HOST_RATE), (1.1, GRANTED), (5.0, GRANTED)):
        await store.redis.set(bucket, f"0.0 {time.time() - ago / RARELY:.6f}")
        assert await queue.request_permission("img.test", RARELY, limit_share=False) is permission
    assert await queue.request_permission("img.test", RARELY, limit_share=False) is OVER_HOST_RATE


async def test_each_host_has_its_own_rate(queue: SweepQueue) -> None:
    """A host over its rate delays no other, and a refused request takes nothing from the share."""
    await queue.report([], 3)
    permissions = [await queue.request_permission(host, RARELY, limit_share=True) for host in ("a", "a", "b", "c", "d")]
    assert permissions == [
        GRANTED,
        OVER_HOST_RATE,
        GRANTED,
        GRANTED,
        OVER_SHARE,
    ]


async def test_a_postponed_target_returns_when_it_is_due(queue: SweepQueue) -> None:
    """A postponed target is taken once it is due, and not before."""
    await queue.postpone(served("/later"), time.time() + 3600)
    await queue.postpone(served("/now"), time.time() - 2)
    assert [each.target.path for each in await queue.take(9)] == ["/now"]


async def test_checks_are_recorded_by_target(queue: SweepQueue) -> None:
    """A check is recorded for its target with its validators."""
    checked = LastCheck(123.5, '"tag"', "Mon, 01 Jan 2024 00:00:00 GMT")
    await queue.record_check(served("/a", 1), checked)
    assert await queue.last_check(served("/a", 2)) == checked
    assert await queue.last_check(served("/b")) is None


async def test_the_queue_is_limited(queue: SweepQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the latest served targets stay."""
    monkeypatch.setattr("edgeward.origin_check.queue.MAX_QUEUED", 3)
    await queue.report([served(f"/{number}", number) for number in range(10)], 0)
    assert [each.target.path for each in await queue.take(9)] == ["/9", "/8", "/7"]
    assert await queue.length() == 0
