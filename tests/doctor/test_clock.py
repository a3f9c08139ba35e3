"""The clocks, of a real store and of machines that are wrong."""

import time
from types import SimpleNamespace

import pytest

from edgeward.doctor import clock
from edgeward.doctor.clock import check_clock, check_step
from edgeward.doctor.finding import Health
from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.store.connection import Store


async def test_a_clock_that_differs_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """By some seconds it is a warning; from a minute on nothing is trimmed, and it is a failure."""
    assert (await check_clock(store)).health is Health.OK
    for seconds, health in ((-30.0, Health.WARN), (32 * 86400.0, Health.FAIL)):
        wrong = SimpleNamespace(time=lambda by=seconds: time.time() + by)
        monkeypatch.setattr(clock, "time", wrong)
        finding = await check_clock(store)
        assert finding.health is health
        assert ("nothing is removed for its age" in finding.detail) is (health is Health.FAIL)


async def test_a_step_of_the_store_is_named(store: Store) -> None:
    """For a day."""
    schedule = ScheduleClock(store)
    await schedule.look()
    assert check_step(schedule) == []
    key = store.key("{purges}", "clock")
    for age, count in ((10.0, 1), (90_000.0, 0)):
        await store.redis.hset(key, "stepped", f"{store.clock.now() - age:.3f}")
        await schedule.look()
        assert len(check_step(schedule)) == count
