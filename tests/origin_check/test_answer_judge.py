"""Removals at a host that goes on to serve others, and hosts that fail: the latter purge next to nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from tests.origin_check.followed import MADE, OTHER, SAME, TARGET, Followed, followed
from tests.origin_check.scripted_origin import http, let_pass, step

from edgeward import metrics
from edgeward.origin_check.host_answers import MAX_REMOVED
from edgeward.types import Sighting, Target

TARGETS = [Target("http", TARGET.host, f"/{number}.jpg") for number in range(30)]
PAGE = http(200, b"<html>removed</html>", "Content-Type: text/html")
REMOVALS = {"404": http(404), "410": http(410), "a placeholder": http(200, OTHER), "a page": PAGE, "403": http(403)}

type Story = Callable[[Followed], Awaitable[None]]


def tell(url: str, story: Story, placement: str = "front", **sweep: Any) -> None:
    async def run() -> None:
        async with followed(url, placement, **sweep) as one:
            await one.sightings.write([Sighting(target, MADE, time.time(), 0) for target in TARGETS])
            await story(one)

    asyncio.run(run())


async def look(one: Followed, answer: bytes, targets: Sequence[Target] = TARGETS, times: int = 1) -> None:
    """Let the targets be served, and the origin give this answer to the next checks of each."""
    for _ in range(times):
        for target in targets:
            await one.serve(target)
        await let_pass(one.store, one.sweeper, 60.0)
        one.origin.answer = answer
        while await step(one.sweeper):
            pass


async def ordered(one: Followed) -> set[Target]:
    return {order.target for order, _ in await one.orders.recent(1000)}


def results(label: str) -> float:
    return metrics.registry.get_sample_value("edgeward_sweep_checks_total", {"result": label}) or 0.0


@pytest.mark.parametrize("placement", ["front", "fill"])
@pytest.mark.parametrize("name", REMOVALS)
def test_a_host_that_removes_everything_at_once_is_held(
    redis_url: str, placement: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A bad deployment, a volume that is not mounted: at most a few images are purged, and the log says so once.

    When the host has its images again nothing more is, and what it removes then is purged.
    """

    async def story(one: Followed) -> None:
        await look(one, SAME)
        held = results("held")
        await look(one, REMOVALS[name], times=4)
        lost = await ordered(one)
        assert len(lost) <= MAX_REMOVED
        assert results("held") > held
        assert [record.message for record in caplog.records].count(BEGUN) == 1
        kept = [target for target in TARGETS if target not in lost]
        await look(one, SAME, kept)
        assert caplog.text.count("has its images again") == 1
        assert await ordered(one) == lost
        one.origin.by_path = {kept[0].path: REMOVALS[name]}
        await look(one, SAME, kept, times=3)
        assert await ordered(one) == {*lost, kept[0]}

    tell(redis_url, story, placement)


BEGUN = (
    'origin check: most images of a host of [[hosts]] name = "*" are removed at once: nothing of it is purged '
    "(edgeward doctor names it)"
)


@pytest.mark.parametrize("count", [10, 22])
@pytest.mark.parametrize("name", REMOVALS)
def test_many_removals_at_a_host_that_serves_others_are_purged(redis_url: str, name: str, count: int) -> None:
    """A third of its images, or three quarters: others that it still has prove that it is well."""

    async def story(one: Followed) -> None:
        await look(one, SAME)
        one.origin.by_path = {target.path: REMOVALS[name] for target in TARGETS[:count]}
        await look(one, SAME, times=6)
        assert await ordered(one) == set(TARGETS[:count])

    tell(redis_url, story)


def test_what_was_held_is_looked_at_again_before_it_is_purged(redis_url: str) -> None:
    """After an outage in which some images were removed for good: only these are purged."""

    async def story(one: Followed) -> None:
        await look(one, SAME)
        await look(one, http(404), times=2)
        lost = await ordered(one)
        kept = [target for target in TARGETS if target not in lost]
        one.origin.by_path = {target.path: http(404) for target in kept[:10]}
        await look(one, SAME, kept, times=4)
        assert await ordered(one) == {*lost, *kept[:10]}

    tell(redis_url, story)


@pytest.mark.parametrize("name", REMOVALS)
def test_a_wrong_origin_purges_next_to_nothing(redis_url: str, name: str) -> None:
    """It never had any of the images. This does not change after sweep.hold_seconds."""

    async def story(one: Followed) -> None:
        await look(one, REMOVALS[name], times=3)
        await let_pass(one.store, one.sweeper, 4000.0)
        await look(one, REMOVALS[name], times=3)
        assert len(await ordered(one)) <= MAX_REMOVED

    tell(redis_url, story)


def test_a_page_in_place_of_an_image_is_a_removal(redis_url: str) -> None:
    """After a second look, at a host that has its other images. An image that is back is not purged."""

    async def story(one: Followed) -> None:
        await look(one, SAME)
        one.origin.by_path = {TARGETS[0].path: PAGE}
        await look(one, SAME)
        one.origin.by_path = {}
        await look(one, SAME)
        one.origin.by_path = {TARGETS[1].path: PAGE}
        await look(one, SAME)
        assert await ordered(one) == set()
        await look(one, SAME)
        ((order, _),) = await one.orders.recent()
        assert (order.target, order.why) == (TARGETS[1], "the origin has another image there")

    tell(redis_url, story)


def test_proofs_are_charged_to_the_limits(redis_url: str) -> None:
    """However many removals there are: the host gets no more requests than its rate allows on average."""

    async def story(one: Followed) -> None:
        await one.queue.charge(TARGET.host, 0.001, limit_share=True)
        await one.queue.charge(TARGET.host, 0.001, limit_share=True)
        assert await one.queue.request_permission(TARGET.host, 0.001, limit_share=False) == "host"
        tokens = (await one.store.redis.get(one.store.key("{sweep}", "host", TARGET.host)) or b"").split()[0]
        assert float(tokens) == pytest.approx(-1.0, abs=0.1)

    tell(redis_url, story)
