"""The queue of what was served, on a real Redis."""

import time

import pytest

from edgeward.store.connection import Store
from edgeward.takedown.sweep.queue import Checked, Leave, Served, SweepQueue
from edgeward.types import Target

IMAGE = "0f" * 16
RARELY = 0.001
"""Requests per second: none of them comes while a test runs."""


def served(path: str, at: float | None = None, **vary: str) -> Served:
    return Served(Target("http", "img.test", path, tuple(vary.items())), IMAGE, time.time() if at is None else at)


@pytest.fixture
def queue(store: Store) -> SweepQueue:
    return SweepQueue(store)


async def test_the_latest_served_come_first(queue: SweepQueue) -> None:
    """Whatever the order of the reports; a target that is served again moves up, and is there once."""
    await queue.report([served("/b", 20), served("/a", 10), served("/c", 30)], 0)
    await queue.report([served("/a", 40)], 0)
    assert [each.target.path for each in await queue.take(2)] == ["/a", "/c"]
    assert [each.target.path for each in await queue.take(9)] == ["/b"]
    assert await queue.take(9) == []


@pytest.mark.parametrize("path", ["/p?", "/%7E//x", "/\xe9", "/" + "a" * 8000])
async def test_targets_come_back_byte_for_byte(queue: SweepQueue, path: str) -> None:
    """Odd bytes, long paths and the varying headers are as they were."""
    one = served(path, 10, accept="image/webp,*/*")
    await queue.report([one], 0)
    assert await queue.take(1) == [one]


async def test_requests_are_a_share_of_what_is_served(queue: SweepQueue) -> None:
    """So many responses allow so many requests, and not one more; parts of one add up."""
    assert await queue.spend("img.test", 1000, counted=True) is Leave.SHARE
    for _ in range(250):
        await queue.report([], 0.01)
    leaves = [await queue.spend("img.test", 1000, counted=True) for _ in range(4)]
    assert leaves == [Leave.GO, Leave.GO, Leave.SHARE, Leave.SHARE]


async def test_where_hits_are_not_seen_the_share_does_not_count(queue: SweepQueue) -> None:
    """Then the host's own rate alone bounds the requests: those of one second may come together."""
    assert [await queue.spend("two.test", 2, counted=False) for _ in range(2)] == [Leave.GO, Leave.GO]
    leaves = [await queue.spend("img.test", RARELY, counted=False) for _ in range(3)]
    assert leaves == [Leave.GO, Leave.HOST, Leave.HOST]


async def test_the_rate_of_a_host_comes_back(queue: SweepQueue, store: Store) -> None:
    """Who was refused may go when the time has passed, and not more often for having waited longer."""
    bucket = store.key("{sweep}", "host", "img.test")
    assert await queue.spend("img.test", RARELY, counted=False) is Leave.GO
    for ago, leave in ((0.9, Leave.HOST), (1.1, Leave.GO), (5.0, Leave.GO)):
        await store.redis.set(bucket, f"0.0 {time.time() - ago / RARELY:.6f}")
        assert await queue.spend("img.test", RARELY, counted=False) is leave
    assert await queue.spend("img.test", RARELY, counted=False) is Leave.HOST


async def test_each_host_has_its_own_rate(queue: SweepQueue) -> None:
    """One that was asked often enough does not hold up another, and what it was refused costs no share."""
    await queue.report([], 3)
    leaves = [await queue.spend(host, RARELY, counted=True) for host in ("a", "a", "b", "c", "d")]
    assert leaves == [Leave.GO, Leave.HOST, Leave.GO, Leave.GO, Leave.SHARE]


async def test_what_is_put_off_comes_back_when_it_is_due(queue: SweepQueue) -> None:
    """Not before."""
    await queue.put_off(served("/later"), time.time() + 3600)
    await queue.put_off(served("/now"), time.time() - 2)
    assert [each.target.path for each in await queue.take(9)] == ["/now"]


async def test_checks_are_remembered_by_target(queue: SweepQueue) -> None:
    """With the validators of that time."""
    checked = Checked(123.5, '"tag"', "Mon, 01 Jan 2024 00:00:00 GMT")
    await queue.note_checked(served("/a", 1), checked)
    assert await queue.checked(served("/a", 2)) == checked
    assert await queue.checked(served("/b")) is None


async def test_the_queue_is_bounded(queue: SweepQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest served stay."""
    monkeypatch.setattr("edgeward.takedown.sweep.queue.LENGTH", 3)
    await queue.report([served(f"/{number}", number) for number in range(10)], 0)
    assert [each.target.path for each in await queue.take(9)] == ["/9", "/8", "/7"]
    assert await queue.length() == 0
