"""What is listed or taken down is gone from each kind of cache, and nothing else is."""

from tests.scenarios.orders import SITE, deliveries, listed, taken_down
from tests.scenarios.pictures import fresh

from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage


def _cached(stage: Stage, photo: Photo, path: str) -> str:
    """Have it served under a path with its query, and cached."""
    stage.origin.put(path, photo.body)
    assert stage.get(path).body == photo.body
    assert stage.held(path)
    return path


def test_a_listed_image_is_gone(stage: Stage) -> None:
    """From every cache that holds it, wherever it was served; and it is refused from then on."""
    photo = fresh()
    paths = [_cached(stage, photo, path) for path in (photo.path, f"{photo.path}?v=1", f"/copy/{photo.name}")]
    beside = stage.inner["varnish-2" if stage.cache.driver == "varnish" else "varnish"]
    stage.get(photo.path, at=beside)
    assert stage.held(photo.path, at=beside)
    orders = listed(stage, photo)
    assert {order["url"] for order in orders} == {SITE + path for path in paths}
    assert [path for path in paths if stage.held(path)] == []
    assert not stage.held(photo.path, at=beside)
    assert [stage.get(path).status for path in paths] == [451] * 3


def test_neighbours_stay(stage: Stage) -> None:
    """Other images under longer and shorter paths, and under other queries of the same path, are still cached."""
    photo = fresh()
    _cached(stage, photo, f"{photo.path}?v=1")
    beside = ["?v=2", "?v=11", "", "x?v=1", "/?v=1"]
    kept = [_cached(stage, fresh(), photo.path + suffix) for suffix in beside]
    kept.append(_cached(stage, fresh(), f"/more{photo.path}?v=1"))
    listed(stage, photo)
    assert not stage.held(f"{photo.path}?v=1")
    assert [path for path in kept if not stage.held(path)] == []


def test_a_takedown_by_url_leaves_the_neighbours(stage: Stage) -> None:
    """With a query it means that query; without one all of them, and no longer path."""
    photo = fresh()
    queries = [_cached(stage, each, f"{photo.path}?v={number}") for number, each in enumerate((photo, photo, fresh()))]
    longer = _cached(stage, fresh(), f"{photo.path}x")
    taken_down(stage, urls=[SITE + queries[0]])
    assert [stage.held(path) for path in (*queries, longer)] == [False, True, True, True]
    orders = taken_down(stage, urls=[SITE + photo.path])
    assert [stage.held(path) for path in (*queries, longer)] == [False, False, False, True]
    assert deliveries(orders, stage.cache.driver) == {"verified"}
