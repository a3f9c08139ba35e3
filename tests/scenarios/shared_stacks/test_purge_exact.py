"""Each kind of cache loses what is listed or taken down, and nothing else."""

from tests.scenarios.pictures import fresh
from tests.scenarios.purge_orders import SITE, deliveries, list_and_wait, take_down_and_wait

from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack


def _cached(stack: Stack, photo: Photo, path: str) -> str:
    """Have it delivered and cached under a path with its query."""
    stack.origin.put(path, photo.body)
    assert stack.get(path).body == photo.body
    assert stack.held(path)
    return path


def test_a_listed_image_is_purged(stack: Stack) -> None:
    """From every cache and under every URL; from then on it is refused."""
    photo = fresh()
    paths = [_cached(stack, photo, path) for path in (photo.path, f"{photo.path}?v=1", f"/copy/{photo.name}")]
    beside = stack.inner["varnish-2" if stack.cache.driver == "varnish" else "varnish"]
    stack.get(photo.path, at=beside)
    assert stack.held(photo.path, at=beside)
    orders = list_and_wait(stack, photo)
    assert {order["url"] for order in orders} == {SITE + path for path in paths}
    assert [path for path in paths if stack.held(path)] == []
    assert not stack.held(photo.path, at=beside)
    assert [stack.get(path).status for path in paths] == [451] * 3


def test_neighbours_stay(stack: Stack) -> None:
    """Other images stay cached under longer and shorter paths, and under other queries of the same path."""
    photo = fresh()
    _cached(stack, photo, f"{photo.path}?v=1")
    beside = ["?v=2", "?v=11", "", "x?v=1", "/?v=1"]
    kept = [_cached(stack, fresh(), photo.path + suffix) for suffix in beside]
    kept.append(_cached(stack, fresh(), f"/more{photo.path}?v=1"))
    list_and_wait(stack, photo)
    assert not stack.held(f"{photo.path}?v=1")
    assert [path for path in kept if not stack.held(path)] == []


def test_a_takedown_by_url_leaves_the_neighbours(stack: Stack) -> None:
    """A URL with a query means that query; without one all queries, but no longer path."""
    photo = fresh()
    queries = [_cached(stack, each, f"{photo.path}?v={number}") for number, each in enumerate((photo, photo, fresh()))]
    longer = _cached(stack, fresh(), f"{photo.path}x")
    take_down_and_wait(stack, urls=[SITE + queries[0]])
    assert [stack.held(path) for path in (*queries, longer)] == [False, True, True, True]
    orders = take_down_and_wait(stack, urls=[SITE + photo.path])
    assert [stack.held(path) for path in (*queries, longer)] == [False, False, False, True]
    assert deliveries(orders, stack.cache.driver) == {"verified"}
