"""The two functions with which tests wait: `eventually` in a coroutine, `until` in a thread.

A test waits for a condition, never for a time to pass. The limit is generous, since a machine may stand still for a
while; it only keeps a failing test from waiting for ever. `make disturb` makes every look late (tests/disturb).
"""

import asyncio
import time
from collections.abc import Callable
from inspect import isawaitable

PATIENCE_SECONDS = 60.0
ASYNC_PAUSE_SECONDS = 0.005
PAUSE_SECONDS = 0.01


async def eventually(holds: Callable[[], object], what: str = "it", seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until `holds()`, or what it returns to await, is true. Fails the test after `seconds`, naming `what`."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if await found if isawaitable(found) else found:
            return
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        await asyncio.sleep(ASYNC_PAUSE_SECONDS)


def until(
    holds: Callable[[], object], what: str = "it", seconds: float = PATIENCE_SECONDS, *, pause: float = PAUSE_SECONDS
) -> float:
    """Wait until `holds()` is true and return how many seconds that took. Fails the test after `seconds`.

    `pause`: seconds between two looks; more where a look costs something, less where the time is measured.
    """
    began = time.perf_counter()
    while not holds():
        assert time.perf_counter() < began + seconds, f"{what} did not happen within {seconds} s"
        time.sleep(pause)
    return time.perf_counter() - began
