"""Work in steps."""

import asyncio
import time
from collections.abc import Generator

from edgeward.matching import steps as module
from edgeward.matching.steps import finished, patient


class Count:
    """Counts to ten, 3 ms a step."""

    def __init__(self) -> None:
        self.begun = self.steps = 0

    def __call__(self) -> Generator[None, None, int]:
        self.begun += 1
        for _ in range(10):
            time.sleep(0.003)
            self.steps += 1
            yield
        return self.begun


def test_finished() -> None:
    """All steps at a stretch, and what they return."""
    count = Count()
    assert (finished(count()), count.steps) == (1, 10)


async def test_others_have_their_turns() -> None:
    """A long piece of work leaves the loop to others every few milliseconds."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    watching = asyncio.create_task(other())
    assert await patient(Count(), lambda: 0) == 1
    watching.cancel()
    assert turns >= 3


async def test_a_change_meanwhile_begins_anew() -> None:
    """What was read before a change is not relied on; where changes never end it is done at a stretch in the end."""
    count, changes = Count(), 0

    async def change(times: int) -> None:
        nonlocal changes
        for _ in range(times):
            changes += 1
            await asyncio.sleep(0)

    changing = asyncio.create_task(change(1))
    assert await patient(count, lambda: changes) == 2
    await changing
    count, changing = Count(), asyncio.create_task(change(1000))
    assert await patient(count, lambda: changes) == module.TRIES + 1
    assert count.steps < 10 * (module.TRIES + 1)
    changing.cancel()
