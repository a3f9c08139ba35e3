"""Fetches that began before a purge and end after it: what they leave in each kind of cache goes too."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from tests.scenarios.orders import SITE, listed, taken_down
from tests.scenarios.pictures import fresh

from edgeward.demo.answer import Answer
from edgeward.demo.caches import CacheServer
from edgeward.demo.edge import until
from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage

SLOW = 0.3
"""Seconds that the origin takes: less than the first repeat."""
STORES_AGAIN = {("nginx", "thought"), ("nginx", "delay"), ("squid", "thought")}
"""Where a purge neither waits for a fetch under way nor spoils it: before its first byte, in the middle of its body."""


def _seen(stage: Stage) -> Photo:
    """A picture that was served and is not cached."""
    photo = fresh()
    stage.serve(photo)
    assert stage.get(photo.path).body == photo.body
    taken_down(stage, urls=[SITE + photo.path])
    assert not stage.held(photo.path)
    return photo


@contextmanager
def _slow_fetch(stage: Stage, photo: Photo, slow: str, at: CacheServer | None = None) -> Iterator[Future[Answer]]:
    """A fetch that has reached the origin. It ends with the block."""
    before = stage.origin.count(photo.path)
    stage.origin.put(photo.path, photo.body, **{slow: SLOW})
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(stage.get, photo.path, at)
        until(lambda: stage.origin.count(photo.path) > before, 5)
        yield answer


def _told(stage: Stage, photo: Photo) -> bool:
    """Whether an order says that a repeat found the picture cached once more."""
    purges = stage.edge.api("GET", "/purges?limit=100")["purges"]
    outcomes = [purge["outcomes"][stage.cache.driver] for purge in purges if purge["url"].endswith(photo.path)]
    return any("stored again" in outcome["detail"] for outcome in outcomes)


@pytest.mark.parametrize("slow", ["thought", "delay"])
def test_a_fetch_past_edgeward(stage: Stage, slow: str) -> None:
    """Before its first byte or in the middle of its body: a purge waits for it, or a repeat removes what it left."""
    photo = _seen(stage)
    stores_again = (stage.cache.driver, slow) in STORES_AGAIN
    with _slow_fetch(stage, photo, slow, stage.cache) as answer:
        listed(stage, photo)
        assert not (stores_again and answer.done()), "the listing came too late to cross the fetch"
    assert answer.result().body == photo.body
    if stores_again:
        until(lambda: _told(stage, photo), 5, 0.02)
    assert not stage.held(photo.path)
    assert _told(stage, photo) == stores_again


@pytest.mark.parametrize("slow", ["thought", "delay"])
def test_a_fetch_through_edgeward(stage: Stage, slow: str) -> None:
    """It is refused once its body is whole, and nothing of it stays."""
    photo = _seen(stage)
    with _slow_fetch(stage, photo, slow) as answer:
        assert stage.edge.add_image("removed", photo.body)["active"]
        assert not answer.done()
    assert answer.result().status == 451
    until(lambda: not stage.held(photo.path), 3, 0.02)
