"""Idle connections."""

import asyncio
import time

import pytest

from edgeward.proxy.idle_timeout import IdleTimeout

STEP_SECONDS = 40 * 86_400.0


class Watched:
    """A timeout that is watched for, and whether it came."""

    def __init__(self, seconds: int) -> None:
        self.came = asyncio.Event()
        self.timeout = IdleTimeout(seconds, self._note)
        self.task = asyncio.create_task(self.timeout.watch())

    async def _note(self) -> None:
        self.came.set()


async def test_steps_of_the_clock_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward, no connection in use is ended; back, an idle one ends in time."""
    right = time.time
    in_use = Watched(60)
    monkeypatch.setattr(time, "time", lambda: right() + STEP_SECONDS)
    idle = Watched(1)
    monkeypatch.setattr(time, "time", right)
    await asyncio.wait_for(idle.came.wait(), 60)
    monkeypatch.setattr(time, "time", lambda: right() + STEP_SECONDS)
    in_use.timeout.register_activity()
    late = Watched(60)
    await asyncio.sleep(0)
    assert not in_use.came.is_set()
    assert not late.came.is_set()
    for watched in (in_use, late):
        watched.task.cancel()
        await watched.task
