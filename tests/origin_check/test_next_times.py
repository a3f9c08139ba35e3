"""A target that is followed has exactly one next time, whatever its origin has answered."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.origin_check.followed import ANSWERS, REFUSED, SERVED, TARGET, followed
from tests.origin_check.scripted_origin import let_pass

from edgeward.origin_check.host_pauses import FAILED_TARGETS
from edgeward.origin_check.queue import ServedTarget, SweepQueue
from edgeward.types import Target


async def play(url: str, placement: str, names: Sequence[str], is_served: Sequence[bool]) -> None:
    async with followed(url, placement) as one:
        await one.serve()
        for name, again in zip(names, is_served, strict=True):
            if again:
                await one.serve()
            assert await one.times() == 1, names
            before = await one.ordered()
            await let_pass(one.store, one.sweeper, 4000.0)
            asked = len(one.origin.paths)
            await one.answer(name)
            assert ANSWERS[name] == REFUSED or len(one.origin.paths) > asked, (names, "the target was not checked")
            if await one.ordered() > before:
                return
            assert await one.times() == 1, (names, "no next time" if not await one.times() else "two next times")
        for _ in range(3):  # on a busy machine an answer may miss the time limit
            await let_pass(one.store, one.sweeper, 4000.0)
            await one.answer("404")
            if await one.ordered():
                return
        raise AssertionError((names, "a removal after these answers was not noticed"))


@pytest.mark.parametrize("placement", ["front", "fill"])
@pytest.mark.parametrize("name", ANSWERS)
def test_a_target_is_followed_after_each_answer(redis_url: str, placement: str, name: str) -> None:
    """After one answer of each kind, alone and after "same", the next removal is noticed, without another report."""
    asyncio.run(play(redis_url, placement, [name], [False]))
    asyncio.run(play(redis_url, placement, ["same", name], [False, False]))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["front", "fill"]),
    st.lists(st.tuples(st.sampled_from(sorted(ANSWERS)), st.booleans()), min_size=1, max_size=6),
)
def test_a_target_has_one_next_time(redis_url: str, placement: str, script: list[tuple[str, bool]]) -> None:
    """After any sequence of answers, with or without being served in between, until it is purged."""
    asyncio.run(play(redis_url, placement, [name for name, _ in script], [again for _, again in script]))


@pytest.mark.parametrize("placement", ["front", "fill"])
@pytest.mark.parametrize("cause", ["resting", "over share", "over rate", "too early", "taker died"])
def test_a_target_that_is_not_asked_about_keeps_a_time(redis_url: str, placement: str, cause: str) -> None:
    """A target that was taken, but whose origin was not asked, has one next time too."""

    async def test() -> None:
        async with followed(redis_url, placement, per_second=0.001 if cause == "over rate" else 1000.0) as one:
            await one.serve()
            if cause == "resting":
                for number in range(FAILED_TARGETS):
                    failed = ServedTarget(Target("http", TARGET.host, f"/{number}"), SERVED.image, 0)
                    one.sweeper._pauses.note_failure(failed, time.time(), 60.0)
            elif cause == "over share":
                await one.store.redis.set(one.store.key("{sweep}", "budget"), "0")
            elif cause == "over rate":
                await one.queue.request_permission(TARGET.host, 0.001, limit_share=False)
            elif cause == "too early":
                await one.answer("same")
                await one.queue.forget(SERVED)
                await one.serve()
            if cause == "taker died":
                assert await SweepQueue(one.store).take(9)
            else:
                await one.answer("404")
            if cause != "over share" or placement == "front":
                assert await one.times() == 1
                await one.queue.report([], 100)
                await let_pass(one.store, one.sweeper, 400.0)
                await one.answer("404")
            assert await one.ordered() == 1

    asyncio.run(test())


def test_a_target_that_is_served_no_longer_expires(redis_url: str) -> None:
    """It is followed for a day in front; in fill, where hits are not seen, as long as sightings are kept."""

    async def test(placement: str, days: float) -> None:
        async with followed(redis_url, placement) as one:
            await one.serve()
            await one.answer("same")
            await let_pass(one.store, one.sweeper, days * 86400 - 3600)
            await one.answer("same")
            assert await one.times() == 1
            await let_pass(one.store, one.sweeper, 7200)
            await one.answer("same")
            assert await one.times() == 0

    asyncio.run(test("front", 1.0))
    asyncio.run(test("fill", 30.0))


@pytest.mark.parametrize("placement", ["front", "fill"])
def test_the_clock_is_set_back(redis_url: str, placement: str) -> None:
    """What was checked a moment before, by a clock that was an hour ahead, is checked: its removal is noticed."""

    async def test() -> None:
        async with followed(redis_url, placement) as one:
            await one.serve()
            await one.answer("same")
            await let_pass(one.store, one.sweeper, -3600.0)
            await one.store.redis.set(one.queue._clock_key, f"{one.queue.now() + 3600:.3f}")
            await one.queue.report([], 100)
            await one.answer("404")
            assert await one.ordered() == 1

    asyncio.run(test())
