"""What the origin removes is gone from the cache too, while clients go on asking for it."""

from collections.abc import Iterator

import pytest
from tests.parts import require
from tests.scenarios.defects import without_defects
from tests.scenarios.load import Load
from tests.scenarios.pictures import fresh

from edgeward.demo.edge import until
from edgeward.demo.stage import Stage

WITHIN = 10.0


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A front stage whose origin is known to the sweep."""
    require("varnishd")
    stage = Stage(tmp_path_factory.mktemp("followed"), "front", settings={"sweep": {"within_seconds": WITHIN}})
    stage.edge.config.write_text(
        stage.edge.config.read_text() + f'\n[[hosts]]\nname = "*"\norigin = "http://{stage.origin.address}"\n'
    )
    with stage:
        yield stage
        without_defects(stage)


def test_a_removal_is_followed(followed: Stage) -> None:
    """Within the time set, for at most one request to the origin per hundred responses; what stays is never purged."""
    photos = [fresh() for _ in range(4)]
    for photo in photos:
        followed.serve(photo)
    removed, kept = photos[0], photos[1:]
    with Load(followed.door, photos, threads=3) as load:
        load.wait_for(800)
        del followed.origin.resources[removed.path]
        took = until(lambda: not followed.held(removed.path), WITHIN + 2, 0.05)
        load.wait_for(50)
    fills = len(photos)
    asked = sum(followed.origin.count(photo.path) for photo in photos) - fills
    late = [served for served in load.of(removed)[-5:] if served.shows]
    assert took <= WITHIN
    assert late == []
    # Refills of what was removed ask the origin too: each is a client's own request, answered 404.
    assert asked - sum(not served.shows for served in load.of(removed)) <= len(load.served) / 100
    assert all(followed.held(photo.path) for photo in kept)
    causes = {purge["cause"] for purge in followed.edge.api("GET", "/purges?limit=1000")["purges"]}
    assert causes == {"origin"}


def test_an_origin_that_is_down_purges_nothing(followed: Stage) -> None:
    """While it answers 503 to everything, the cache keeps what it has."""
    photo = fresh()
    followed.serve(photo)
    before = len(followed.edge.api("GET", "/purges?limit=1000")["purges"])
    down = 'edgeward_sweep_checks_total{result="down"}'
    with Load(followed.door, [photo], threads=3) as load:
        load.wait_for(10)
        followed.origin.put(photo.path, b"sorry", "text/plain", status=503)
        until(lambda: followed.edge.metric(down) >= 1, 30, 0.1)
    assert followed.held(photo.path)
    assert len(followed.edge.api("GET", "/purges?limit=1000")["purges"]) == before
