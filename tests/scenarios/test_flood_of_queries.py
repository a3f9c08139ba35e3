"""One client asks for one image under so many long random queries that most of its targets are forgotten."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.pictures import fresh
from tests.scenarios.purge_orders import SITE, Json, orders_of
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.caches import Varnish
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack

CONNECTIONS = 8
QUERY_BYTES = 3500
REQUESTS = 700
"""Their targets take more than twice what is kept of one path."""


class WithBans(Varnish):
    """With edgeward-bans.vcl: it purges by prefix."""

    bans = True


def _flood(site: Stack, photo: Photo) -> list[str]:
    """Request the photo under random queries. Returns the paths."""
    site.serve(photo)
    noise = random.Random(photo.name)
    paths = [f"{photo.path}?{noise.randbytes(QUERY_BYTES).hex()}" for _ in range(REQUESTS)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        assert {answer.status for answer in pool.map(site.get, paths)} == {200}
    return paths


def _forgotten(site: Stack) -> Json:
    found: Json = site.edge.api("GET", "/status")["forgotten"]
    return found


def _by_prefix(orders: list[Json]) -> list[Json]:
    return [order for order in orders if order["scope"] == "prefix"]


@pytest.fixture(params=[WithBans, Varnish], ids=["with bans", "without bans"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require("varnishd")
    settings = {"proxy": {"workers": 1}, "sweep": {"enabled": False}}
    with Stack(tmp_path_factory.mktemp("flood"), "front", request.param, settings) as site:
        site.edge.create_list("removed")
        yield site
        assert_no_defects(site)


def test_a_listing_after_a_flood(site: Stack) -> None:
    """The URL that was requested before the flood is gone in any case. A cache that purges by prefix holds no copy; one
    that does not keeps copies at forgotten targets, and the order by prefix and the status tell that they are not
    known to be gone."""
    photo, other = fresh(), fresh()
    site.serve(photo)
    site.serve(other)
    assert site.get(photo.path).status == site.get(other.path).status == 200
    paths = _flood(site, photo)
    until(lambda: _forgotten(site)["known"] > REQUESTS / 3, "forgotten targets")
    assert site.held(photo.path) and site.held(paths[0]) and site.held(paths[-1])

    added = site.edge.add_image("removed", photo.body, wait=True)
    assert added["purge"]["matched"]
    orders = orders_of(site, added)
    assert not site.held(photo.path)
    left = [path for path in paths if site.held(path)]
    (prefix,) = _by_prefix(orders)
    assert prefix["url"] == f"{SITE}{photo.path}"
    outcome = prefix["outcomes"]["varnish"]
    if site.cache.bans:
        assert left == []
        assert outcome["status"] == 200
        assert site.held(other.path)
    else:
        assert 0 < len(left) <= _forgotten(site)["known"]
        # Read after the copies: a sighting that a worker writes after the listing is purged by an order of its own.
        purges = site.edge.purges_of([entry["id"] for entry in added["entries"]])
        ordered = {order["url"] for order in purges if order["scope"] == "target"}
        assert [path for path in paths if path not in left and SITE + path not in ordered] == []
        assert outcome["status"] == 0
        assert "were forgotten" in added["purge"]["statement"]
        receipt = site.edge.api("GET", f"/entries/{added['entries'][0]['id']}/receipt")["summary"]
        assert (added["purge"]["state"], receipt["state"]) == ("unknown", "unknown")
        assert receipt["forgotten"]["varnish"] >= len(left)
    assert site.get(paths[0]).status == site.get(paths[-1]).status == 451
    assert site.edge.metric("edgeward_sightings_dropped_total") >= _forgotten(site)["known"] > 0
