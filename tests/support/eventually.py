"""The two functions with which tests wait: `eventually` in a coroutine, `until` in a thread.

A test waits for a condition, never for a time to pass. The limit is generous, since a machine may stand still for a
while; it only keeps a failing test from waiting for ever. `make disturb` makes every look late (tests/disturb).

The longer the wait, the longer the pauses: a look costs time of the processor, which what is waited for needs.
"""

import asyncio
import time
from collections.abc import Callable
from inspect import isawaitable

PATIENCE_SECONDS = 60.0
ASYNC_PAUSE_SECONDS = 0.005
PAUSE_SECONDS = 0.01
MAX_PAUSE_SECONDS = 0.1
PAUSE_SHARE = 0.05
"""The pause as a share of the time that was waited so far."""


async def eventually(holds: Callable[[], object], what: str = "it", seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until `holds()`, or what it returns to await, is true. Fails the test after `seconds`, naming `what`."""
    began = time.perf_counter()
    while True:
        found = holds()
        if await found if isawaitable(found) else found:
            return
        waited = time.perf_counter() - began
        assert waited < seconds, f"{what} did not happen within {seconds} s"
        await asyncio.sleep(_pause(ASYNC_PAUSE_SECONDS, waited))


def until(
    holds: Callable[[], object],
    what: str = "it",
    seconds: float = PATIENCE_SECONDS,
    *,
    pause: float | None = None,
) -> float:
    """Wait until `holds()` is true and return how many seconds that took. Fails the test after `seconds`.

    `pause`: seconds between any two looks: more where a look costs something, less where the time is measured.
    Without it, pauses grow with the wait.
    """
    began = time.perf_counter()
    while not holds():
        waited = time.perf_counter() - began
        assert waited < seconds, f"{what} did not happen within {seconds} s"
        time.sleep(_pause(PAUSE_SECONDS, waited) if pause is None else pause)
    return time.perf_counter() - began


def _pause(least: float, waited: float) -> float:
    return max(least, min(MAX_PAUSE_SECONDS, PAUSE_SHARE * waited))
