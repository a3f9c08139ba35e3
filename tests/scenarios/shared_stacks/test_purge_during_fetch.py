"""Fetches that begin before a purge and end after it: the copy that they leave is purged too."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from tests.scenarios.attempts import succeeds_once
from tests.scenarios.pictures import fresh
from tests.scenarios.purge_orders import SITE, list_and_wait, take_down_and_wait
from tests.support.eventually import until

from edgeward.demo.caches import CacheServer
from edgeward.demo.http_client import HttpResponse
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack

STORES_AGAIN = {("nginx", "thought"), ("nginx", "delay"), ("squid", "thought")}
"""Caches where a purge neither waits for a fetch nor ends it: before its first byte, or in the middle of its body."""


def _served_uncached(stack: Stack) -> Photo:
    """A new picture that was delivered and is not cached."""
    photo = fresh()
    stack.serve(photo)
    assert stack.get(photo.path).body == photo.body
    take_down_and_wait(stack, urls=[SITE + photo.path])
    assert not stack.held(photo.path)
    return photo


@contextmanager
def _slow_fetch(stack: Stack, photo: Photo, slow: str, at: CacheServer | None = None) -> Iterator[Future[HttpResponse]]:
    """A fetch that has reached the origin, and ends only with the block."""
    before, going_on = stack.origin.count(photo.path), Event()
    stack.origin.put(photo.path, photo.body, **{slow: going_on})
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(stack.get, photo.path, at)
        try:
            until(lambda: stack.origin.count(photo.path) > before)
            yield answer
        finally:
            going_on.set()


def _orders(stack: Stack, photo: Photo) -> list[dict[str, Any]]:
    purges = stack.edge.api("GET", "/purges?limit=100")["purges"]
    return [purge for purge in purges if purge["url"].endswith(photo.path)]


def _says_stored_again(stack: Stack, photo: Photo) -> bool:
    """Whether an order says that a repeat found the picture stored again."""
    outcomes = [order["outcomes"].get(stack.cache.driver, {}) for order in _orders(stack, photo)]
    return any("stored again" in outcome.get("detail", "") for outcome in outcomes)


def _left_a_copy(stack: Stack, slow: str, stores_again: bool) -> bool:
    """List a picture during its fetch: in the end it is purged. Returns whether it was stored again before that."""
    photo = _served_uncached(stack)
    with ThreadPoolExecutor(1) as operator:
        with _slow_fetch(stack, photo, slow, stack.cache) as answer:
            before = len(_orders(stack, photo))
            listing = operator.submit(list_and_wait, stack, photo)
            # A cache that waits for the fetch answers the purge after it.
            until(lambda: listing.done() if stores_again else len(_orders(stack, photo)) > before)
        listing.result()
    assert answer.result().body == photo.body
    left = stack.held(photo.path)
    if stores_again:
        until(lambda: _says_stored_again(stack, photo), pause=0.02)
    until(lambda: not stack.held(photo.path), pause=0.02)
    return left or _says_stored_again(stack, photo)


@pytest.mark.measures_time
@pytest.mark.parametrize("slow", ["thought", "delay"])
def test_a_fetch_that_bypasses_edgeward(stack: Stack, slow: str) -> None:
    """Before its first byte or in its body: the purge waits for the fetch, or a repeat purges the copy that it left."""
    stores_again = (stack.cache.driver, slow) in STORES_AGAIN
    # If the purge is late, the fetch may end during it.
    assert succeeds_once(lambda: _left_a_copy(stack, slow, stores_again) == stores_again)


@pytest.mark.parametrize("slow", ["thought", "delay"])
def test_a_fetch_through_edgeward(stack: Stack, slow: str) -> None:
    """It is refused once its body is complete, and no copy stays."""
    photo = _served_uncached(stack)
    with _slow_fetch(stack, photo, slow) as answer:
        assert stack.edge.add_image("removed", photo.body)["active"]
    assert answer.result().status == 451
    until(lambda: not stack.held(photo.path), pause=0.02)
