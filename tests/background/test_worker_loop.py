"""The loop of a background worker: it pauses, wakes, backs off, and outlives whatever its step raises."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.logs import own_messages, own_records

from edgeward import metrics
from edgeward.background import worker_loop as module
from edgeward.background.worker_loop import WorkerLoop
from edgeward.errors import StoreUnavailable

LABEL = "test_worker_loop"
LONG = 3600.0


class Script:
    """A step that does what it is told, once for each call: raise the exception, or return the value. Then it waits."""

    def __init__(self, *outcomes: object) -> None:
        self.outcomes = list(outcomes)
        self.called_at: list[float] = []

    async def __call__(self) -> object:
        self.called_at.append(time.monotonic())
        if not self.outcomes:
            await asyncio.Event().wait()
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @property
    def calls(self) -> int:
        return len(self.called_at)

    @property
    def pauses(self) -> list[float]:
        return [after - before for before, after in zip(self.called_at, self.called_at[1:], strict=False)]


type StartLoop = Callable[..., Any]


@pytest.fixture
async def start_loop() -> AsyncIterator[StartLoop]:
    """Starts a loop with the given step and options, and closes it after the test."""
    async with AsyncExitStack() as stack:

        async def start(step: Script, **options: Any) -> WorkerLoop:
            loop = WorkerLoop("worker", step, **{"metric_label": LABEL, "retry_seconds": 0.001, **options})
            await loop.start()
            stack.push_async_callback(loop.close)
            return loop

        yield start


def defects() -> float:
    return metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": LABEL}) or 0.0


async def test_goes_on_at_once_after_a_true_result(start_loop: StartLoop) -> None:
    """A step that has more to do is called again without a pause."""
    step = Script(True, 3, True)
    await start_loop(step, pause_seconds=LONG)
    await eventually(lambda: step.calls == 4)


async def test_pauses_after_a_step_with_nothing_to_do(start_loop: StartLoop) -> None:
    """After a false result the next step waits for the pause."""
    step = Script(False, None)
    await start_loop(step, pause_seconds=0.05)
    await eventually(lambda: step.calls == 3)
    assert min(step.pauses) >= 0.05


async def test_a_loop_without_a_pause_goes_on(start_loop: StartLoop) -> None:
    """A step that waits by itself is called again whatever it returns."""
    step = Script(None, False, None)
    await start_loop(step)
    await eventually(lambda: step.calls == 4)


async def test_waking_ends_the_pause(start_loop: StartLoop) -> None:
    """Woken in its pause the loop begins the next step; that uses the waking up."""
    step = Script(False, False, False)
    loop = await start_loop(step, pause_seconds=LONG)
    for calls in (1, 2):
        await eventually(lambda calls=calls: step.calls == calls)
        for _ in range(5):
            await asyncio.sleep(0)  # into the pause, and nothing more
        assert step.calls == calls
        loop.wake()
    await eventually(lambda: step.calls == 3)


async def test_waking_during_a_step_is_not_lost(start_loop: StartLoop) -> None:
    """Work that comes while a step runs, perhaps too late for it, is looked for without a pause."""
    calls = 0

    async def step() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            loop.wake()

    loop = WorkerLoop("worker", step, metric_label=LABEL, retry_seconds=LONG, pause_seconds=LONG)
    await loop.start()
    await eventually(lambda: calls == 2)
    await loop.close()


async def test_an_outage_is_logged_once_and_not_counted(
    start_loop: StartLoop, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that is away is logged when it goes and when it is back, and is no defect."""
    before = defects()
    step = Script(StoreUnavailable("redis"), ConnectionError(), TimeoutError(), True)
    await start_loop(step)
    await eventually(lambda: step.calls == 5)
    assert own_messages(caplog) == [
        "worker: the store is unavailable, trying again: StoreUnavailable",
        "worker: the store is available again",
    ]
    assert defects() == before


async def test_a_defect_is_counted_and_logged(start_loop: StartLoop, caplog: pytest.LogCaptureFixture) -> None:
    """Each is counted under the label and logged as an error with its traceback; the loop goes on."""
    before = defects()
    step = Script(ValueError("one"), True, KeyError("two"))
    await start_loop(step, after_defect="nothing is lost")
    await eventually(lambda: step.calls == 4)
    assert defects() == before + 2
    assert [(record.levelno, record.getMessage()) for record in own_records(caplog)] == [
        (logging.ERROR, "worker: defect; nothing is lost")
    ] * 2
    assert [record.exc_info[0] for record in own_records(caplog) if record.exc_info] == [ValueError, KeyError]


@pytest.mark.parametrize("error", [ConnectionError(), ValueError()], ids=["outage", "defect"])
async def test_backs_off_while_steps_fail(start_loop: StartLoop, error: Exception) -> None:
    """The pause doubles from failure to failure, up to the longest."""
    step = Script(*[error] * 4)
    await start_loop(step, retry_seconds=(0.02, 0.08))
    await eventually(lambda: step.calls == 5)
    least = [0.02, 0.04, 0.08, 0.08]
    assert all(pause >= expected for pause, expected in zip(step.pauses, least, strict=True)), step.pauses


async def test_the_pause_is_short_again_after_a_success(start_loop: StartLoop) -> None:
    """A failure after a success costs the first pause only."""
    step = Script(*[ConnectionError(), True] * 20)
    await start_loop(step, retry_seconds=(0.001, LONG))
    await eventually(lambda: step.calls == 41)  # doubled each time, the last pause would take minutes


async def test_jitter_shortens_pauses_after_failures(start_loop: StartLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """With jitter a pause is multiplied by a random number between those of JITTER; without, it is not."""
    monkeypatch.setattr(module, "JITTER", (0.0, 1e-9))
    steps = [Script(ConnectionError()), Script(ConnectionError())]
    await start_loop(steps[0], retry_seconds=LONG)
    await start_loop(steps[1], retry_seconds=LONG, jitter=True)
    await eventually(lambda: steps[1].calls == 2)
    assert steps[0].calls == 1


async def test_a_step_that_made_progress_resets_the_back_off() -> None:
    """After `reset_retry` a failure costs the first pause again."""
    called_at: list[float] = []

    async def step() -> None:
        called_at.append(time.monotonic())
        loop.reset_retry()
        raise ConnectionError

    loop = WorkerLoop("worker", step, metric_label=LABEL, retry_seconds=(0.001, LONG))
    await loop.start()
    await eventually(lambda: len(called_at) >= 30)  # doubled, the thirtieth pause would last two days
    await loop.close()


async def test_tells_of_each_failure(start_loop: StartLoop) -> None:
    """The hook gets the exception of each failed step before the pause, of outages and defects alike."""
    failures: list[tuple[type, int]] = []
    step = Script(ConnectionError(), True, ValueError())
    await start_loop(step, on_failure=lambda error: failures.append((type(error), step.calls)), retry_seconds=0.05)
    await eventually(lambda: len(failures) == 2)
    # With the number of calls so far: the pause, and the call after it, are still to come.
    assert failures == [(ConnectionError, 1), (ValueError, 3)]


async def test_reports_what_failed_beside_its_steps(caplog: pytest.LogCaptureFixture) -> None:
    """A worker hands in failures of its own tasks: they are counted and logged like those of steps."""
    before = defects()
    loop = WorkerLoop("worker", Script(), metric_label=LABEL, retry_seconds=1.0)
    loop.report_failure(ValueError(), "one of them is tried again")
    loop.report_failure(ConnectionError())
    assert defects() == before + 1
    assert own_messages(caplog) == [
        "worker: defect; one of them is tried again",
        "worker: the store is unavailable, trying again: ConnectionError",
    ]


async def test_closing_ends_the_step(start_loop: StartLoop) -> None:
    """When `close` returns the step has ended, and no other begins; closing again, or before the start, is harmless."""
    ended = asyncio.Event()

    async def step() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    loop = WorkerLoop("worker", step, metric_label=LABEL, retry_seconds=0.001)
    await loop.close()
    assert not loop.running
    await loop.start()
    assert loop.running
    await asyncio.sleep(0)
    await loop.close()
    assert ended.is_set()
    assert not loop.running
    await loop.close()


async def test_can_be_started_again(start_loop: StartLoop) -> None:
    """A loop that was closed goes on when it is started again."""
    step = Script(True)
    loop = await start_loop(step)
    await eventually(lambda: step.calls == 2)
    await loop.close()
    await loop.start()
    await eventually(lambda: step.calls == 3)


async def test_a_step_that_something_else_cancels_is_a_defect(start_loop: StartLoop) -> None:
    """A step that awaits a task which is cancelled from elsewhere costs that step, not the loop."""
    before, calls = defects(), 0

    async def step() -> None:
        nonlocal calls
        calls += 1
        other = asyncio.create_task(asyncio.sleep(3600))
        if calls == 1:
            other.cancel()
        await other

    loop = WorkerLoop("worker", step, metric_label=LABEL, retry_seconds=0.001)
    await loop.start()
    await eventually(lambda: calls == 2)
    assert defects() == before + 1
    assert loop.running
    await loop.close()


async def test_a_loop_that_has_ended_does_not_run() -> None:
    """A loop whose task was cancelled from outside is not taken for one that runs."""
    loop = WorkerLoop("worker", Script(), metric_label=LABEL, retry_seconds=1.0)
    await loop.start()
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "worker")
    task.cancel()
    await asyncio.wait([task])
    assert not loop.running
    await loop.close()


async def test_is_not_started_twice(start_loop: StartLoop) -> None:
    """A second start would leave the first task running for ever: it is an error."""
    loop = await start_loop(Script())
    with pytest.raises(AssertionError):
        await loop.start()
