"""What waits to be written."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.takedown.conftest import until

from edgeward import metrics
from edgeward.takedown import outbox as module
from edgeward.takedown.outbox import BATCH, Outbox


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is still to be written at the end gets all the time that it takes here."""
    monkeypatch.setattr(module, "FLUSH_SECONDS", 60.0)


async def test_writes_everything_in_order() -> None:
    """All items are written, in order, in batches, and nothing twice."""
    written: list[int] = []

    async def write(batch: Sequence[int]) -> None:
        assert len(batch) <= BATCH
        written.extend(batch)

    box = Outbox("numbers", write, 1000)
    await box.start()
    for number in range(BATCH * 3 + 1):
        assert box.put(number)
    await box.close()
    assert written == list(range(BATCH * 3 + 1))


async def test_a_defect_costs_one_batch() -> None:
    """What can't be written for another reason than the store's absence is dropped and counted; the rest goes on."""
    written: list[int] = []

    async def write(batch: Sequence[int]) -> None:
        if 0 in batch:
            raise ValueError("no")
        written.extend(batch)

    errors = metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "outbox"}) or 0
    box = Outbox("numbers", write, 1000)
    for number in range(BATCH + 1):
        box.put(number)
    await box.start()
    await box.close()
    assert written == [BATCH]
    assert metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "outbox"}) == errors + 1


async def test_waits_for_the_store() -> None:
    """While the store is away items wait, and beyond its size an outbox refuses more; then all are written."""
    written: list[int] = []
    tries: list[int] = []
    back = asyncio.Event()

    async def write(batch: Sequence[int]) -> None:
        tries.append(len(batch))
        if not back.is_set():
            raise ConnectionError
        written.extend(batch)

    box = Outbox("numbers", write, 3)
    await box.start()
    assert [box.put(number) for number in range(4)] == [True, True, True, False]
    await until(lambda: len(tries) > 1)
    assert (written, set(tries)) == ([], {3})
    back.set()
    await box.close()
    assert written == [0, 1, 2]


async def test_a_mark_is_reached_when_what_was_put_before_it_is_written() -> None:
    """What is put after the mark does not count."""
    away = asyncio.Event()

    async def write(batch: Sequence[int]) -> None:
        if not away.is_set():
            raise ConnectionError

    box = Outbox("numbers", write, 1000)
    await box.start()
    assert box.reached(box.mark)
    box.put(0)
    mark = box.mark
    assert not box.reached(mark)
    away.set()
    await box.flush()
    assert box.reached(mark)
    box.put(1)
    assert box.reached(mark)
    await box.close()
