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
RESPONSES_PER_CHECK = 100
"""One request to the origin is allowed for so many (sweep.share)."""
ROUNDS = 3
"""Checks of every photograph within which a removal must be purged where clients are slower than WITHIN needs, as on a
busy machine: there are no more checks than their responses allow."""


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


@pytest.mark.timeout(300)
def test_a_removal_at_the_origin_is_purged(followed: Stack) -> None:
    """Within the time set, or a few checks; with one request to the origin per hundred responses; nothing else goes."""
    photos = [fresh() for _ in range(4)]
    for photo in photos:
        followed.serve(photo)
    removed, kept = photos[0], photos[1:]
    with Load(followed.client_address, photos, threads=3) as load:
        load.wait_for(800, seconds=120)
        del followed.origin.resources[removed.path]
        before = len(load.served)
        took = until(lambda: not followed.held(removed.path), seconds=120, pause=0.05)
        responses = len(load.served) - before
        load.wait_for(50)
    fills = len(photos)
    asked = sum(followed.origin.count(photo.path) for photo in photos) - fills
    late = [served for served in load.of(removed)[-5:] if served.shows]
    assert took <= WITHIN or responses <= ROUNDS * len(photos) * RESPONSES_PER_CHECK
    assert late == []
    # A request for the removed image that misses the cache reaches the origin too, and is answered 404.
    assert asked - sum(not served.shows for served in load.of(removed)) <= len(load.served) / RESPONSES_PER_CHECK
    assert all(followed.held(photo.path) for photo in kept)
    causes = {purge["cause"] for purge in followed.edge.api("GET", "/purges?limit=1000")["purges"]}
    assert causes == {"origin"}


def test_an_origin_that_is_down_purges_nothing(followed: Stack) -> None:
    """While it answers 503 to everything, the cache keeps its copies."""
    photos = [fresh() for _ in range(3)]
    for photo in photos:
        followed.serve(photo)
        followed.get(photo.path)
        # Before the first check of it, a moment later. The next one would come much later where clients are slow, as on
        # a busy machine: each check needs a hundred responses.
        followed.origin.put(photo.path, b"sorry", "text/plain", status=503)
    with Load(followed.client_address, photos, threads=3):
        until(
            lambda: followed.edge.metric('edgeward_sweep_checks_total{result="down"}') >= 1,
            "a check of an origin that is down",
            seconds=100,
            pause=0.1,
        )
    assert all(followed.held(photo.path) for photo in photos)
    # What other tests removed may be purged again meanwhile.
    purges = followed.edge.api("GET", "/purges?limit=1000")["purges"]
    assert [purge for purge in purges if purge["url"].endswith(tuple(photo.path for photo in photos))] == []
