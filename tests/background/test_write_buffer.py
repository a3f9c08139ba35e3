"""Items that wait to be written."""

import asyncio
import itertools
import time
from collections.abc import Sequence

import pytest
from tests.support.eventually import eventually
from tests.support.logs import own_messages

from edgeward import metrics
from edgeward.background import write_buffer as module
from edgeward.background.write_buffer import BATCH_SIZE, WriteBuffer


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing takes as long as it needs."""
    monkeypatch.setattr(module, "CLOSE_SECONDS", 60.0)


async def test_writes_everything_in_order() -> None:
    """All items are written once, in order, in batches."""
    written: list[int] = []

    async def write(batch: Sequence[int]) -> None:
        assert len(batch) <= BATCH_SIZE
        written.extend(batch)

    buffer = WriteBuffer("numbers", write, 1000)
    await buffer.start()
    for number in range(BATCH_SIZE * 3 + 1):
        assert buffer.put(number)
    await buffer.close()
    assert written == list(range(BATCH_SIZE * 3 + 1))


async def test_a_defect_costs_one_batch() -> None:
    """A batch that can't be written although the store is there is dropped and counted; the next ones are written."""
    written: list[int] = []

    async def write(batch: Sequence[int]) -> None:
        if 0 in batch:
            raise ValueError("no")
        written.extend(batch)

    errors = metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "write_buffer"}) or 0
    buffer = WriteBuffer("numbers", write, 1000)
    for number in range(BATCH_SIZE + 1):
        buffer.put(number)
    await buffer.start()
    await buffer.close()
    assert written == [BATCH_SIZE]
    assert metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "write_buffer"}) == errors + 1


async def test_losses_are_reported() -> None:
    """What a full buffer refuses, and what a defect costs, goes to `on_loss`, once."""
    lost: list[int] = []

    async def write(batch: Sequence[int]) -> None:
        if 0 in batch:
            raise ValueError("no")

    buffer = WriteBuffer("numbers", write, 2, lost.extend)
    assert [buffer.put(number) for number in range(4)] == [True, True, False, False]
    assert lost == [2, 3]
    await buffer.start()
    await buffer.flush()
    assert lost == [2, 3, 0, 1]
    buffer.put(5)
    await buffer.close()
    assert lost == [2, 3, 0, 1]


async def test_waits_for_the_store() -> None:
    """While the store is away items wait, and beyond its size a buffer refuses more; then all are written."""
    written: list[int] = []
    tries: list[int] = []
    back = asyncio.Event()

    async def write(batch: Sequence[int]) -> None:
        tries.append(len(batch))
        if not back.is_set():
            raise ConnectionError
        written.extend(batch)

    buffer = WriteBuffer("numbers", write, 3)
    await buffer.start()
    assert [buffer.put(number) for number in range(4)] == [True, True, True, False]
    await eventually(lambda: len(tries) > 1)
    assert (written, set(tries)) == ([], {3})
    back.set()
    await buffer.close()
    assert written == [0, 1, 2]


async def test_a_mark_is_reached_when_all_before_it_is_written() -> None:
    """Items put after the mark do not count."""
    away = asyncio.Event()

    async def write(batch: Sequence[int]) -> None:
        if not away.is_set():
            raise ConnectionError

    buffer = WriteBuffer("numbers", write, 1000)
    await buffer.start()
    assert buffer.reached(buffer.mark)
    buffer.put(0)
    mark = buffer.mark
    assert not buffer.reached(mark)
    away.set()
    await buffer.flush()
    assert buffer.reached(mark)
    buffer.put(1)
    assert buffer.reached(mark)
    await buffer.close()


async def test_a_write_that_has_begun() -> None:
    """An item has begun to be written as soon as its batch is handed over; one that came later has not."""
    begun, away = asyncio.Event(), asyncio.Event()

    async def write(batch: Sequence[int]) -> None:
        begun.set()
        await away.wait()

    buffer = WriteBuffer("numbers", write, 1000)
    await buffer.start()
    buffer.put(0)
    first = buffer.mark
    assert not buffer.has_begun(first)
    await begun.wait()
    buffer.put(1)
    assert (buffer.has_begun(first), buffer.has_begun(buffer.mark)) == (True, False)
    away.set()
    await buffer.flush()
    assert buffer.has_begun(buffer.mark)
    await buffer.close()


async def test_a_batch_stays_the_same_until_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items that come between two attempts wait for the next batch, and do not shorten the pause; order is kept."""
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.05, 0.05))
    batches: list[list[int]] = []
    failed_at: list[float] = []

    async def write(batch: Sequence[int]) -> None:
        batches.append(list(batch))
        if len(batches) < 4:
            failed_at.append(time.monotonic())
            for _ in range(3):
                buffer.put(10 * len(batches))
            raise ConnectionError

    buffer = WriteBuffer("numbers", write, 1000)
    buffer.put(1)
    buffer.put(2)
    await buffer.start()
    await buffer.close()
    assert batches == [[1, 2]] * 4 + [[10, 10, 10, 20, 20, 20, 30, 30, 30]]
    assert all(after - before >= 0.05 for before, after in itertools.pairwise(failed_at))


async def test_what_can_not_be_written_in_time_is_reported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the store stays away, closing ends after its time and logs how many items are lost."""
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.05)

    async def write(batch: Sequence[int]) -> None:
        raise ConnectionError

    buffer = WriteBuffer("numbers", write, 1000)
    await buffer.start()
    buffer.put(1)
    buffer.put(2)
    await buffer.close()
    assert "2 numbers lost: not written within 0.05 s" in caplog.text


async def test_a_defect_does_not_mean_that_the_store_is_back(caplog: pytest.LogCaptureFixture) -> None:
    """That the store is back is logged when a batch is written, not when one fails for another reason."""
    errors: list[Exception] = [ConnectionError(), ValueError()]
    logged_before: list[str] = []

    async def write(batch: Sequence[int]) -> None:
        if errors:
            raise errors.pop(0)
        logged_before.extend(own_messages(caplog))

    buffer = WriteBuffer("numbers", write, 1000)
    for number in range(BATCH_SIZE + 1):
        buffer.put(number)
    await buffer.start()
    await buffer.close()
    assert "numbers: the store is available again" not in logged_before
    assert own_messages(caplog)[-1] == "numbers: the store is available again"


async def test_bytes_are_bounded() -> None:
    """What does not fit is refused and reported, until what waits is written; one that is too large fits alone."""
    lost: list[str] = []
    written: list[str] = []

    async def write(batch: Sequence[str]) -> None:
        written.extend(batch)

    buffer = WriteBuffer("texts", write, 1000, lost.extend, max_bytes=10, bytes_of=len)
    assert [buffer.put(text) for text in ("a" * 20, "b", "c")] == [True, False, False]
    await buffer.start()
    await buffer.flush()
    assert [buffer.put(text) for text in ("d" * 6, "e" * 4, "f")] == [True, True, False]
    await buffer.close()
    assert (written, lost) == (["a" * 20, "d" * 6, "e" * 4], ["b", "c", "f"])
