"""The store's time, learned from answers of a store that the test defines, and from a real one."""

import time

import pytest

from edgeward.store.connection import Store
from edgeward.store.shared_time import SharedTime, boot_seconds


class Machines:
    """The clocks of this machine and of the store. An answer takes `round_trip` seconds, and is given halfway."""

    def __init__(self) -> None:
        self.steady, self.wall, self.store, self.round_trip = 100.0, 1_000_000.0, 1_000_000.0, 0.0

    def pass_time(self, seconds: float) -> None:
        self.steady += seconds
        self.wall += seconds
        self.store += seconds

    async def ask(self) -> float:
        self.pass_time(self.round_trip / 2)
        answer = self.store
        self.pass_time(self.round_trip / 2)
        return answer

    def shared_time(self) -> SharedTime:
        return SharedTime(self.ask, lambda: self.wall, lambda: self.steady)


async def test_the_stores_time_counts() -> None:
    """Whatever this machine's clock shows, and however it is set afterwards."""
    machines = Machines()
    machines.wall += 32 * 86400
    clock = machines.shared_time()
    assert (clock.is_known, clock.now()) == (False, machines.wall)
    assert await clock.learn() == 0.0
    assert clock.is_known
    machines.pass_time(50)
    assert clock.now() == pytest.approx(machines.store)
    assert clock.skew == pytest.approx(32 * 86400)
    assert clock.of_local(machines.wall - 3) == pytest.approx(machines.store - 3)
    machines.wall = 5.0
    assert clock.now() == pytest.approx(machines.store)


@pytest.mark.parametrize("step", [40 * 86400.0, -40 * 86400.0, 300.0, -300.0, 0.5])
async def test_a_time_from_before_this_machines_clock_was_set(step: float) -> None:
    """It means what it meant then: also if the store was away meanwhile, and the clock is set several times."""
    machines = Machines()
    machines.wall -= 600
    clock = machines.shared_time()
    noted: list[tuple[float, float]] = []
    for _ in range(3):
        await clock.learn()
        machines.pass_time(20)
        noted.append((machines.wall, machines.store))
        machines.pass_time(0.5)
        machines.wall += step
        machines.pass_time(0.5)
        noted.append((machines.wall, machines.store))
        for at, store in noted:
            assert clock.of_local(at) == pytest.approx(store, abs=1.1), (at, machines.wall)


async def test_a_time_that_this_machines_clock_never_showed() -> None:
    """Nothing that is known says when that was. It is no time from long ago, which would be forgotten at once."""
    machines = Machines()
    clock = machines.shared_time()
    await clock.learn()
    machines.pass_time(10)
    assert clock.of_local(machines.wall + 86400) == pytest.approx(machines.store)


async def test_small_differences_are_not_corrected() -> None:
    """A time of this machine stays as it is if the clocks agree as far as that is known."""
    machines = Machines()
    clock = machines.shared_time()
    machines.wall += 0.4
    await clock.learn()
    assert clock.of_local(77.25) == 77.25


async def test_a_step_is_seen_once() -> None:
    """Forwards and backwards, by about as much; time that passes, and slow answers, are no steps."""
    machines = Machines()
    clock = machines.shared_time()
    await clock.learn()
    machines.pass_time(3600)
    machines.round_trip = 9.0
    assert await clock.learn() == 0.0
    machines.round_trip = 0.0
    for step in (600.0, -300.0):
        machines.store += step
        assert clock.now() == pytest.approx(machines.store - step)
        assert await clock.learn() == pytest.approx(step, abs=10)
        assert clock.now() == pytest.approx(machines.store)
        assert await clock.learn() == 0.0


async def test_drift_is_followed() -> None:
    """A clock that goes a little faster makes no step, however long."""
    machines = Machines()
    clock = machines.shared_time()
    for _ in range(10_000):
        machines.pass_time(1.0)
        machines.store += 0.0002
        assert await clock.learn() == 0.0
    assert clock.now() == pytest.approx(machines.store, abs=0.01)


async def test_a_quick_answer_tells_more_than_a_slow_one() -> None:
    """Of several answers the bounds that all of them agree on count."""
    machines = Machines()
    clock = machines.shared_time()
    await clock.learn()
    known = clock.now()
    machines.round_trip = 4.0
    before = machines.steady
    await clock.learn()
    assert clock.now() == pytest.approx(known + machines.steady - before, abs=0.01)


async def test_a_real_store_is_asked(store: Store) -> None:
    """A connection knows the time of its server from the start."""
    assert store.clock.is_known
    seconds, microseconds = await store.redis.time()
    assert abs(store.clock.now() - seconds - microseconds / 1e6) < 30
    assert await store.clock.learn() == 0.0


def test_the_steady_clock_goes() -> None:
    """It goes on."""
    first = boot_seconds()
    time.sleep(0.01)
    assert boot_seconds() > first
