"""What a worker tells of what it serves."""

from collections.abc import AsyncIterator

import pytest
from tests.takedown.conftest import until

from edgeward.config import SweepSettings
from edgeward.store.connection import Store
from edgeward.takedown.sweep import reporter as module
from edgeward.takedown.sweep.queue import Leave, SweepQueue
from edgeward.takedown.sweep.reporter import ServedReporter
from edgeward.types import Target

SHA256 = "ab" * 32


@pytest.fixture
async def reporter(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServedReporter]:
    monkeypatch.setattr(module, "REPORT_SECONDS", 0.05)
    reporter = ServedReporter(SweepQueue(store), SweepSettings(within_seconds=3600, share=0.5))
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


async def test_it_reports_by_itself(reporter: ServedReporter, store: Store) -> None:
    """Time and again, without being asked."""
    for path in ("/b", "/c"):
        reporter.note(Target("http", "img.test", path), SHA256)
        await until(SweepQueue(store).length)
        assert [each.target.path for each in await SweepQueue(store).take(9)] == [path]


async def test_what_the_store_did_not_take_waits(
    reporter: ServedReporter, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """While the store is away nothing is lost, and the memory is bounded."""
    away = Store("redis://127.0.0.1:1", "x", 200)
    reporter._queue = SweepQueue(away)
    reporter.note(Target("http", "img.test", "/c"), SHA256)
    await until(lambda: "sweep: the store is away" in caplog.text)
    reporter._queue = SweepQueue(store)
    await until(lambda: "sweep: the store is back" in caplog.text)
    assert [each.target.path for each in await SweepQueue(store).take(9)] == ["/c"]
    await away.close()
