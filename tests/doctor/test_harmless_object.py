"""Which object the caches are tested with, and the query that it is asked for with."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.real_caches import target
from tests.support.services import running_services

from edgeward.doctor.examination import examine
from edgeward.doctor.finding import Health
from edgeward.doctor.harmless_object import is_listed, latest_harmless, with_own_query, without_own_query
from edgeward.operations import entries, lists
from edgeward.operations.services import Services
from edgeward.store.connection import Store
from edgeward.types import Fingerprint, HashList, Mode, Sighting, Signal, Target


@pytest.fixture
async def services(store: Store, tmp_path: Path) -> AsyncIterator[Services]:
    async with running_services(store, tmp_path) as running:
        yield running


async def see(services: Services, path: str, digit: str, at: float) -> Signal:
    """An image of its own at this path. Returns its digest."""
    sha256 = digit * 64
    image = Fingerprint(sha256, "image/jpeg", 1, (Signal("sha256", sha256),))
    await services.sightings.write([Sighting(target(path), image, at, 0)])
    return Signal("sha256", sha256)


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.MONITOR])
async def test_a_listed_image_is_never_chosen(services: Services, mode: Mode) -> None:
    """The newest image is often the one that was just listed: Edgeward would purge it during the test."""
    now = time.time()
    assert await latest_harmless(services) is None
    await see(services, "/old.jpg", "a", now - 20)
    newest = await see(services, "/new.jpg", "b", now)
    assert await latest_harmless(services) == target("/new.jpg")
    await lists.create(services, HashList("l", mode=mode), "me", "")
    await entries.add(services, "l", [newest], "me", "")
    assert await latest_harmless(services) == target("/old.jpg")
    services.replica.ready = False  # what is listed is not known
    assert await latest_harmless(services) is None


async def test_a_listed_image_that_is_given_is_refused(services: Services) -> None:
    """In every scheme. The finding names it, and nothing is done with it."""
    digest = await see(services, "/x.jpg?v=1", "a", time.time())
    given = replace(target("/x.jpg?v=1"), scheme="https")
    assert not await is_listed(services, given)
    await lists.create(services, HashList("l"), "me", "")
    await entries.add(services, "l", [digest], "me", "")
    assert await is_listed(services, given)
    assert not await is_listed(services, target("/x.jpg"))
    found = {(each.about, each.check): each for each in await examine(services, given)}
    assert found["caches", "object"].health is Health.WARN
    assert given.url in found["caches", "object"].detail


@pytest.mark.parametrize("path", ["/a.jpg", "/a.jpg?", "/a.jpg?v=1&&w=%41", "/a.jpg?x=edgeward-doctor=1"])
def test_the_own_query_comes_off_again(path: str) -> None:
    """However often it was put on; nothing else changes."""
    once = with_own_query(Target("http", "img.test", path))
    assert once != with_own_query(Target("http", "img.test", path))
    assert without_own_query(with_own_query(once)).path == path


async def test_requests_of_earlier_runs_do_not_pile_up(services: Services) -> None:
    """The sighting that a run leaves is tested as the URL that clients use."""
    await see(services, with_own_query(with_own_query(target("/a.jpg?v=1"))).path, "a", time.time())
    assert await latest_harmless(services) == target("/a.jpg?v=1")
