"""Checks the clocks: whether this machine and the store agree, and whether old orders are removed."""

import time

from edgeward.doctor.finding import Finding, fail, ok, warn
from edgeward.purging.schedule_clock import NotTrimmed, ScheduleClock
from edgeward.store.connection import Store
from edgeward.store.shared_time import MAX_SKEW_SECONDS

AGREED_SECONDS = 1.0
_NTP = "run an NTP client on both"


async def check_clock(store: Store) -> Finding:
    """Whether they agree now."""
    before = time.time()
    seconds, microseconds = await store.redis.time()
    after = time.time()
    store_time = seconds + microseconds / 1e6
    # The store read its clock between `before` and `after`: only what lies outside is skew.
    skew = max(before - store_time, store_time - after, 0.0)
    detail = f"the clocks of this machine and the store differ by {skew:.1f} s"
    if skew > MAX_SKEW_SECONDS:
        return fail("clock", "skew", f"{detail}: nothing is removed for its age until they agree", _NTP)
    if skew > AGREED_SECONDS:
        return warn("clock", "skew", f"{detail}; all records have the time of the store", _NTP)
    return ok("clock", "skew", "the clocks of this machine and the store agree")


def check_step(clock: ScheduleClock) -> list[Finding]:
    """Whether the store's clock has stepped within the last day. There is no finding if not."""
    if clock.refusal is not NotTrimmed.STEP:
        return []
    detail = "the store's clock may have stepped within the last day: until that is over nothing is removed for its age"
    return [warn("clock", "step", detail, "compare the clock of the store's machine with a good one, and set it right")]
