"""Between cache and origin: hits do not reach Edgeward, and a new entry acts by its purge."""

import pytest
from tests.scenarios.pictures import fresh
from tests.support.eventually import until

from edgeward.demo.edge import Edge
from edgeward.demo.http_client import ask
from edgeward.demo.stack import Stack


def _responses(edge: Edge) -> float:
    """All responses that Edgeward has judged so far."""
    lines = ask(edge.admin, "/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("edgeward_responses_total{"))


def test_hits_do_not_reach_edgeward(fill: Stack) -> None:
    """Only the first request is judged; the cache answers the others."""
    photo = fresh()
    fill.serve(photo)
    assert fill.get(photo.path).body == photo.body
    judged = _responses(fill.edge)
    answers = [fill.get(photo.path) for _ in range(20)]
    assert {answer.header("X-Cache") for answer in answers} == {"HIT"}
    assert _responses(fill.edge) == judged


def test_a_listing_that_waits_leaves_no_copy(fill: Stack) -> None:
    """After its answer the cache holds no copy under any URL, and the next fetch is refused and not stored."""
    photo = fresh()
    fill.serve(photo)
    paths = [photo.path, f"{photo.path}?w=1", f"{photo.path}?w=2"]
    for path in paths:
        fill.get(path)
        assert fill.held(path)
    added = fill.edge.add_image("removed", photo.body, wait=True)
    assert added["purge"]["orders"] >= 3
    assert not added["purge"]["owed"] | added["purge"]["refused"]
    assert [path for path in paths if fill.held(path)] == []
    assert [fill.get(path).status for path in (*paths, *paths)] == [451] * 6
    assert [path for path in paths if fill.held(path)] == []


def test_an_image_listed_before_never_enters_the_cache(fill: Stack) -> None:
    """An image listed before its first fetch is never cached."""
    photo = fresh()
    fill.serve(photo)
    fill.edge.add_image("removed", photo.body)
    assert [fill.get(photo.path).status for _ in range(3)] == [451] * 3
    assert not fill.held(photo.path)


@pytest.mark.parametrize("headers", [{"Range": "bytes=0-99"}, {"If-None-Match": "*"}])
def test_ranges_and_conditions_on_a_cold_cache(fill: Stack, headers: dict[str, str]) -> None:
    """Whatever the client requests first, the cache never stores a listed image."""
    photo = fresh()
    fill.serve(photo)
    fill.edge.add_image("removed", photo.body)
    assert ask(fill.client_address, photo.path, headers=headers).status == 451
    assert not fill.held(photo.path)


def test_a_cache_that_is_down_is_named_and_purged_later(fill: Stack) -> None:
    """The listing names the cache that owes the purge; after the outage the copy is purged without another request."""
    photo = fresh()
    fill.serve(photo)
    fill.get(photo.path)
    fill.cache.pause()
    try:
        answer = fill.edge.call("POST", "/lists/removed/entries?wait=verified&timeout=1", body=photo.body).json()
        assert answer["purge"]["owed"].get("varnish", 0) >= 1
    finally:
        fill.cache.resume()
    until(lambda: not fill.held(photo.path))
    entries = [entry["id"] for entry in answer["entries"]]
    until(lambda: not any(purge["owed"] for purge in fill.edge.purges_of(entries)), pause=0.01)
    assert fill.get(photo.path).status == 451
