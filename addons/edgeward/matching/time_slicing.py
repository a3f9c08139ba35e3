"""Work in steps of a few milliseconds: run to its end, or in slices between which the event loop runs others."""

import asyncio
import time
from collections.abc import Callable, Generator

type Steps[Result] = Generator[None, None, Result]
"""Yields after each step, and returns the result."""

SLICE_SECONDS = 0.005
"""How long the steps may hold the event loop before other tasks run."""
MAX_TRIES = 3
"""How often sliced work starts before it is run to its end instead."""


def run_to_end[Result](steps: Steps[Result]) -> Result:
    """The result of the steps, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


async def run_in_slices[Result](steps: Steps[Result]) -> Result:
    """The result of the steps; other tasks run between slices. Those must not disturb the steps."""
    since = time.perf_counter()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
        if time.perf_counter() - since > SLICE_SECONDS:
            await asyncio.sleep(0)
            since = time.perf_counter()


async def run_sliced[Result](
    start: Callable[[], Generator[None, None, Result]], version: Callable[[], object]
) -> Result:
    """The result of the steps that `start` begins; other tasks run between slices.

    Those may change what the steps read. If `version` differs, the steps start anew, MAX_TRIES times at most; then they
    are run to their end, so that constant changes can't delay a result for ever.
    """
    for _ in range(MAX_TRIES):
        steps, began_at = start(), version()
        since = time.perf_counter()
        while version() == began_at:
            try:
                next(steps)
            except StopIteration as end:
                result: Result = end.value
                return result
            if time.perf_counter() - since > SLICE_SECONDS:
                await asyncio.sleep(0)
                since = time.perf_counter()
    return run_to_end(start())
