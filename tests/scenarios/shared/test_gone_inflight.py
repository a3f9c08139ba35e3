"""Fetches that began before a purge and end after it: what they leave in each kind of cache goes too."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from tests.scenarios.orders import SITE, listed, taken_down
from tests.scenarios.pictures import fresh
from tests.scenarios.tries import seen

from edgeward.demo.answer import Answer
from edgeward.demo.caches import CacheServer
from edgeward.demo.edge import until
from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage

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
    """A fetch that has reached the origin. It ends with the block, and not before."""
    before, going_on = stage.origin.count(photo.path), Event()
    stage.origin.put(photo.path, photo.body, **{slow: going_on})
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(stage.get, photo.path, at)
        try:
            until(lambda: stage.origin.count(photo.path) > before)
            yield answer
        finally:
            going_on.set()


def _orders(stage: Stage, photo: Photo) -> list[dict[str, Any]]:
    purges = stage.edge.api("GET", "/purges?limit=100")["purges"]
    return [purge for purge in purges if purge["url"].endswith(photo.path)]


def _told(stage: Stage, photo: Photo) -> bool:
    """Whether an order says that a repeat found the picture cached once more."""
    outcomes = [order["outcomes"].get(stage.cache.driver, {}) for order in _orders(stage, photo)]
    return any("stored again" in outcome.get("detail", "") for outcome in outcomes)


def _left_a_copy(stage: Stage, slow: str, stores_again: bool) -> bool:
    """List a picture while it is fetched: in the end it is gone. Whether it was stored again before that."""
    photo = _seen(stage)
    with ThreadPoolExecutor(1) as operator:
        with _slow_fetch(stage, photo, slow, stage.cache) as answer:
            before = len(_orders(stage, photo))
            listing = operator.submit(listed, stage, photo)
            # A cache that waits for the fetch answers the purge after it.
            until(lambda: listing.done() if stores_again else len(_orders(stage, photo)) > before)
        listing.result()
    assert answer.result().body == photo.body
    left = stage.held(photo.path)
    if stores_again:
        until(lambda: _told(stage, photo), pause=0.02)
    until(lambda: not stage.held(photo.path), pause=0.02)
    return left or _told(stage, photo)


@pytest.mark.parametrize("slow", ["thought", "delay"])
def test_a_fetch_past_edgeward(stage: Stage, slow: str) -> None:
    """Before its first byte or in the middle of its body: a purge waits for it, or a repeat removes what it left."""
    stores_again = (stage.cache.driver, slow) in STORES_AGAIN
    # If the purge is late, the fetch may end amid it.
    assert seen(lambda: _left_a_copy(stage, slow, stores_again) == stores_again)


@pytest.mark.parametrize("slow", ["thought", "delay"])
def test_a_fetch_through_edgeward(stage: Stage, slow: str) -> None:
    """It is refused once its body is whole, and nothing of it stays."""
    photo = _seen(stage)
    with _slow_fetch(stage, photo, slow) as answer:
        assert stage.edge.add_image("removed", photo.body)["active"]
    assert answer.result().status == 451
    until(lambda: not stage.held(photo.path), pause=0.02)
