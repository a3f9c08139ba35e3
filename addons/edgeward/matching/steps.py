"""Work in steps of a few milliseconds: done at a stretch, or with turns for others in between."""

import asyncio
import time
from collections.abc import Callable, Generator

BREATH_SECONDS = 0.005
"""How long steps may keep the event loop before others have their turns."""
TRIES = 3


def finished[Result](steps: Generator[None, None, Result]) -> Result:
    """The result, at a stretch."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


async def patient[Result](make: Callable[[], Generator[None, None, Result]], age: Callable[[], object]) -> Result:
    """The result of the steps that `make` begins, with turns for others in between.

    What the steps read may be changed by others then: when `age` differs they begin anew, the last time at a stretch.
    """
    for _ in range(TRIES):
        steps, began_at = make(), age()
        since = time.perf_counter()
        while age() == began_at:
            try:
                next(steps)
            except StopIteration as end:
                result: Result = end.value
                return result
            if time.perf_counter() - since > BREATH_SECONDS:
                await asyncio.sleep(0)
                since = time.perf_counter()
    return finished(make())
