"""Two tiers of caches in placement fill, each kind of cache behind a Varnish, while clients never stop asking."""

from collections.abc import Iterator

import pytest
from tests.parts import require
from tests.scenarios.defects import without_defects
from tests.scenarios.load import Load
from tests.scenarios.orders import Json, listed, orders_of
from tests.scenarios.pictures import fresh
from tests.scenarios.tries import seen

from edgeward.demo.caches import SERVERS, CacheServer, Nginx, Squid, TrafficServer, Varnish
from edgeward.demo.edge import until
from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage, address_of
from edgeward.takedown.purging.purger import TIER_LATE_SECONDS

LISTINGS = 12


@pytest.fixture(scope="module")
def tiers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """client -> Varnish -> a cache of each kind -> Edgeward -> origin."""
    for kind in SERVERS:
        require(kind.program)
    # No repeat comes in time: what the tiers do for each other must be enough.
    settings = {"proxy": {"workers": 1}, "sweep": {"enabled": False}, "purge": {"repeat_seconds": [60.0]}}
    beside = [Nginx, Squid, TrafficServer]
    with Stage(tmp_path_factory.mktemp("tiers"), "fill", Varnish, settings, beside=beside, outer=Varnish) as stage:
        stage.edge.create_list("removed")
        yield stage
        without_defects(stage)


@pytest.fixture(params=[kind.driver for kind in SERVERS])
def inner(request: pytest.FixtureRequest, tiers: Stage) -> str:
    """The name of the inner cache."""
    name: str = request.param
    return name


def _pair(tiers: Stage, inner: str) -> list[CacheServer]:
    return [tiers.inner[inner], tiers.outer[f"{inner}-outer"]]


def _fill(tiers: Stage, inner: str, photo: Photo) -> None:
    """Have both tiers hold the picture."""
    tiers.serve(photo)
    assert tiers.get(photo.path, at=tiers.outer[f"{inner}-outer"]).body == photo.body
    for cache in _pair(tiers, inner):
        until(lambda cache=cache: tiers.held(photo.path, at=cache))


def _load(tiers: Stage, inner: str, photo: Photo) -> Load:
    """Clients of the outer cache, once both tiers hold the picture."""
    _fill(tiers, inner, photo)
    return Load(address_of(tiers.outer[f"{inner}-outer"]), [photo], threads=2)


def _in_order(orders: list[Json], inner: str) -> bool:
    """Whether the inner cache was done with each of them before the outer one."""
    outcomes = [order["outcomes"] for order in orders]
    return all(each[inner]["at"] <= each[f"{inner}-outer"]["at"] for each in outcomes)


def _owed(tiers: Stage, added: Json) -> set[str]:
    """The caches that owe something to any order of a listing."""
    return {cache for order in orders_of(tiers, added) for cache in order["owed"]}


def _gone(tiers: Stage, inner: str) -> list[Json]:
    """List what clients ask for all the while: once that is answered nobody gets it. The orders that it led to."""
    photo = fresh()
    with _load(tiers, inner, photo) as load:
        load.wait_for(20)
        orders = listed(tiers, photo)
        held = [cache.driver for cache in _pair(tiers, inner) if tiers.held(photo.path, at=cache)]
        count = len(load.served)
        load.wait_for(40)
    assert held == []
    # Two of them may have been on their way.
    assert [one.answer.status for one in load.served[count + 2 :] if one.shows] == []
    assert {one.answer.status for one in load.served[count + 2 :]} == {451}
    assert load.failed == 0
    return orders


def _quietly_gone(tiers: Stage, inner: str) -> list[Json]:
    """List what both tiers hold and nobody asks for. The orders that it led to."""
    photo = fresh()
    _fill(tiers, inner, photo)
    return listed(tiers, photo)


def test_the_inner_tier_goes_first(tiers: Stage, inner: str) -> None:
    """So the outer one can't fill itself from it. It does not wait for one that was late a moment ago."""

    def in_order() -> bool:
        # One pair may come in order by chance; so many do not.
        orders = _gone(tiers, inner) + [order for _ in range(LISTINGS) for order in _quietly_gone(tiers, inner)]
        return _in_order(orders, inner)

    assert seen(in_order, pause=TIER_LATE_SECONDS)


def test_an_inner_cache_that_was_away(tiers: Stage) -> None:
    """The outer one is purged without it, fills itself from its disk when it is back, and is purged again after it."""
    photo = fresh()
    near, far = _pair(tiers, "nginx")
    with _load(tiers, "nginx", photo) as load:
        load.wait_for(20)
        near.kill()
        try:
            added = tiers.edge.add_image("removed", photo.body)
            until(lambda: _owed(tiers, added) == {"nginx"})
        finally:
            near.start()
        until(lambda: _owed(tiers, added) == set(), pause=0.02)
        until(lambda: not tiers.held(photo.path, at=near) and not tiers.held(photo.path, at=far), pause=0.01)
        after = len(load.served) + 2
        load.wait_for(40)
    assert [one.answer.status for one in load.served[after:] if one.shows] == []
    assert not any(tiers.held(photo.path, at=cache) for cache in (near, far))
