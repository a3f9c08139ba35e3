"""The budget for bodies: what does not fit waits, and then is refused; who holds memory for long is ended."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.proxy.responses import ended
from tests.support.eventually import eventually

from edgeward import metrics
from edgeward.background.fair_queue import Source
from edgeward.proxy import body_memory as module
from edgeward.proxy.body_memory import BodyMemory, Reservation


class Transport:
    """A connection's end with something to write."""

    def __init__(self, left: int) -> None:
        self.left, self.aborted = left, False

    def get_write_buffer_size(self) -> int:
        return self.left

    def abort(self) -> None:
        self.aborted, self.left = True, 0


class ReadTransport(Transport):
    """One whose peer reads half of what is left between two looks."""

    def get_write_buffer_size(self) -> int:
        self.left //= 2
        return self.left


def transport(left: int) -> Any:
    return cast(asyncio.WriteTransport, Transport(left))


@pytest.fixture
async def memory() -> AsyncIterator[BodyMemory]:
    made = BodyMemory(100)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates are taken, and patience ends, after moments."""
    monkeypatch.setattr(module, "RATE_SECONDS", 0.05)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 1.0)


def refusals() -> float:
    return metrics.registry.get_sample_value("edgeward_body_memory_refusals_total") or 0


async def reserved(memory: BodyMemory, size: int, source: Source = Source()) -> Reservation:  # noqa: B008  frozen
    found = await memory.reserve(size, source)
    assert found is not None
    return found


async def test_what_does_not_fit_waits(memory: BodyMemory) -> None:
    """In the order of arrival, and until enough is released; a body larger than the budget passes alone."""
    first = await reserved(memory, 60)
    second = asyncio.create_task(reserved(memory, 60))
    third = asyncio.create_task(reserved(memory, 1000))
    await eventually(lambda: memory.waiting == 2)
    assert memory.used == 60
    first.release()
    (await second).release()
    assert (await third).size == memory.used == 1000


async def test_sources_take_turns(memory: BodyMemory) -> None:
    """The bodies of one host and client do not keep another's from memory."""
    order = list[str]()

    async def use(name: str) -> None:
        held = await reserved(memory, 100, Source(name, name))
        order.append(name)
        held.release()

    held = await reserved(memory, 100)
    tasks = [asyncio.create_task(use(name)) for name in ("many",) * 5 + ("other",)]
    await eventually(lambda: memory.waiting == 6)
    held.release()
    await asyncio.gather(*tasks)
    assert order.index("other") == 1


async def test_waiting_ends(memory: BodyMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a time, or where too many wait, there is no memory, which is counted."""
    held, before = await reserved(memory, 100), refusals()
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)
    assert await memory.reserve(1) is None
    assert (memory.waiting, memory.used) == (0, 100)
    monkeypatch.setattr(module, "WAIT_SECONDS", 60.0)
    monkeypatch.setattr(memory._waiting, "_size", 1)
    waits = asyncio.create_task(memory.reserve(1))
    await eventually(lambda: memory.waiting == 1)
    assert await memory.reserve(1) is None
    assert refusals() == before + 2
    held.release()
    assert await waits is not None


async def test_a_cancelled_wait_takes_nothing(memory: BodyMemory) -> None:
    """A client that has gone leaves the queue, and what it was given goes back."""
    held = await reserved(memory, 100)
    gone = asyncio.create_task(memory.reserve(50))
    await eventually(lambda: memory.waiting == 1)
    gone.cancel()
    held.release()
    await asyncio.gather(gone, return_exceptions=True)
    del gone
    await eventually(lambda: (memory.waiting, memory.used) == (0, 0))


async def test_what_nothing_refers_to_is_released(memory: BodyMemory) -> None:
    """A defect elsewhere must not use up the budget."""
    await reserved(memory, 40)
    assert memory.used == 0


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_BYTES", 0)


async def test_a_body_that_grows_waits_for_room(memory: BodyMemory, small_steps: None) -> None:
    """Beyond the budget its upstream is not read until there is room."""
    first, second, third = [await reserved(memory, 30) for _ in range(3)]
    second.grow(40)
    assert second.size == 40
    await second.wait_for_room()
    first.grow(41)
    await first.wait_for_room()  # it is the first: one is always completed
    second.grow(41)
    waits = asyncio.create_task(second.wait_for_room())
    await eventually(lambda: memory.waiting == 1)
    assert second.waits
    third.release()
    await waits
    assert not second.refused
    first.release()
    second.release()
    assert memory.used == 0


async def test_the_next_that_grows_takes_over(memory: BodyMemory, small_steps: None) -> None:
    """When the first is complete and sent. Until then it counts, and no second one exceeds the budget."""
    first, second, third = [await reserved(memory, 30) for _ in range(3)]
    waits = []
    for body in (first, second, third):
        body.grow(55)
        waits.append(asyncio.create_task(body.wait_for_room()))
    await eventually(lambda: memory.waiting == 3)
    third.release()  # 110 are used, and 55 by others
    await waits[0]
    assert not waits[1].done()
    first.grow(120)
    first.arrived(120)
    await asyncio.sleep(0)
    assert not waits[1].done()
    first.release()
    await asyncio.gather(*waits)
    assert not first.refused
    assert not second.refused


async def test_a_body_that_can_not_grow_is_given_up(
    memory: BodyMemory, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the longest wait; alone it may be larger than the budget."""
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)
    growing = await reserved(memory, 90)
    growing.grow(150)
    await growing.wait_for_room()
    assert not growing.refused
    before, other = refusals(), Reservation(memory, 50)
    await other.wait_for_room()
    assert other.refused
    assert refusals() == before + 1


async def test_memory_is_held_until_the_client_has_read(memory: BodyMemory) -> None:
    """All of it: what is left to write refers to the whole body."""
    body = await reserved(memory, 80)
    body.client = transport(5)
    body.sent()
    other = asyncio.create_task(reserved(memory, 80))
    await eventually(lambda: memory.waiting == 1)
    assert memory.used == 80
    body.client.left = 0
    await other
    assert body.size == 0


async def test_the_slowest_client_is_ended_while_others_wait(memory: BodyMemory, quick: None) -> None:
    """One that does not read; not one that does."""
    before = ended("slow_client")
    stalled, reading = await reserved(memory, 50), await reserved(memory, 50)
    stalled.client, reading.client = transport(10**6), cast(asyncio.WriteTransport, ReadTransport(10**60))
    for body in (stalled, reading):
        body.sent()
    await eventually(lambda: memory._clients[stalled].seconds_left > 1)
    assert not stalled.client.aborted
    waiting = await reserved(memory, 50)
    assert (stalled.client.aborted, reading.client.aborted) == (True, False)
    assert ended("slow_client") == before + 1
    for body in (waiting, reading):
        body.release()


async def test_a_client_that_reads_nothing_is_ended_in_the_end(quick: None) -> None:
    """Also where nothing waits: after idle_seconds."""
    memory = BodyMemory(100, idle_seconds=0.2)
    await memory.start()
    body = await reserved(memory, 50)
    body.client = transport(10)
    body.sent()
    await eventually(lambda: memory.used == 0)
    assert body.client.aborted
    await memory.close()


async def test_a_worker_that_stood_still_ends_nobody_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen, or on a machine that was: a client that read before is given the time to go on. One that never reads is
    ended as ever."""
    seconds = 0.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: seconds))
    memory = BodyMemory(100)  # not started: it looks when the test says
    stalled, reading = await reserved(memory, 50), await reserved(memory, 50)
    stalled.client, reading.client = transport(10**6), transport(10**6)
    for body in (stalled, reading):
        body.sent()

    async def look(times: int, after: float, read: int) -> None:
        nonlocal seconds
        for _ in range(times):
            seconds += after
            reading.client.left -= read
            await memory._look_after_connections()

    await look(30, module.TICK_SECONDS, 30_000)
    waits = asyncio.create_task(reserved(memory, 100))
    await asyncio.sleep(0)
    await look(1, 100.0, 0)
    assert (stalled.client.aborted, reading.client.aborted) == (True, False)
    await look(30, module.TICK_SECONDS, 3_000)
    assert not reading.client.aborted
    reading.release()
    assert await waits


async def test_the_slowest_upstream_is_ended_while_others_wait(
    memory: BodyMemory, quick: None, small_steps: None
) -> None:
    """One that holds memory and sends nothing; not one that waits for memory itself."""
    before = ended("slow_upstream")
    silent, ours, other = [await reserved(memory, size) for size in (50, 30, 20)]
    upstream, waits_for_us = transport(0), transport(0)
    silent.wait_for_upstream(upstream)
    ours.wait_for_upstream(waits_for_us)
    for body in (other, ours):
        body.grow(35)
    await other.wait_for_room()
    waiting = asyncio.create_task(ours.wait_for_room())
    await eventually(lambda: silent.refused)
    assert (upstream.aborted, waits_for_us.aborted) == (True, False)
    assert ended("slow_upstream") == before + 1
    silent.release()
    await waiting
    assert not ours.refused


async def test_an_upstream_that_waited_for_memory_is_not_slow(
    monkeypatch: pytest.MonkeyPatch, small_steps: None
) -> None:
    """It was not read meanwhile. When it has room, and then sends nothing, it is."""
    seconds = 0.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: seconds))
    memory = BodyMemory(100)  # not started: it looks when the test says

    async def look(times: int) -> None:
        nonlocal seconds
        for _ in range(times):
            seconds += module.TICK_SECONDS
            await memory._look_after_connections()

    held, first, ours = [await reserved(memory, 30) for _ in range(3)]
    upstream = transport(0)
    ours.wait_for_upstream(upstream)
    for body in (first, ours):
        body.grow(60)
    await first.wait_for_room()
    waiting = asyncio.create_task(ours.wait_for_room())
    await asyncio.sleep(0)
    assert ours.waits
    await look(50)
    first.release()
    await waiting
    another = asyncio.create_task(reserved(memory, 50))
    await asyncio.sleep(0)
    await look(1)
    assert not upstream.aborted
    await look(50)
    assert upstream.aborted
    ours.release()
    assert await another
    held.release()


@pytest.mark.parametrize("count", [1, 3])
async def test_bodies_that_wait_to_grow_are_released_together(
    memory: BodyMemory, small_steps: None, count: int
) -> None:
    """Their clients leave at the same time: each wait ends at once, and nothing is refused."""
    bodies = [await reserved(memory, 30) for _ in range(count)]
    for body in bodies:
        body.grow(60)
    held = Reservation(memory, 500)
    waits = [asyncio.create_task(body.wait_for_room()) for body in bodies]
    await eventually(lambda: memory.waiting == count)
    for body in bodies:
        body.release()
    await asyncio.wait_for(asyncio.gather(*waits), module.WAIT_SECONDS / 2)
    assert [body.refused for body in bodies] == [False] * count
    held.release()
    assert (memory.used, memory.waiting) == (0, 0)
