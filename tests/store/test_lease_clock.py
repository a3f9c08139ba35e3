"""The lease clock on a store whose clock steps."""

from tests.conftest import STORE_TIMEOUT_MS
from tests.support.stepping_store import SteppingStore

from edgeward.store.connection import Store
from edgeward.store.lease_clock import lease_clock

GO_ON = (
    lease_clock(100.0, 1.0)
    + """
local clock, now = lease_clock(KEYS[1])
set_lease_clock(KEYS[1], clock, now)
return string.format('%.6f', clock)
"""
)


async def test_steps_are_not_time_that_passes(stepping: SteppingStore) -> None:
    """It begins with the server's time and follows it. Set forwards, one usual gap has passed; set back, nothing."""
    store = await Store.connect(stepping.url, "clock", STORE_TIMEOUT_MS)

    async def clock() -> float:
        return float(await store.run(GO_ON, [store.key("clock")]))

    first = await clock()
    assert abs(first - await store._time()) < 50
    assert first <= await clock() < first + 50
    for seconds in (40 * 86400.0, -50 * 86400.0):
        before = await clock()
        await stepping.step_and_wait(store, seconds)
        assert before <= await clock() <= before + 50
    await store.close()
