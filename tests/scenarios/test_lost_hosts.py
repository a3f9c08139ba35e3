"""One client breaks off as many requests as it can, at a host that it makes up or at one of the site: that takes the
word "gone" from no listing, and other people's images from no cache."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from tests.scenarios.aborts import known_gone, send
from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.pictures import fresh
from tests.scenarios.purge_orders import SITE
from tests.scenarios.stacks import add_lists
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.caches import Varnish
from edgeward.demo.stack import Stack

CLIENTS = 24
REQUESTS = 400
"""More than a worker may have given up on earlier: 30 in ten seconds, and 300 that waited."""
SETTINGS = {"proxy": {"workers": 1}, "sweep": {"enabled": False}}


class WithBans(Varnish):
    """With edgeward-bans.vcl: it purges by prefix."""

    bans = True


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One site for all that is broken off, since none of it may lose a host."""
    require("varnishd")
    with Stack(tmp_path_factory.mktemp("site"), "front", Varnish, SETTINGS) as site:
        add_lists(site)
        yield site
        assert_no_defects(site)


def break_off_many(site: Stack, path: str, headers: list[str]) -> None:
    """Each client asks for a target below the path that the origin refuses after a moment, and leaves before that."""
    numbers = count()

    def client() -> None:
        while (number := next(numbers)) < REQUESTS:
            target = f"{path}?{number}"
            with send(site, target, *headers, host="attacker.example"):
                until(partial(site.origin.count, target))

    with ThreadPoolExecutor(CLIENTS) as pool:
        for running in [pool.submit(client) for _ in range(CLIENTS)]:
            running.result()


def purged_unjudged(site: Stack) -> float:
    return site.edge.metric('edgeward_unjudged_total{result="purged"}')


@pytest.mark.timeout(180)
@pytest.mark.parametrize("headers", [[], ["X-Api-Key: 1"]], ids=["whole", "not whole"])
def test_requests_that_the_origin_refuses_late_take_the_word_from_nobody(site: Stack, headers: list[str]) -> None:
    """The cache holds nothing of what it refuses to the very same request: nothing is purged. Where the request can't
    be sent again with all its headers, each target is purged. In neither case is a host forgotten."""
    path, before = f"/private-{len(headers)}", purged_unjudged(site)
    site.origin.put(path, b"no", "text/plain", status=403, thought=0.6)
    break_off_many(site, path, headers)
    until(lambda: site.edge.metric("edgeward_unjudged_pending") == 0, "judged or purged")
    forgotten = site.edge.api("GET", "/status")["forgotten"]
    assert (forgotten["lost"], forgotten["host_names"]) == (0, []), forgotten
    assert site.edge.metric("edgeward_sightings_dropped_total") == 0
    # On a slow machine some are given up before their turn.
    purged = purged_unjudged(site) - before
    assert purged > REQUESTS / 2 if headers else purged < REQUESTS / 2
    photo = fresh()
    site.serve(photo)
    site.get(photo.path)
    added = site.edge.add_image("removed", photo.body, wait=True)
    assert known_gone(added) and added["purge"]["state"] == "gone", added["purge"]["statement"]
    assert not site.held(photo.path)


@pytest.mark.timeout(120)
def test_one_purge_of_a_host_serves_all_later_listings(tmp_path: Path) -> None:
    """A worker lost something there and died. The host is purged once: listings after that leave other people's images
    in the cache, and each knows that no copy is left."""
    require("varnishd")
    lost = tmp_path / "edge" / "state" / "lost-hosts"
    lost.mkdir(parents=True)
    (lost / "1-a").write_text('["http", "photos.example"]\n')
    # Repeats would purge the host again.
    settings = {**SETTINGS, "purge": {"repeat_seconds": [600.0]}}
    with Stack(tmp_path, "front", WithBans, settings) as site:
        add_lists(site)

        def host_purges() -> list[dict[str, object]]:
            orders = site.edge.api("GET", "/purges")["purges"]
            return [order for order in orders if order["scope"] == "prefix" and order["url"] == f"{SITE}/"]

        until(lambda: any(order["outcomes"] for order in host_purges()), "the host is purged")
        others = [fresh() for _ in range(3)]
        for photo in others:
            site.serve(photo)
            assert site.get(photo.path).status == 200
        for _ in range(3):
            photo = fresh()
            site.serve(photo)
            site.get(photo.path)
            added = site.edge.add_image("removed", photo.body, wait=True)
            assert known_gone(added), added["purge"]["statement"]
            assert (site.held(photo.path), [site.held(other.path) for other in others]) == (False, [True] * 3)
        assert len(host_purges()) == 1
        assert_no_defects(site)
