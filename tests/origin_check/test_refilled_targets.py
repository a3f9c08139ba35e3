"""Targets that come back after their purge."""

import asyncio
import time
from dataclasses import replace

import pytest
from tests.origin_check.followed import SAME, SERVED, TARGET, Followed, followed
from tests.origin_check.scripted_origin import http, let_pass, step

from edgeward.origin_check import refilled_targets as module
from edgeward.origin_check.queue import ServedTarget
from edgeward.origin_check.refilled_targets import Next, RefilledTargets, unfollowed_targets
from edgeward.purging.orders import Orders, PurgeResult
from edgeward.store.connection import Store
from edgeward.types import Cause, Delivery, Outcome, PurgeOrder

REPEATS = (1.0, 60.0)


async def purged(store: Store, refilled: RefilledTargets, served: ServedTarget, at: float) -> str:
    """Order a purge. Returns its id."""
    (order_id,) = await Orders(store).place([PurgeOrder(served.target, Cause.ORIGIN, at, "")])
    await refilled.note_purge(served, order_id, at)
    return order_id


async def carry_out(store: Store, order_id: str, cache: str, at: float) -> None:
    orders = Orders(store)
    await orders.ensure_group(cache)
    await orders.take(cache, "me", 10, 1)
    await orders.record_results(cache, [PurgeResult(order_id, Outcome(order_id, cache, Delivery.VERIFIED, at))])


async def test_a_target_that_is_served_again_after_its_purge_is_left_alone(store: Store) -> None:
    """Not before every cache has carried out the purge and all repeats: a fetch under way may have stored it again."""
    refilled = RefilledTargets(store, Orders(store), ["one", "two"], REPEATS)
    assert await refilled.next(SERVED, 1000) is Next.PURGE
    order_id = await purged(store, refilled, SERVED, 1000)
    again = replace(SERVED, at=2000.0)
    assert await refilled.next(again, 2000) is Next.WAIT
    await carry_out(store, order_id, "one", 1001)
    assert await refilled.next(again, 2000) is Next.WAIT
    await carry_out(store, order_id, "two", 1930)
    assert await refilled.next(replace(SERVED, at=1999.0), 2000) is Next.WAIT
    assert not await refilled.is_unfollowed(again, 2000)
    assert await refilled.next(replace(SERVED, at=2001.0), 2001) is Next.STOP
    assert await refilled.is_unfollowed(again, 2002)
    assert not await refilled.is_unfollowed(again, 2002 + module.KEEP_SECONDS)
    assert await unfollowed_targets(store, 2002) == {TARGET.host: 1}


async def test_another_image_or_another_removal_is_purged(store: Store) -> None:
    """An image that was back at the origin, and one that is the first of its bytes."""
    refilled = RefilledTargets(store, Orders(store), [], REPEATS)
    await purged(store, refilled, SERVED, 1000)
    again = replace(SERVED, at=2000.0)
    assert await refilled.next(replace(again, image="ab" * 16), 2000) is Next.PURGE
    await refilled.note_same(again)
    assert await refilled.next(again, 2000) is Next.PURGE


async def test_random_pictures_are_purged_a_few_times(store: Store) -> None:
    """Whatever bytes they have. What was purged as often in a longer time is purged."""
    for seconds, expected in ((60, Next.STOP), (module.COUNTED_SECONDS / 2, Next.PURGE)):
        refilled = RefilledTargets(store, Orders(store), [], ())
        served = replace(SERVED, target=replace(TARGET, path=f"/random-{seconds}"))
        for number in range(module.MAX_PURGES):
            image = replace(served, image=f"{number:032x}", at=1000 + number * seconds)
            assert await refilled.next(image, image.at) is Next.PURGE
            await purged(store, refilled, image, image.at)
            await refilled.note_same(image)
        image = replace(served, image="ff" * 16, at=1000 + module.MAX_PURGES * seconds)
        assert await refilled.next(image, image.at) is expected


async def test_the_clock_is_set_back(store: Store) -> None:
    """What came after the purge is not known: the target is purged once more. None is left alone for longer."""
    refilled = RefilledTargets(store, Orders(store), ["one"], REPEATS)
    order_id = await purged(store, refilled, SERVED, 100_000)
    await carry_out(store, order_id, "one", 100_001)
    assert await refilled.next(replace(SERVED, at=100_000.0), 100_000) is Next.WAIT
    assert await refilled.next(replace(SERVED, at=100_500.0), 100_500) is Next.STOP
    assert await refilled.is_unfollowed(SERVED, 100_500)
    assert await refilled.next(replace(SERVED, at=2000.0), 2000) is Next.PURGE
    assert not await refilled.is_unfollowed(SERVED, 2000)
    assert await unfollowed_targets(store, 2000) == {}


async def test_what_is_not_followed_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest ones."""
    monkeypatch.setattr(module, "MAX_UNFOLLOWED", 3)
    refilled = RefilledTargets(store, Orders(store), [], ())
    for number in range(6):
        served = replace(SERVED, target=replace(TARGET, path=f"/{number}"), at=2000.0 + number)
        await purged(store, refilled, served, 1000)
        assert await refilled.next(served, 2000 + number) is Next.STOP
    assert (await unfollowed_targets(store, 3000)).total() == 3


@pytest.mark.parametrize("placement", ["front", "fill"])
def test_an_origin_that_refuses_the_check_alone(redis_url: str, placement: str) -> None:
    """Its image is purged once, and not again and again; nor is it asked for. Other images are followed."""

    async def story(one: Followed) -> None:
        one.origin.by_path = {TARGET.path: http(404)}
        one.origin.answer = SAME
        other = replace(TARGET, path="/b.jpg")
        for _ in range(10):
            await one.serve()
            await one.serve(other)
            while await step(one.sweeper):
                pass
            await let_pass(one.store, one.sweeper, 400.0)
        assert await one.ordered() == 1
        assert one.origin.paths.count(TARGET.path) <= 3
        assert one.origin.paths.count(other.path) >= 9
        assert (await unfollowed_targets(one.store, time.time())).total() == 1

    async def run() -> None:
        async with followed(redis_url, placement) as one:
            await story(one)

    asyncio.run(run())
