"""Work in slices, between which other tasks run."""

import asyncio
import time
from collections.abc import Generator

from edgeward.matching import time_slicing as module
from edgeward.matching.time_slicing import SLICE_SECONDS, Steps, run_in_slices, run_sliced, run_to_end


class Count:
    """Ten steps of 3 ms each; the result is how often they were begun."""

    def __init__(self) -> None:
        self.begun = self.steps = 0

    def __call__(self) -> Generator[None, None, int]:
        self.begun += 1
        for _ in range(10):
            time.sleep(0.003)
            self.steps += 1
            yield
        return self.begun


def test_run_to_end() -> None:
    """All steps run without a pause, and their result is returned."""
    count = Count()
    assert (run_to_end(count()), count.steps) == (1, 10)


async def test_other_tasks_run() -> None:
    """Long work lets the event loop run other tasks every few milliseconds."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    watching = asyncio.create_task(other())
    assert await run_sliced(Count(), lambda: 0) == 1
    watching.cancel()
    assert turns >= 3


async def test_a_change_starts_the_work_anew() -> None:
    """A change starts the work anew; if changes never end, it is run to its end at last."""
    count, changes = Count(), 0

    async def change(times: int) -> None:
        nonlocal changes
        for _ in range(times):
            changes += 1
            await asyncio.sleep(0)

    changing = asyncio.create_task(change(1))
    assert await run_sliced(count, lambda: changes) == 2
    await changing
    count, changing = Count(), asyncio.create_task(change(1000))
    assert await run_sliced(count, lambda: changes) == module.MAX_TRIES + 1
    assert count.steps < 10 * (module.MAX_TRIES + 1)
    changing.cancel()


async def test_other_tasks_run_between_slices() -> None:
    """`run_in_slices` returns the result of steps that take long, and others run meanwhile."""
    others = 0

    async def other() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    def steps() -> Steps[str]:
        for _ in range(3):
            end = time.perf_counter() + 2 * SLICE_SECONDS
            while time.perf_counter() < end:
                pass
            yield
        return "done"

    task = asyncio.create_task(other())
    assert await run_in_slices(steps()) == "done"
    assert others >= 2
    task.cancel()
