"""Images that their origin no longer shows to everyone."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.origin_check.followed import MADE, SAME, TARGET, Followed, followed
from tests.origin_check.scripted_origin import http, let_pass, step

from edgeward.origin_check.queue import ServedTarget
from edgeward.types import Sighting, Target

PRIVATE = {
    "400": http(400),
    "401": http(401, b"", "WWW-Authenticate: Basic"),
    "403": http(403, b"<Error><Code>AccessDenied</Code></Error>", "Content-Type: application/xml"),
    **{
        f"{status} to {place}": http(status, b"", f"Location: {place}")
        for status in (301, 302, 303, 307, 308)
        for place in ("/login?next=%2Fa.jpg", "https://accounts.host.test/v2/start", "../users/sign_in", "//sso.x/")
    },
}
PUBLIC = {
    "https": "https://img.test/a.jpg",
    "another place": "/2026/a-0f3c.jpg",
    "an album about authors": "/authors/",
    "an image in a folder of an account": "https://cdn.test/account/7/a.jpg",
}

type Story = Callable[[Followed], Awaitable[None]]


def tell(url: str, story: Story, placement: str = "front", **sweep: Any) -> None:
    async def run() -> None:
        async with followed(url, placement, **sweep) as one:
            await story(one)

    asyncio.run(run())


async def look(one: Followed, answer: bytes, seconds: float = 400.0, *targets: Target) -> None:
    """Let these targets be served, and the origin give this answer to the next check of each."""
    for target in targets or (TARGET,):
        await one.serve(target)
    await let_pass(one.store, one.sweeper, seconds)
    one.origin.answer = answer
    while await step(one.sweeper):
        pass


@pytest.mark.parametrize("placement", ["front", "fill"])
@pytest.mark.parametrize("name", PRIVATE)
def test_an_image_made_private_is_purged_after_a_second_look(redis_url: str, placement: str, name: str) -> None:
    """One look is not enough, and an image that is back at the second is not purged."""

    async def story(one: Followed) -> None:
        await look(one, SAME)
        await look(one, PRIVATE[name])
        assert await one.ordered() == 0
        await look(one, SAME)
        await look(one, PRIVATE[name])
        assert await one.ordered() == 0
        await look(one, PRIVATE[name])
        ((order, _),) = await one.orders.recent()
        assert (order.target, order.why) == (TARGET, "the origin no longer shows it to everyone")

    tell(redis_url, story, placement)


def test_the_second_look_comes_soon(redis_url: str) -> None:
    """Its time is within a sixth of sweep.within_seconds, though nobody requests the image meanwhile."""

    async def story(one: Followed) -> None:
        await look(one, SAME)
        await look(one, PRIVATE["403"])
        await let_pass(one.store, one.sweeper, 10.1)
        await step(one.sweeper)
        assert await one.ordered() == 1

    tell(redis_url, story, within_seconds=60.0)


@pytest.mark.parametrize("place", PUBLIC.values(), ids=PUBLIC)
def test_other_redirects_are_no_removal(redis_url: str, place: str) -> None:
    """An image that has moved is still public."""

    async def story(one: Followed) -> None:
        for answer in (SAME, *[http(302, b"", f"Location: {place}")] * 4):
            await look(one, answer)
        assert await one.ordered() == 0

    tell(redis_url, story)


def test_images_that_are_redirected_to_one_page_are_removed(redis_url: str) -> None:
    """Whatever the page is called: images that have only moved are not in one place."""
    other = Target("http", TARGET.host, "/b.jpg")

    async def story(one: Followed) -> None:
        await look(one, SAME, 400.0, TARGET, other)
        for _ in range(4):
            await one.queue.report([_served(other)], 10)
            await look(one, http(302, b"", "Location: /members-only?from=x"))
        assert TARGET in {order.target for order, _ in await one.orders.recent()}

    tell(redis_url, story)


def _served(target: Target) -> ServedTarget:
    return ServedTarget(target, "ab" * 16, time.time())


def test_a_host_that_refuses_edgeward_itself_loses_nothing(redis_url: str) -> None:
    """A host that has never answered with an image may refuse these requests, not the image."""

    async def story(one: Followed) -> None:
        for _ in range(5):
            await look(one, PRIVATE["403"])
        assert await one.ordered() == 0

    tell(redis_url, story)


@pytest.mark.parametrize("name", ["400", "401", "403", "302 to //sso.x/"])
def test_a_setting_keeps_private_images(redis_url: str, name: str) -> None:
    """sweep.private = "keep" purges none of them, and removals are still found."""

    async def story(one: Followed) -> None:
        for answer in (SAME, *[PRIVATE[name]] * 4):
            await look(one, answer)
        assert await one.ordered() == 0
        await look(one, http(404))
        assert await one.ordered() == 1

    tell(redis_url, story, private="keep")


def test_a_host_that_suddenly_refuses_everything_keeps_its_copies(redis_url: str) -> None:
    """A bad deployment must not empty the cache: nothing is purged until it has gone on for sweep.hold_seconds."""
    targets = [Target("http", TARGET.host, f"/{number}.jpg") for number in range(60)]

    async def story(one: Followed) -> None:
        await one.sightings.write([Sighting(target, MADE, time.time(), 0) for target in targets])
        await look(one, SAME, 60.0, *targets)
        for _ in range(5):
            await look(one, PRIVATE["403"], 60.0, *targets)
        assert await one.ordered() == 0
        await look(one, SAME, 60.0, *targets)
        await look(one, PRIVATE["403"], 60.0, *targets)
        await look(one, PRIVATE["403"], 60.0, *targets)
        assert await one.ordered() == 0
        await look(one, PRIVATE["403"], 3700.0, *targets)
        assert {order.target for order, _ in await one.orders.recent()} >= set(targets)

    tell(redis_url, story)


def test_some_private_images_of_a_host_are_purged(redis_url: str) -> None:
    """Those of a host that goes on to serve the others."""
    targets = [Target("http", TARGET.host, f"/{number}.jpg") for number in range(60)]
    private = targets[:15]

    async def story(one: Followed) -> None:
        await one.sightings.write([Sighting(target, MADE, time.time(), 0) for target in targets])
        await look(one, SAME, 60.0, *targets)
        one.origin.by_path = dict.fromkeys((target.path for target in private), PRIVATE["403"])
        for _ in range(3):
            await look(one, SAME, 60.0, *targets)
        ordered = {order.target for order, _ in await one.orders.recent()}
        assert set(private) == ordered

    tell(redis_url, story)
