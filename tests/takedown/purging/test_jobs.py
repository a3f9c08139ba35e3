"""Which purge is tried next, and when."""

import asyncio
import time
from itertools import pairwise

import pytest
from tests.takedown.purging.scripted import Clock

from edgeward.takedown.purging.jobs import MOST, Job, Jobs
from edgeward.types import Cause, Delivery, Outcome, PurgeOrder, Target


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the jobs: it stands still until the test moves it."""
    made = Clock()
    monkeypatch.setattr("edgeward.takedown.purging.jobs.time", made)
    return made


def job(name: str, member: str = "", previous: Outcome | None = None) -> Job:
    return Job(PurgeOrder(Target("http", "h", "/"), Cause.MANUAL, 0.0, id=name), member, previous)


def filled(*names: str, pause: float = 60) -> Jobs:
    jobs = Jobs(pause)
    for name in names:
        jobs.add(job(name))
    return jobs


def names(some: list[Job]) -> str:
    return "".join(each.order.id for each in some)


async def picked(jobs: Jobs, most: int = MOST) -> list[Job]:
    """The jobs of the next call; [] when none is to be tried now."""
    try:
        async with asyncio.timeout(0):
            return await jobs.next(most)
    except TimeoutError:
        return []


async def next_of(jobs: Jobs, clock: Clock, within: float = 60) -> list[Job]:
    """The jobs of the next call, when their time has come; [] when that is not soon."""
    end = clock.now + within
    while not (some := await picked(jobs)) and clock.now < end:
        clock.now += 0.01
    return some


async def test_each_is_in_hand_once() -> None:
    """A job is handed out once, in its turn, however often it is added, until it was dropped."""
    jobs = filled("a", "b", "a", "c")
    assert names(await picked(jobs, 2)) == "ab"
    jobs.add(job("a"))
    some = await picked(jobs)
    assert (names(some), len(jobs)) == ("c", 3)
    assert await picked(jobs) == []
    jobs.drop(some)
    jobs.add(job("c"))
    assert names(await picked(jobs)) == "c"


async def test_new_ones_wake_who_waits() -> None:
    """A job that comes while nothing is to do is handed out at once."""
    jobs = filled()
    waiting = asyncio.create_task(jobs.next(MOST))
    await asyncio.sleep(0)
    jobs.add(job("a"))
    assert names(await asyncio.wait_for(waiting, 60)) == "a"


async def test_new_purges_go_before_repeats() -> None:
    """Repeats wait for new purges, but not for ever."""
    jobs = Jobs(60)
    for number in range(8):
        jobs.add(job("r", f"r/{number}"))
        jobs.add(job(f"{number}"))
    assert jobs.repeats == 8
    assert [names(await picked(jobs, 2)) for _ in range(5)] == ["01", "23", "45", "rr", "67"]


async def test_pauses_grow(clock: Clock) -> None:
    """A job that fails again and again is tried ever more rarely, up to the longest pause."""
    jobs = filled("a", pause=0.3)
    tries = []
    while len(tries) < 6:
        (failed,) = await next_of(jobs, clock)
        tries.append(clock.now)
        jobs.failed([failed], alone=False)
    pauses = [later - sooner for sooner, later in pairwise(tries)]
    assert pauses[0] < 0.12 <= min(pauses[3:]) and max(pauses) < 0.32
    assert failed.attempts == 6


async def test_all_come_back_with_the_node(clock: Clock) -> None:
    """Jobs that failed with the node are tried at once when anything passes there."""
    jobs = filled("a", "b", "c")
    failed = await picked(jobs)
    failed[0].attempts = 20
    jobs.failed(failed, alone=False)
    assert await next_of(jobs, clock, 20) == []
    jobs.add(job("d"))
    (passing,) = await picked(jobs)
    jobs.drop([passing])
    jobs.passed()
    assert names(await picked(jobs)) == "ab"
    assert names(await picked(jobs)) == "c"


async def test_a_failure_that_crosses_the_node_on_its_way_back(clock: Clock) -> None:
    """Jobs whose call began at a node that was away, and fails after another passed, are tried again soon: once."""
    jobs = filled("a", "b")
    crossing = await picked(jobs)
    for each in crossing:
        each.attempts = 20
    jobs.passed()
    jobs.failed(crossing, alone=False)
    assert names(await next_of(jobs, clock, 0.12)) == "a"
    (again,) = await picked(jobs)
    again.attempts = 40
    jobs.passed()
    jobs.failed([again], alone=False)
    assert await next_of(jobs, clock, 20) == []


async def test_one_with_a_trouble_of_its_own_waits_alone(clock: Clock) -> None:
    """A job that fails while others pass is not tried each time that one passes."""
    jobs = filled("a")
    (poisoned,) = await picked(jobs)
    for number in range(3):
        jobs.failed([poisoned], alone=False)
        jobs.add(job(f"{number}"))
        passing = [each for each in await picked(jobs) if each is not poisoned]
        jobs.drop(passing)
        jobs.passed()
        if number == 0:
            assert await picked(jobs) == [poisoned]
            poisoned.attempts = 20
    assert poisoned.alone
    assert await next_of(jobs, clock, 20) == []


async def test_a_mixed_call_tells_them_apart(clock: Clock) -> None:
    """Those of a call that failed while others of it passed wait for themselves."""
    jobs = filled("a", "b")
    first, second = await picked(jobs)
    first.attempts = 20
    jobs.drop([second])
    jobs.passed()
    jobs.failed([first], alone=True)
    jobs.passed()
    assert await next_of(jobs, clock, 20) == []


@pytest.mark.parametrize("place", [0, 1, 57, 99])
async def test_one_that_spoils_every_call_is_found(clock: Clock, place: int) -> None:
    """Where one job makes its whole call fail, the others get through in a few calls, and it waits by itself."""
    jobs = filled(*(f"{number}" for number in range(100)), pause=0.2)
    calls = 0
    while len(jobs) > 1:
        some = await next_of(jobs, clock)
        calls += 1
        if any(each.order.id == f"{place}" for each in some):
            jobs.failed(some, alone=False)
        else:
            jobs.drop(some)
            jobs.passed()
    assert calls < 60
    (last,) = await next_of(jobs, clock)
    assert last.order.id == f"{place}"


async def test_a_dead_node_is_asked_for_many_together(clock: Clock) -> None:
    """However long a node is away, its jobs stay together in few calls."""
    jobs = filled(*(f"{number}" for number in range(200)), pause=0.1)
    calls = []
    while len(calls) < 30:
        some = await next_of(jobs, clock)
        calls.append(len(some))
        jobs.failed(some, alone=False)
    assert sum(calls[-10:]) > 900


async def test_is_shut_for_as_long_as_it_was_asked() -> None:
    """Nothing is tried while the node wants to be left alone, whatever comes; then all that waits is."""
    jobs = filled("a", "b")
    first = await picked(jobs, 1)
    began = time.monotonic()
    jobs.failed(first, alone=False, retry_after=0.2)
    jobs.shut(0.2)
    jobs.shut(0.0)  # to a call that was under way
    jobs.add(job("c"))
    assert names(await asyncio.wait_for(jobs.next(MOST), 10)) == "bca"
    assert time.monotonic() - began >= 0.2


async def test_does_not_believe_in_eternity() -> None:
    """A node that asks to be left alone for a year is asked again within the hour."""
    jobs = filled("a")
    (failed,) = await picked(jobs)
    jobs.failed([failed], alone=False, retry_after=1e9)
    jobs.shut(1e9)
    assert failed.due < time.monotonic() + 3601
    assert jobs._shut_until < time.monotonic() + 3601


def test_first_until_something_removed_it() -> None:
    """A repeat of a refused purge is the first one still; a repeat of a verified one is not."""
    at = Outcome("a", "edge", Delivery.REFUSED, 0.0)
    assert job("a").first and job("a", "a/1", at).first
    assert not job("a", "a/1", Outcome("a", "edge", Delivery.VERIFIED, 0.0)).first


def test_says_what_has_been_in_hand_for_long() -> None:
    """Only what has been in hand for so long is named."""
    jobs, old = filled("b"), job("a")
    old.since -= 60
    jobs.add(old)
    assert names(jobs.held(30)) == "a"
