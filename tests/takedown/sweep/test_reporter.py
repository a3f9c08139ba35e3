"""What a worker tells of what it serves."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from edgeward.config import SweepSettings
from edgeward.store.connection import Store
from edgeward.takedown.sweep.queue import Leave, SweepQueue
from edgeward.takedown.sweep.reporter import ServedReporter
from edgeward.types import Target

SHA256 = "ab" * 32


@pytest.fixture
async def reporter(store: Store) -> AsyncIterator[ServedReporter]:
    reporter = ServedReporter(SweepQueue(store), SweepSettings(within_seconds=60, share=0.5))
    await reporter.start()
    yield reporter
    await reporter.close()


async def test_a_target_is_reported_once_in_a_while(reporter: ServedReporter, store: Store) -> None:
    """However often it is served; every response counts for the share."""
    for _ in range(4):
        reporter.note(Target("http", "img.test", "/a"), SHA256)
    await reporter.close()
    queue = SweepQueue(store)
    (served,) = await queue.take(9)
    assert (served.target.path, served.image) == ("/a", SHA256[:32])
    leaves = [await queue.spend("img.test", 100, counted=True) for _ in range(3)]
    assert leaves == [Leave.GO, Leave.GO, Leave.SHARE]
    reporter.note(Target("http", "img.test", "/a"), SHA256)
    await reporter.close()
    assert await queue.take(9) == []


async def test_it_reports_by_itself(reporter: ServedReporter, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within about a second, without being asked."""
    reporter.note(Target("http", "img.test", "/b"), SHA256)
    async with asyncio.timeout(5):
        while not await SweepQueue(store).length():
            await asyncio.sleep(0.05)


async def test_what_the_store_did_not_take_waits(store: Store) -> None:
    """While the store is away nothing is lost, and the memory is bounded."""
    away = Store("redis://127.0.0.1:1", "x", 200)
    reporter = ServedReporter(SweepQueue(away), SweepSettings())
    await reporter.start()
    reporter.note(Target("http", "img.test", "/c"), SHA256)
    await asyncio.sleep(1.5)
    reporter._queue = SweepQueue(store)
    await reporter.close()
    assert [each.target.path for each in await SweepQueue(store).take(9)] == ["/c"]
    await away.close()
