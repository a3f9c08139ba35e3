"""One client asks for a listed image under so many long random queries that their purges would fill the store."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.pictures import fresh
from tests.scenarios.purge_orders import Json, list_and_wait
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.caches import Varnish
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack

CONNECTIONS = 8
QUERY_BYTES = 3500
REQUESTS = 1200
STORE_BYTES = 5 * 1024 * 1024
"""What the store may take beside what it takes at the start: the targets of the flood take much more."""


class WithBans(Varnish):
    """With edgeward-bans.vcl: it purges by prefix."""

    bans = True


@pytest.fixture(params=[WithBans, Varnish], ids=["with bans", "without bans"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Stack]:
    require("varnishd")
    settings = {"proxy": {"workers": 1}, "sweep": {"enabled": False}}
    with Stack(tmp_path_factory.mktemp("matches"), "front", request.param, settings) as site:
        site.edge.create_list("removed")
        yield site
        assert_no_defects(site)


def _limit_store(site: Stack) -> None:
    """Give the store little memory from now on."""
    (path,) = site.directory.rglob("store.sock")
    with redis.Redis(unix_socket_path=str(path)) as store:
        store.config_set("maxmemory", store.info("memory")["used_memory"] + STORE_BYTES)


def _flood(site: Stack, photo: Photo) -> list[str]:
    """Request a listed photo under random queries. Returns the paths."""
    noise = random.Random(photo.name)
    paths = [f"{photo.path}?{noise.randbytes(QUERY_BYTES).hex()}" for _ in range(REQUESTS)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        assert {answer.status for answer in pool.map(site.get, paths)} == {451}
    return paths


def _purges(site: Stack) -> list[Json]:
    found: list[Json] = site.edge.api("GET", "/purges?limit=1000")["purges"]
    return found


def test_other_listings_during_a_flood(site: Stack) -> None:
    """A further image is listed and purged, also when the flood is over. The entry of the flooded one says how many
    targets are not known to be gone, where the cache cannot purge by prefix."""
    photo, others = fresh(), [fresh(), fresh()]
    for each in (photo, *others):
        site.serve(each)
        assert site.get(each.path).status == 200
    added = site.edge.add_image("removed", photo.body, wait=True)
    _limit_store(site)
    with ThreadPoolExecutor(1) as pool:
        flood = pool.submit(_flood, site, photo)
        until(lambda: site.edge.metric("edgeward_matches_purged_by_prefix_total") > 100, "a flood")
        assert list_and_wait(site, others[0])
        paths = flood.result()
    assert list_and_wait(site, others[1])
    assert not any(site.held(each.path) for each in others)
    until(lambda: any(order["scope"] == "prefix" for order in _purges(site)), "orders by prefix")

    entry = added["entries"][0]["id"]

    def receipt() -> Json:
        found: Json = site.edge.api("GET", f"/entries/{entry}/receipt")
        return found

    until(lambda: receipt()["state"] not in ("placing", "purging"), "the purges", pause=0.5)
    if site.cache.bans:
        until(lambda: not any(site.held(path) for path in paths), "purges by prefix", pause=0.5)
        assert receipt()["state"] == "accepted"
    else:
        assert any(site.held(path) for path in paths)
        assert receipt()["state"] == "unknown"
