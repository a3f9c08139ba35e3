"""Which purge is sent next, and when a failed one is retried."""

import asyncio
import time
from itertools import pairwise

import pytest
from tests.purging.scripted import Clock

from edgeward.purging.retry_queue import MAX_CALL_SIZE, Lane, QueuedPurge, RetryQueue
from edgeward.types import Cause, Delivery, Outcome, PurgeOrder, Target


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the queue: it stands still until the test moves it."""
    made = Clock()
    monkeypatch.setattr("edgeward.purging.retry_queue.time", made)
    return made


def purge(name: str, repeat_id: str = "", previous: Outcome | None = None, cause: Cause = Cause.MANUAL) -> QueuedPurge:
    return QueuedPurge(PurgeOrder(Target("http", "h", "/"), cause, 0.0, id=name), repeat_id, previous)


def queue_of(*names: str, longest_pause: float = 60) -> RetryQueue:
    queue = RetryQueue(longest_pause)
    for name in names:
        queue.add(purge(name))
    return queue


def names(purges: list[QueuedPurge]) -> str:
    return "".join(each.order.id for each in purges)


async def picked(queue: RetryQueue, limit: int = MAX_CALL_SIZE, lane: Lane = Lane.ORDINARY) -> list[QueuedPurge]:
    """The purges of the next call; [] if none is ready now."""
    try:
        async with asyncio.timeout(0):
            return await queue.next(limit, lane)
    except TimeoutError:
        return []


async def picked_within(queue: RetryQueue, clock: Clock, seconds: float = 60) -> list[QueuedPurge]:
    """The purges of the next call, for which the clock is moved by up to `seconds`; [] if none is ready by then."""
    end = clock.now + seconds
    while not (purges := await picked(queue)) and clock.now < end:
        clock.now += 0.01
    return purges


async def test_each_is_held_once() -> None:
    """A purge is handed out once, in its turn, however often it is added, until it is removed."""
    queue = queue_of("a", "b", "a", "c")
    assert names(await picked(queue, 2)) == "ab"
    queue.add(purge("a"))
    last = await picked(queue)
    assert (names(last), len(queue)) == ("c", 3)
    assert await picked(queue) == []
    queue.remove(last)
    queue.add(purge("c"))
    assert names(await picked(queue)) == "c"


async def test_a_new_purge_wakes_a_waiting_caller() -> None:
    """A purge that is added while none is ready is handed out at once."""
    queue = queue_of()
    waiting = asyncio.create_task(queue.next(MAX_CALL_SIZE))
    await asyncio.sleep(0)
    queue.add(purge("a"))
    assert names(await asyncio.wait_for(waiting, 60)) == "a"


async def test_new_purges_go_before_repeats() -> None:
    """Repeats wait for new purges, except in every fourth call."""
    queue = RetryQueue(60)
    for number in range(8):
        queue.add(purge("r", f"r/{number}"))
        queue.add(purge(f"{number}"))
    assert queue.counts(repeats_only=True)[Lane.ORDINARY] == 8
    assert [names(await picked(queue, 2)) for _ in range(5)] == ["01", "23", "45", "rr", "67"]


async def test_pauses_grow(clock: Clock) -> None:
    """A purge that fails again and again is retried after ever longer pauses, up to the longest."""
    queue = queue_of("a", longest_pause=0.3)
    tries = []
    while len(tries) < 6:
        (failed,) = await picked_within(queue, clock)
        tries.append(clock.now)
        queue.note_failure([failed], others_succeeded=False)
    pauses = [later - sooner for sooner, later in pairwise(tries)]
    assert pauses[0] < 0.12 <= min(pauses[3:]) and max(pauses) < 0.32
    assert failed.attempts == 6


async def test_all_are_retried_when_the_node_is_up(clock: Clock) -> None:
    """Purges that failed because the node was down are ready again at once when it completes anything."""
    queue = queue_of("a", "b", "c")
    failed = await picked(queue)
    failed[0].attempts = 20
    queue.note_failure(failed, others_succeeded=False)
    assert await picked_within(queue, clock, 20) == []
    queue.add(purge("d"))
    (succeeding,) = await picked(queue)
    queue.remove([succeeding])
    queue.note_success()
    assert names(await picked(queue)) == "ab"
    assert names(await picked(queue)) == "c"


async def test_a_failure_that_is_reported_after_the_node_came_back(clock: Clock) -> None:
    """Purges that were sent while the node was down, and fail after another succeeded, are retried soon: once."""
    queue = queue_of("a", "b")
    sent_in_outage = await picked(queue)
    for each in sent_in_outage:
        each.attempts = 20
    queue.note_success()
    queue.note_failure(sent_in_outage, others_succeeded=False)
    assert names(await picked_within(queue, clock, 0.12)) == "a"
    (again,) = await picked(queue)
    again.attempts = 40
    queue.note_success()
    queue.note_failure([again], others_succeeded=False)
    assert await picked_within(queue, clock, 20) == []


async def test_a_purge_that_fails_by_itself_waits_by_itself(clock: Clock) -> None:
    """A purge that fails while others succeed is not retried at each success of another."""
    queue = queue_of("a")
    (poisoned,) = await picked(queue)
    for number in range(3):
        queue.note_failure([poisoned], others_succeeded=False)
        queue.add(purge(f"{number}"))
        succeeding = [each for each in await picked(queue) if each is not poisoned]
        queue.remove(succeeding)
        queue.note_success()
        if number == 0:
            assert await picked(queue) == [poisoned]
            poisoned.attempts = 20
    assert poisoned.own_failure
    assert await picked_within(queue, clock, 20) == []


async def test_a_partly_failed_call(clock: Clock) -> None:
    """Purges that failed while others of the same call succeeded wait for their own pause."""
    queue = queue_of("a", "b")
    first, second = await picked(queue)
    first.attempts = 20
    queue.remove([second])
    queue.note_success()
    queue.note_failure([first], others_succeeded=True)
    queue.note_success()
    assert await picked_within(queue, clock, 20) == []


@pytest.mark.parametrize("position", [0, 1, 57, 99])
async def test_one_that_makes_every_call_fail_is_found(clock: Clock, position: int) -> None:
    """If one purge makes its whole call fail, the others succeed within a few calls, and it waits by itself."""
    queue = queue_of(*(f"{number}" for number in range(100)), longest_pause=0.2)
    calls = 0
    while len(queue) > 1:
        purges = await picked_within(queue, clock)
        calls += 1
        if any(each.order.id == f"{position}" for each in purges):
            queue.note_failure(purges, others_succeeded=False)
        else:
            queue.remove(purges)
            queue.note_success()
    assert calls < 60
    (last,) = await picked_within(queue, clock)
    assert last.order.id == f"{position}"


async def test_a_dead_node_gets_few_calls(clock: Clock) -> None:
    """However long a node is down, its purges stay together in few calls."""
    queue = queue_of(*(f"{number}" for number in range(200)), longest_pause=0.1)
    calls = []
    while len(calls) < 30:
        purges = await picked_within(queue, clock)
        calls.append(len(purges))
        queue.note_failure(purges, others_succeeded=False)
    assert sum(calls[-10:]) > 900


async def test_pauses_for_as_long_as_asked() -> None:
    """During a pause nothing is handed out, whatever is added; after it, all that waits is."""
    queue = queue_of("a", "b")
    first = await picked(queue, 1)
    began = time.monotonic()
    queue.note_failure(first, others_succeeded=False, retry_after=0.2)
    queue.pause(0.2)
    queue.pause(0.0)  # the answer to a call that overlapped
    queue.add(purge("c"))
    assert names(await asyncio.wait_for(queue.next(MAX_CALL_SIZE), 60)) == "bca"
    assert time.monotonic() - began >= 0.2


async def test_a_very_long_retry_after_is_cut() -> None:
    """A node that asks for a pause of a year is called again within the hour."""
    queue = queue_of("a")
    (failed,) = await picked(queue)
    queue.note_failure([failed], others_succeeded=False, retry_after=1e9)
    queue.pause(1e9)
    assert failed.due < time.monotonic() + 3601
    assert queue.paused_until < time.monotonic() + 3601


def test_first_until_something_removed_it() -> None:
    """A repeat of a refused purge still counts as the first one; a repeat of a verified one does not."""
    refused = Outcome("a", "edge", Delivery.REFUSED, 0.0)
    assert purge("a").first and purge("a", "a/1", refused).first
    assert not purge("a", "a/1", Outcome("a", "edge", Delivery.VERIFIED, 0.0)).first


def test_names_purges_that_are_held_for_long() -> None:
    """Only purges that were added longer ago than asked are named."""
    queue, old = queue_of("b"), purge("a")
    old.held_since -= 60
    queue.add(old)
    assert names(queue.held_longer_than(30)) == "a"


async def test_slow_purges_are_handed_out_apart(clock: Clock) -> None:
    """Purges of responses that broke off, and those that alone got no answer, never share a call with others. Those
    that waited before come apart from the new ones, a listed image first."""
    queue = queue_of("a")
    for name in "uvw":
        queue.add(purge(name, cause=Cause.UNJUDGED))
    (listed,) = await picked(queue)
    waited = await picked(queue, 2, Lane.SLOW)
    assert names(waited) == "uv"
    queue.note_success()
    for each in (*waited, listed):
        each.timed_out = True
    queue.note_failure(waited, others_succeeded=False)
    queue.note_failure([listed], others_succeeded=False)
    assert await picked(queue) == []
    clock.now += 60
    queue.add(purge("b"))
    queue.add(purge("x", cause=Cause.UNJUDGED))
    assert names(await picked(queue)) == "b"
    assert [names(await picked(queue, lane=Lane.SLOW)) for _ in range(2)] == ["wx", "auv"]


async def test_slow_purges_keep_large_calls(clock: Clock) -> None:
    """A call in which each waited for a fetch is sent again as it was, after a pause, whatever else succeeds."""
    queue = queue_of()
    for number in range(16):
        queue.add(purge(f"{number}", cause=Cause.UNJUDGED))
    for _ in range(4):
        purges = await picked(queue, 16, Lane.SLOW)
        assert len(purges) == 16
        for each in purges:
            each.timed_out = True
        queue.note_failure(purges, others_succeeded=False)
        queue.note_success()
        assert await picked(queue, 16, Lane.SLOW) == []
        clock.now += 60


def test_counts_slow_purges_apart() -> None:
    """How many are held is known of slow purges and of others, of all and of repeats."""
    queue = queue_of("a", "b")
    queue.add(purge("r", "r/1", cause=Cause.UNJUDGED))
    lanes = (Lane.SLOW, Lane.ORDINARY)
    assert [queue.counts(repeats_only=only)[lane] for lane in lanes for only in (False, True)] == [1, 1, 2, 0]


async def test_purges_of_matches_in_transit_are_apart() -> None:
    """Others do not wait for them, however many there are, and are counted apart."""
    queue = queue_of()
    for number in range(50):
        queue.add(purge(f"m{number}", cause=Cause.MATCH))
    queue.add(purge("a"))
    queue.add(purge("r", "r/1", cause=Cause.MATCH))
    assert names(await picked(queue)) == "a"
    assert await picked(queue) == []
    assert len(await picked(queue, lane=Lane.MATCHES)) == 51
    assert queue.counts()[Lane.MATCHES] == 51
    assert queue.counts(repeats_only=True)[Lane.MATCHES] == 1


async def test_a_purge_that_becomes_slow_is_counted_so() -> None:
    """Until it is removed, whatever it was when it was added."""
    queue = queue_of("a", "b")
    (first,) = await picked(queue, 1)
    queue.note_success()
    first.timed_out = True
    queue.note_failure([first], others_succeeded=True)
    assert (queue.counts()[Lane.SLOW], queue.counts()[Lane.ORDINARY]) == (1, 1)
    queue.remove([first])
    assert (queue.counts()[Lane.SLOW], queue.counts()[Lane.ORDINARY]) == (0, 1)


def test_the_bytes_of_what_is_held() -> None:
    """Long targets count with their length, until they are removed."""
    queue = queue_of()
    held = [QueuedPurge(PurgeOrder(Target("http", "h", "/" * 60_000), Cause.LISTING, 0.0, id=name)) for name in "ab"]
    for each in held:
        queue.add(each)
    assert 120_000 < queue.held_bytes < 130_000
    queue.remove(held[:1])
    assert 60_000 < queue.held_bytes < 65_000
    queue.remove(held)
    assert queue.held_bytes == 0
