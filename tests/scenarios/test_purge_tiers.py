"""Two tiers of caches in placement fill, each kind of cache behind a Varnish, under load."""

from collections.abc import Iterator

import pytest
from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.attempts import succeeds_once
from tests.scenarios.client_load import Load
from tests.scenarios.pictures import fresh
from tests.scenarios.purge_orders import Json, list_and_wait, orders_of
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.caches import SERVERS, CacheServer, Nginx, Squid, TrafficServer, Varnish
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack, host_port_of
from edgeward.purging.purger import TIER_SKIP_SECONDS

LISTINGS = 12


@pytest.fixture(scope="module")
def tiers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """client -> Varnish -> a cache of each kind -> Edgeward -> origin."""
    for kind in SERVERS:
        require(kind.program)
    # No repeat comes in time: the order of the tiers alone must be enough.
    settings = {"proxy": {"workers": 1}, "sweep": {"enabled": False}, "purge": {"repeat_seconds": [60.0]}}
    beside = [Nginx, Squid, TrafficServer]
    with Stack(tmp_path_factory.mktemp("tiers"), "fill", Varnish, settings, beside=beside, outer=Varnish) as stack:
        stack.edge.create_list("removed")
        yield stack
        assert_no_defects(stack)


@pytest.fixture(params=[kind.driver for kind in SERVERS])
def inner(request: pytest.FixtureRequest, tiers: Stack) -> str:
    """The name of the inner cache."""
    name: str = request.param
    return name


def _pair(tiers: Stack, inner: str) -> list[CacheServer]:
    return [tiers.inner[inner], tiers.outer[f"{inner}-outer"]]


def _fill(tiers: Stack, inner: str, photo: Photo) -> None:
    """Fill both tiers with the picture."""
    tiers.serve(photo)
    assert tiers.get(photo.path, at=tiers.outer[f"{inner}-outer"]).body == photo.body
    for cache in _pair(tiers, inner):
        until(lambda cache=cache: tiers.held(photo.path, at=cache))


def _load(tiers: Stack, inner: str, photo: Photo) -> Load:
    """Clients of the outer cache, started once both tiers hold the picture."""
    _fill(tiers, inner, photo)
    return Load(host_port_of(tiers.outer[f"{inner}-outer"]), [photo], threads=2)


def _in_order(orders: list[Json], inner: str) -> bool:
    """Whether the inner cache completed each of them before the outer one."""
    outcomes = [order["outcomes"] for order in orders]
    return all(each[inner]["at"] <= each[f"{inner}-outer"]["at"] for each in outcomes)


def _owed(tiers: Stack, added: Json) -> set[str]:
    """The caches that still owe an order of a listing."""
    return {cache for order in orders_of(tiers, added) for cache in order["owed"]}


def _list_under_load(tiers: Stack, inner: str) -> list[Json]:
    """List a picture that clients request all the time: after the answer nobody gets it. Returns its orders."""
    photo = fresh()
    with _load(tiers, inner, photo) as load:
        load.wait_for(20)
        orders = list_and_wait(tiers, photo)
        held = [cache.driver for cache in _pair(tiers, inner) if tiers.held(photo.path, at=cache)]
        count = len(load.served)
        load.wait_for(40)
    assert held == []
    # Two responses may have been in transit.
    assert [one.answer.status for one in load.served[count + 2 :] if one.shows] == []
    assert {one.answer.status for one in load.served[count + 2 :]} == {451}
    assert load.failed == 0
    return orders


def _list_without_requests(tiers: Stack, inner: str) -> list[Json]:
    """List a picture that both tiers hold and nobody requests. Returns its orders."""
    photo = fresh()
    _fill(tiers, inner, photo)
    return list_and_wait(tiers, photo)


def test_the_inner_tier_goes_first(tiers: Stack, inner: str) -> None:
    """So that the outer one cannot refill from it. It does not wait for one that was just late."""

    def in_order() -> bool:
        # One pair may come in order by chance, so there are many.
        orders = _list_under_load(tiers, inner) + [
            order for _ in range(LISTINGS) for order in _list_without_requests(tiers, inner)
        ]
        return _in_order(orders, inner)

    assert succeeds_once(in_order, pause=TIER_SKIP_SECONDS)


def test_an_inner_cache_that_was_down(tiers: Stack) -> None:
    """The outer one is purged without it, refills from it when it is back, and is purged again after it."""
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
