"""The watch on the clocks, with a machine whose clock is wrong."""

import time

import pytest
from tests.purging.samples import metric_value
from tests.support.eventually import eventually

from edgeward.background.clock_watch import ClockWatch
from edgeward.store.connection import Store
from edgeward.store.shared_time import SharedTime


async def test_a_wrong_clock_is_said(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Once in the log, by how much; in the metric as long as it lasts."""
    ahead = [90.0]
    store.clock = SharedTime(store._time, lambda: time.time() + ahead[0])
    watch = ClockWatch(store)
    await watch.look()
    await watch.look()
    assert 80 < metric_value("edgeward_clock_skew_seconds") < 100
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "ahead of the store's" in caplog.text
    ahead[0] = 0.0
    await watch.look()
    assert metric_value("edgeward_clock_skew_seconds") < 60


async def test_it_goes_on_looking(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before `start` returns, and then again and again."""
    monkeypatch.setattr("edgeward.background.clock_watch.LOOK_SECONDS", 0.01)
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1

    watch = ClockWatch(store, look)
    await watch.start()
    try:
        assert looks
        await eventually(lambda: looks > 3)
    finally:
        await watch.close()
