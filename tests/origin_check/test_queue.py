"""The queue of served targets, on a real Redis."""

import secrets
import time
from dataclasses import replace
from typing import Any, cast

import pytest

from edgeward import metrics
from edgeward.origin_check.queue import LEASE_SECONDS, LastCheck, Permission, ServedTarget, SweepQueue
from edgeward.store.connection import Store
from edgeward.types import Target

IMAGE = "0f" * 16
GRANTED, OVER_SHARE, OVER_HOST_RATE = Permission.GRANTED, Permission.OVER_SHARE, Permission.OVER_HOST_RATE
RARELY = 0.001
"""Requests per second, so few that no new one is allowed during a test."""


def served(path: str, at: float | None = None, **vary: str) -> ServedTarget:
    return ServedTarget(Target("http", "img.test", path, tuple(vary.items())), IMAGE, time.time() if at is None else at)


@pytest.fixture
def queue(store: Store) -> SweepQueue:
    return SweepQueue(store)


async def test_the_latest_served_come_first(queue: SweepQueue) -> None:
    """In whatever order they are reported. A target that is served again moves up, and is queued once."""
    await queue.report([served("/b", 20), served("/a", 10), served("/c", 30)], 0)
    await queue.report([served("/a", 40)], 0)
    assert [each.target.path for each in await queue.take(2)] == ["/a", "/c"]
    assert [each.target.path for each in await queue.take(9)] == ["/b"]
    assert await queue.take(9) == []


@pytest.mark.parametrize("path", ["/p?", "/%7E//x", "/\xe9", "/" + "a" * 8000])
async def test_targets_are_exact(queue: SweepQueue, path: str) -> None:
    """A target is read byte for byte: unusual bytes, long paths, varying headers."""
    one = served(path, 10, accept="image/webp,*/*")
    await queue.report([one], 0)
    assert await queue.take(1) == [one]


async def test_requests_are_a_share_of_what_is_served(queue: SweepQueue) -> None:
    """Responses allow exactly their share of requests; fractions add up."""
    assert await queue.request_permission("img.test", 1000, limit_share=True) is OVER_SHARE
    for _ in range(250):
        await queue.report([], 0.01)
    permissions = [await queue.request_permission("img.test", 1000, limit_share=True) for _ in range(4)]
    assert permissions == [GRANTED, GRANTED, OVER_SHARE, OVER_SHARE]


async def test_without_the_share_only_the_host_rate_limits(queue: SweepQueue) -> None:
    """Where hits are not seen, only the host's rate limits requests; those of one second may come together."""
    assert [await queue.request_permission("two.test", 2, limit_share=False) for _ in range(2)] == [
        GRANTED,
        GRANTED,
    ]
    permissions = [await queue.request_permission("img.test", RARELY, limit_share=False) for _ in range(3)]
    assert permissions == [GRANTED, OVER_HOST_RATE, OVER_HOST_RATE]


async def test_the_rate_of_a_host_comes_back(queue: SweepQueue, store: Store) -> None:
    """After the time for one request, one is allowed; a longer time allows no more than that."""
    bucket = store.key("{sweep}", "host", "img.test")
    assert await queue.request_permission("img.test", RARELY, limit_share=False) is GRANTED
    for ago, permission in ((0.9, OVER_HOST_RATE), (1.1, GRANTED), (5.0, GRANTED)):
        await store.redis.set(bucket, f"0.0 {time.time() - ago / RARELY:.6f}")
        assert await queue.request_permission("img.test", RARELY, limit_share=False) is permission
    assert await queue.request_permission("img.test", RARELY, limit_share=False) is OVER_HOST_RATE


async def test_each_host_has_its_own_rate(queue: SweepQueue) -> None:
    """A host over its rate delays no other, and a refused request takes nothing from the share."""
    await queue.report([], 3)
    permissions = [await queue.request_permission(host, RARELY, limit_share=True) for host in ("a", "a", "b", "c", "d")]
    assert permissions == [
        GRANTED,
        OVER_HOST_RATE,
        GRANTED,
        GRANTED,
        OVER_SHARE,
    ]


async def test_a_postponed_target_returns_when_it_is_due(queue: SweepQueue) -> None:
    """A postponed target is taken once it is due, and not before."""
    await queue.postpone(served("/later"), time.time() + 3600)
    await queue.postpone(served("/now"), time.time() - 2)
    assert [each.target.path for each in await queue.take(9)] == ["/now"]


async def test_checks_are_recorded_by_target(queue: SweepQueue) -> None:
    """A check is recorded for its target with its validators."""
    checked = LastCheck(123.5, '"tag"', "Mon, 01 Jan 2024 00:00:00 GMT")
    await queue.record_check(served("/a", 1), checked)
    assert await queue.last_check(served("/a", 2)) == checked
    assert await queue.last_check(served("/b")) is None


def long_target(at: float) -> ServedTarget:
    """Of 8000 bytes that do not shrink."""
    return served("/" + secrets.token_hex(4000), at)


def _dropped() -> float:
    return metrics.registry.get_sample_value("edgeward_sweep_dropped_total") or 0.0


async def _long_bytes(store: Store) -> tuple[int, int, int]:
    """Long targets on record, their bytes, and the bytes that are counted."""
    targets, counted = store.key("{sweep}", "targets"), store.key("{sweep}", "bytes")
    values = await cast(Any, store.redis).hvals(targets)
    return len(values), sum(map(len, values)), int(await store.redis.get(counted) or 0)


async def test_long_targets_are_followed(queue: SweepQueue, store: Store) -> None:
    """Through every step, byte for byte. Each is stored once, and no longer than it is followed."""
    one, other = long_target(1), replace(long_target(2), target=replace(long_target(2).target, host="b.test"))
    assert await queue.next_time(one) is None
    await queue.report([one, served("/b", 3), other], 1)
    await queue.report([one], 0)
    assert (await _long_bytes(store))[0] == 2
    taken = await queue.take(9)
    assert [each.target for each in taken] == [one.target, other.target, served("/b", 3).target]
    assert taken[0].views == 2
    await queue.put_back([taken[0]])
    assert await queue.next_time(one) == 0.0
    await queue.record_check(other, LastCheck(4.0, '"tag"'), next_at=time.time() - 1)
    assert await queue.last_check(other) == LastCheck(4.0, '"tag"')
    assert {each.target for each in await queue.take(9)} == {one.target, other.target}
    await queue.postpone(one, time.time() + 60)
    assert (await queue.next_time(one) or 0) > time.time()
    count, size, counted = await _long_bytes(store)
    assert (count, counted) == (2, size)
    for each in (one, other):
        await queue.forget(each)
    assert await _long_bytes(store) == (0, 0, 0)
    assert await queue.next_time(one) is None


async def test_long_targets_are_limited_in_bytes(
    queue: SweepQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever one client makes up, what many clients request stays followed; what is dropped is counted."""
    monkeypatch.setattr("edgeward.origin_check.queue.MAX_LONG_BYTES", 50_000)
    popular = replace(long_target(1000), views=200)
    await queue.report([popular, served("/short", 1000)], 0)
    before = _dropped()
    for number in range(10):
        await queue.report([long_target(1001 + number / 10) for _ in range(10)], 0)
    count, size, counted = await _long_bytes(store)
    assert size == counted <= 50_000
    assert _dropped() - before == 101 - count
    taken = await queue.take(99)
    assert {popular.target.path, "/short"} < {each.target.path for each in taken}
    assert len(taken) == count + 1
    # What was dropped during its check is stored again, or dropped again.
    for each in taken:
        await queue.postpone(each, time.time() - 1)
    assert (await _long_bytes(store))[0] == count


async def test_a_full_queue_drops_long_targets_too(
    queue: SweepQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is stored of them."""
    monkeypatch.setattr("edgeward.origin_check.queue.MAX_QUEUED", 3)
    await queue.report([long_target(number) for number in range(10)], 0)
    assert (await _long_bytes(store))[0] == 3
    for each in [*await queue.take(9), *(long_target(number) for number in range(10))]:
        await queue.postpone(each, time.time() + 60 + each.at)
    assert (await _long_bytes(store))[0] == 3


async def test_a_long_target_that_the_store_evicted(queue: SweepQueue, store: Store) -> None:
    """It is followed again when it is served again, and hinders no other."""
    one = long_target(2)
    await queue.report([one, served("/b", 1)], 0)
    await store.redis.delete(store.key("{sweep}", "targets"))
    assert [each.target.path for each in await queue.take(9)] == ["/b"]
    await queue.report([one], 0)
    assert [each.target for each in await queue.take(9)] == [one.target]


async def test_the_queue_is_limited(queue: SweepQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the latest served targets stay."""
    monkeypatch.setattr("edgeward.origin_check.queue.MAX_QUEUED", 3)
    await queue.report([served(f"/{number}", number) for number in range(10)], 0)
    assert [each.target.path for each in await queue.take(9)] == ["/9", "/8", "/7"]
    assert (await queue.waiting())[0] == 0


async def test_what_many_request_goes_first(queue: SweepQueue) -> None:
    """A flood of URLs that are requested once delays no image that many clients request."""
    await queue.report([replace(served("/popular", 1000), views=200)], 0)
    await queue.report([served(f"/flood?{number}", 1030) for number in range(500)], 0)
    assert (await queue.take(1))[0].target.path == "/popular"


async def test_what_is_served_no_longer_comes_last(queue: SweepQueue, store: Store) -> None:
    """Targets that are due and were not served since their last check come after all others, oldest first."""
    for number in (2, 1, 3):
        await queue.report([served(f"/idle{number}", 5)], 0)
        await queue.record_check((await queue.take(1))[0], LastCheck(number))
    await queue.report([served("/new", 1)], 0)
    assert [each.target.path for each in await queue.take(9)] == ["/new", "/idle1", "/idle2", "/idle3"]


async def test_where_hits_are_not_seen_the_longest_waiting_come_first(store: Store) -> None:
    """New targets do not delay the others for ever."""
    queue = SweepQueue(store, sees_hits=False)
    await queue.record_check(served("/due", 10), LastCheck(20))
    await queue.report([served(f"/new{number}", 30 + number) for number in range(3)], 0)
    assert [each.target.path for each in await queue.take(9)] == ["/due", "/new0", "/new1", "/new2"]


async def test_a_report_keeps_the_next_time(queue: SweepQueue) -> None:
    """Responses of a target whose next check is fixed are counted; the check comes when it was to come."""
    await queue.report([served("/a")], 0)
    (taken,) = await queue.take(1)
    later = time.time() + 3600
    await queue.record_check(taken, LastCheck(time.time()), later)
    await queue.report([replace(served("/a"), views=5)], 0)
    await queue.report([replace(served("/a"), views=2)], 0)
    assert await queue.next_time(taken) == pytest.approx(later, abs=0.01)
    await queue.postpone(taken, time.time() - 5)
    assert [each.views for each in await queue.take(1)] == [7]


async def test_a_target_that_is_served_again_is_woken(queue: SweepQueue) -> None:
    """One that was not served before its last check, or whose host was down, is checked as soon as it is served."""
    (idle,) = [served("/idle")]
    await queue.report([idle], 0)
    for _ in range(2):
        (taken,) = await queue.take(1)
        await queue.record_check(taken, LastCheck(time.time() - 9))
    (taken,) = await queue.take(1)
    assert (taken.views, taken.idle) == (0, 1)
    await queue.postpone(taken, time.time() + 3600, checked=True)
    await queue.postpone(served("/down"), time.time() + 3600, wake=True)
    assert await queue.take(9) == []
    await queue.report([served("/idle"), served("/down")], 0)
    assert {each.target.path for each in await queue.take(9)} == {"/idle", "/down"}


async def test_responses_during_a_check_count_for_the_next(queue: SweepQueue) -> None:
    """They are not lost when the check is recorded."""
    await queue.report([replace(served("/a"), views=3)], 0)
    (taken,) = await queue.take(1)
    await queue.report([replace(served("/a"), views=4)], 0)
    await queue.record_check(taken, LastCheck(time.time() - 5))
    assert [each.views for each in await queue.take(1)] == [4]


async def test_a_target_whose_taker_died_is_queued_again(queue: SweepQueue, store: Store) -> None:
    """After the time that a check may take."""
    await queue.report([served("/a")], 0)
    (taken,) = await queue.take(1)
    until = await queue.next_time(taken)
    assert until and 0 < until - time.time() <= LEASE_SECONDS
    await store.redis.zadd(store.key("{sweep}", "later"), {taken.pack(): time.time() - 2})
    assert await queue.take(1) == [taken]


async def test_targets_of_an_older_version_are_taken(queue: SweepQueue, store: Store) -> None:
    """Members without a state: one in the queue, one that was postponed."""
    await store.redis.zadd(store.key("{sweep}", "queue"), {served("/queued").pack(): 50.0})
    await store.redis.zadd(store.key("{sweep}", "later"), {served("/later").pack(): 40.0})
    assert {each.target.path for each in await queue.take(9)} == {"/queued", "/later"}


async def test_a_forgotten_target_leaves_nothing(queue: SweepQueue, store: Store) -> None:
    """Neither in the queue nor among the later ones, nor a state."""
    await queue.report([served("/a"), served("/b")], 0)
    (b,) = await queue.take(1)
    for each in (b, served("/a")):
        await queue.forget(each)
        assert await queue.next_time(each) is None
    assert await store.redis.hlen(store.key("{sweep}", "state")) == 0


async def test_dropped_targets_are_counted(queue: SweepQueue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queued or later, and their state goes with them. Of the later ones those with the latest time are dropped."""
    monkeypatch.setattr("edgeward.origin_check.queue.MAX_QUEUED", 3)

    def dropped() -> float:
        return metrics.registry.get_sample_value("edgeward_sweep_dropped_total") or 0.0

    before = dropped()
    await queue.report([served(f"/{number}", number) for number in range(10)], 0)
    assert dropped() == before + 7
    for number in range(5):
        await queue.postpone(served(f"/later{number}"), time.time() - 100 + number)
    assert dropped() == before + 9
    assert await store.redis.hlen(store.key("{sweep}", "state")) == 6
    assert {each.target.path for each in await queue.take(9)} >= {"/later0", "/later1", "/later2"}


async def test_hosts_take_turns(queue: SweepQueue) -> None:
    """However many targets one has, and however popular they are. Those over their rate, and those left out, too."""
    big = [replace(served(f"/{number}"), views=1000) for number in range(100)]
    small = [replace(each, target=replace(each.target, host="small.test"), views=1) for each in big[:3]]
    await queue.report([*big, *small], 0)
    assert (await queue.waiting())[1] == {"img.test": 100, "small.test": 3}
    assert [each.target.host for each in await queue.take(4)].count("small.test") == 2
    assert await queue.request_permission("img.test", RARELY, limit_share=False) is GRANTED
    taken = await queue.take(50, RARELY)
    assert sorted(each.target.host for each in taken) == ["img.test", "small.test"]
    assert await queue.take(50, RARELY, refused=["img.test"]) == []
    assert await queue.take(50, leave_out=["img.test"]) == []
    assert len(await queue.take(50, of_host=7)) == 7
    assert (await queue.waiting())[1] == {"img.test": 90}


async def test_a_host_with_no_end_of_targets_displaces_only_its_own(
    queue: SweepQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit any more is dropped from the host that has the most."""
    monkeypatch.setattr("edgeward.origin_check.queue.MAX_QUEUED", 10)
    small = [replace(each, target=replace(each.target, host="small.test")) for each in (served("/1"), served("/2"))]
    await queue.report(small, 0)
    for number in range(30):
        await queue.report([replace(served(f"/{number}"), views=1000)], 0)
    assert (await queue.waiting())[1] == {"img.test": 8, "small.test": 2}


async def test_a_target_is_due_by_the_clock_of_the_store(queue: SweepQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker and a controller whose clocks are wrong by days."""
    right = time.time
    for skew in (-3 * 86400.0, 3 * 86400.0):
        now = right()
        monkeypatch.setattr("time.time", lambda skew=skew: right() + skew)
        await queue.report([served("/a", queue.now())], 0)
        (taken,) = await queue.take(9)
        assert abs(taken.at - now) < 60
        assert abs(queue.now() - now) < 60
        await queue.postpone(taken, queue.now() + 3600)
        assert await queue.take(9) == []
        await queue.postpone(taken, queue.now() - 1)
        assert len(await queue.take(9)) == 1
        await queue.forget(taken)


async def test_the_clock_is_set_back(queue: SweepQueue, store: Store) -> None:
    """By an hour: what was postponed is due at once, once, and the host has its rate."""
    await queue.postpone(served("/soon"), time.time() + 3610)
    assert await queue.take(9) == []
    before = time.time() + 3600
    await store.redis.set(queue._clock_key, f"{before:.3f}")
    await store.redis.set(store.key("{sweep}", "host", "img.test"), f"0.0 {before:.6f}")
    await queue.report([served("/a")], 0)
    await store.redis.zadd(store.key("{sweep}", "hosts"), {"img.test": before})
    assert {each.target.path for each in await queue.take(9, RARELY)} == {"/a", "/soon"}
    assert await store.redis.zscore(store.key("{sweep}", "hosts"), "img.test") < before - 3000
    assert await queue.request_permission("img.test", RARELY, limit_share=False) is GRANTED
    assert await queue.take(9) == []


async def test_queues_of_hosts_on_several_servers(spread: Store) -> None:
    """All keys are on one of them, also those that are named after a host."""
    queue = SweepQueue(spread)
    other = replace(served("/a"), target=replace(served("/a").target, host="other.test"))
    await queue.report([served("/a"), served("/b"), other, long_target(time.time())], 9)
    taken = await queue.take(9, per_second=1000.0)
    assert len(taken) == 4
    await queue.put_back(taken[:1])
    await queue.record_check(taken[1], LastCheck(1.0), queue.now() - 1)
    for each in taken[2:]:
        await queue.forget(each)
    assert (await queue.waiting())[0] == 2
    assert {each.target for each in await queue.take(9)} == {each.target for each in taken[:2]}
