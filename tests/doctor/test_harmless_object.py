"""Which object the caches are tested with, and the query that it is asked for with."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.changed_varnish import Cold
from tests.support.eventually import eventually
from tests.support.real_caches import settings, target
from tests.support.services import running_services

from edgeward.demo.caches import Varnish
from edgeward.doctor.examination import examine
from edgeward.doctor.finding import Health
from edgeward.doctor.harmless_object import (
    is_listed,
    latest_harmless,
    purge_again,
    was_purged,
    with_own_query,
    without_own_query,
)
from edgeward.doctor.key_variants import VARIANTS
from edgeward.operations import entries, lists, takedowns
from edgeward.operations.services import Services
from edgeward.operations.takedowns import Requester, TakedownRequest
from edgeward.store.connection import Store
from edgeward.types import (
    NO_TARGET,
    Cause,
    Fingerprint,
    HashList,
    Mode,
    PurgeOrder,
    Scope,
    Sighting,
    Signal,
    Target,
)


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


async def test_what_was_purged_lately_is_not_chosen(services: Services) -> None:
    """A takedown purges it, and its repeats do so again; its origin may have it no longer."""
    now = services.store.clock.now()
    await see(services, "/old.jpg", "a", now - 20)
    await see(services, "/new.jpg?v=1", "b", now)
    assert await latest_harmless(services) == target("/new.jpg?v=1")
    assert not await was_purged(services, target("/new.jpg?v=1"))
    await takedowns.create(services, TakedownRequest(urls=(target("/new.jpg"),)), Requester("ana", "api"))

    async def is_purged() -> bool:
        return await was_purged(services, target("/new.jpg?v=1"))

    await eventually(is_purged)
    assert await latest_harmless(services) == target("/old.jpg")
    await services.orders.place([PurgeOrder(target("/"), Cause.MANUAL, now, scope=Scope.PREFIX)])
    assert await latest_harmless(services) is None


@pytest.mark.parametrize(
    ("order", "purges"),
    [
        (PurgeOrder(target("/a"), Cause.MANUAL, 0.0), True),
        (PurgeOrder(target("/ab"), Cause.MANUAL, 0.0), False),
        (PurgeOrder(replace(target("/a"), host="other.test"), Cause.MANUAL, 0.0), False),
        (PurgeOrder(target("/a", accept="x"), Cause.MANUAL, 0.0), True),
        (PurgeOrder(target("/"), Cause.MANUAL, 0.0, scope=Scope.PREFIX), True),
        (PurgeOrder(NO_TARGET, Cause.LISTING, 0.0, "a" * 64, scope=Scope.TAG, tag="ew-1"), False),
    ],
)
async def test_what_an_order_purges(services: Services, order: PurgeOrder, purges: bool) -> None:
    """The target in every variant, and below its prefix."""
    await services.orders.place([order])
    assert await was_purged(services, target("/a")) is purges


async def test_an_object_that_was_purged_during_the_test_is_said_to_be(cold: Cold, services: Services) -> None:
    """What a cache does not store because Edgeward purges it is no reason to correct its settings."""
    cache = cold(Varnish)
    cache.start()
    section = settings(cache, serves=cache.url)
    services = replace(services, config=services.config.model_copy(update={"caches": (section,)}))
    given = target("/private.jpg")  # the origin does not let it be stored, as after a takedown
    for purged, detail in ((False, "did not store"), (True, "Edgeward has purged it lately")):
        if purged:
            await services.orders.place([PurgeOrder(given, Cause.TAKEDOWN, services.store.clock.now())])
        (found,) = [each for each in await examine(services, given) if (each.about, each.check) == ("edge", "object")]
        assert found.health is Health.SKIPPED
        assert detail in found.detail
        assert ("serves" in found.fix) is not purged


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


async def test_what_a_test_has_stored_of_a_target_that_was_taken_down_is_purged(services: Services) -> None:
    """In every variant that was tried. Nothing is purged of one that nobody took down."""
    asked = target("/a.jpg")
    await purge_again(services, asked)
    assert await services.orders.recent(10) == []
    order = PurgeOrder(asked, Cause.TAKEDOWN, services.store.clock.now())
    await services.orders.place([order])
    await purge_again(services, asked)
    placed = [each.target for each, _ in await services.orders.recent(100)]
    assert placed.count(asked) == 1 + sum(not headers for headers in VARIANTS)
    assert len(placed) == 1 + len(VARIANTS)
