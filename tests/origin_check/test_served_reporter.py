"""What a worker reports of what it serves."""

from collections.abc import AsyncIterator

import pytest
from tests.support.eventually import eventually

from edgeward import metrics
from edgeward.background.ttl_set import TtlSet
from edgeward.origin_check import served_reporter as module
from edgeward.origin_check.queue import Permission, SweepQueue
from edgeward.origin_check.served_reporter import ServedReporter
from edgeward.settings.config import SweepSettings
from edgeward.store.connection import Store
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
    """However often a target is served, it is reported once in a while; every response counts for the share."""
    for _ in range(4):
        reporter.note(Target("http", "img.test", "/a"), SHA256)
    await reporter.close()
    queue = SweepQueue(store)
    (served,) = await queue.take(9)
    assert (served.target.path, served.image) == ("/a", SHA256[:32])
    permissions = [await queue.request_permission("img.test", 100, limit_share=True) for _ in range(3)]
    assert permissions == [Permission.GRANTED, Permission.GRANTED, Permission.OVER_SHARE]
    reporter.note(Target("http", "img.test", "/a"), SHA256)
    await reporter.close()
    assert await queue.take(9) == []


async def test_reports_periodically(reporter: ServedReporter, store: Store) -> None:
    """A started reporter reports again and again."""

    async def waits() -> bool:
        return (await SweepQueue(store).waiting())[0] > 0

    for path in ("/b", "/c"):
        reporter.note(Target("http", "img.test", path), SHA256)
        await eventually(waits)
        assert [each.target.path for each in await SweepQueue(store).take(9)] == [path]


async def test_reports_wait_for_the_store(
    reporter: ServedReporter, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """What was served while the store was away is reported when it is back."""
    away = Store("redis://127.0.0.1:1", "x", 200)
    reporter._queue = SweepQueue(away)
    reporter.note(Target("http", "img.test", "/c"), SHA256)
    await eventually(lambda: "sweep: the store is unavailable" in caplog.text)
    reporter._queue = SweepQueue(store)
    await eventually(lambda: "sweep: the store is available again" in caplog.text)
    assert [each.target.path for each in await SweepQueue(store).take(9)] == ["/c"]
    await away.close()


async def test_responses_are_counted_between_reports(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each report has the responses since the last one, so that what is served most can be checked most often."""
    queue = SweepQueue(store)
    reporter = ServedReporter(queue, SweepSettings(within_seconds=3600))
    target = Target("http", "img.test", "/a")
    for _ in range(3):
        reporter.note(target, SHA256)
    await reporter._report()
    for _ in range(5):
        reporter.note(target, SHA256)
    monkeypatch.setattr(reporter, "_reported", TtlSet(0.0, 10))
    reporter.note(target, SHA256)
    await reporter._report()
    assert [served.views for served in await queue.take(9)] == [9]


async def test_what_waits_for_a_report_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets beyond the bound are counted and reported when they are served again; so are counts of responses."""
    monkeypatch.setattr(module, "MAX_UNREPORTED", 3)
    reporter = ServedReporter(SweepQueue(store), SweepSettings(within_seconds=3600))

    def dropped() -> float:
        return metrics.registry.get_sample_value("edgeward_sweep_dropped_total") or 0.0

    before = dropped()
    for number in range(5):
        reporter.note(Target("http", "img.test", f"/{number}"), SHA256)
    assert dropped() == before + 2
    await reporter._report()
    for number in range(9):
        reporter._count_view((Target("http", "img.test", f"/{number}"), SHA256[:32]))
    assert len(reporter._views) == 3
    reporter.note(Target("http", "img.test", "/4"), SHA256)
    await reporter._report()
    assert {served.target.path for served in await SweepQueue(store).take(9)} == {"/0", "/1", "/2", "/4"}


async def test_the_bytes_of_what_waits_are_bounded(store: Store) -> None:
    """Long targets that find no room are counted, and reported when they are served again after a report."""
    reporter = ServedReporter(SweepQueue(store), SweepSettings(within_seconds=3600, share=0.5))
    before = metrics.registry.get_sample_value("edgeward_sweep_dropped_total") or 0.0
    long = [Target("http", "img.test", f"/{number}?" + "x" * 60_000) for number in range(1000)]
    for each in long:
        reporter.note(each, SHA256)
    fitting = module.MAX_UNREPORTED_BYTES // (module.TARGET_BYTES + long[500].length)
    assert abs(len(reporter._waiting) - fitting) <= 1
    dropped = (metrics.registry.get_sample_value("edgeward_sweep_dropped_total") or 0.0) - before
    assert dropped == 1000 - len(reporter._waiting)
    await reporter._report()
    assert (len(reporter._waiting), reporter._waiting_bytes) == (0, 0)
    reporter.note(long[-1], SHA256)
    assert len(reporter._waiting) == 1
    # Those that are counted for the next report are held by a digest.
    for each in long[:100]:
        reporter.note(each, SHA256)
    assert all(isinstance(key, bytes) and len(key) == 16 for key in reporter._views)
