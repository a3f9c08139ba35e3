"""What the origin removes is purged from the cache too, while clients still request it."""

from collections.abc import Iterator

import pytest
from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.client_load import Load
from tests.scenarios.pictures import fresh
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.stack import Stack

WITHIN = 10.0


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A front stack whose origin the origin check may ask."""
    require("varnishd")
    stack = Stack(tmp_path_factory.mktemp("followed"), "front", settings={"sweep": {"within_seconds": WITHIN}})
    stack.edge.config.write_text(
        stack.edge.config.read_text() + f'\n[[hosts]]\nname = "*"\norigin = "http://{stack.origin.address}"\n'
    )
    with stack:
        yield stack
        assert_no_defects(stack)


def test_a_removal_at_the_origin_is_purged(followed: Stack) -> None:
    """Within the time set, with at most one request to the origin per hundred responses; nothing else is purged."""
    photos = [fresh() for _ in range(4)]
    for photo in photos:
        followed.serve(photo)
    removed, kept = photos[0], photos[1:]
    with Load(followed.client_address, photos, threads=3) as load:
        load.wait_for(800)
        del followed.origin.resources[removed.path]
        took = until(lambda: not followed.held(removed.path), seconds=WITHIN + 2, pause=0.05)
        load.wait_for(50)
    fills = len(photos)
    asked = sum(followed.origin.count(photo.path) for photo in photos) - fills
    late = [served for served in load.of(removed)[-5:] if served.shows]
    assert took <= WITHIN
    assert late == []
    # A request for the removed image that misses the cache reaches the origin too, and is answered 404.
    assert asked - sum(not served.shows for served in load.of(removed)) <= len(load.served) / 100
    assert all(followed.held(photo.path) for photo in kept)
    causes = {purge["cause"] for purge in followed.edge.api("GET", "/purges?limit=1000")["purges"]}
    assert causes == {"origin"}


def test_an_origin_that_is_down_purges_nothing(followed: Stack) -> None:
    """While it answers 503 to everything, the cache keeps its copies."""
    photo = fresh()
    followed.serve(photo)
    down = 'edgeward_sweep_checks_total{result="down"}'
    with Load(followed.client_address, [photo], threads=3) as load:
        load.wait_for(10)
        followed.origin.put(photo.path, b"sorry", "text/plain", status=503)
        until(lambda: followed.edge.metric(down) >= 1, seconds=30, pause=0.1)
    assert followed.held(photo.path)
    # What other tests removed may be purged again meanwhile.
    purges = followed.edge.api("GET", "/purges?limit=1000")["purges"]
    assert [purge for purge in purges if purge["url"].endswith(photo.path)] == []
