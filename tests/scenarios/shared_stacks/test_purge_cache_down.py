"""A cache that is down, of each kind: answers name it meanwhile, and its orders are done when it is back."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.scenarios.pictures import fresh
from tests.scenarios.purge_orders import Json, list_and_wait, orders_of
from tests.support.eventually import until

from edgeward.demo.caches import CacheServer
from edgeward.demo.photos import Photo
from edgeward.demo.stack import PURGE_TIMEOUT_MS, Stack

ON_DISK = {"nginx": 0.0, "trafficserver": 4.0}
"""Caches whose content survives a stop, and after how many seconds it is on disk."""


def _cached_everywhere(stack: Stack) -> Photo:
    """A new picture that both caches hold."""
    photo = fresh()
    stack.serve(photo)
    assert stack.get(photo.path).body == photo.body
    for cache in stack.inner.values():
        stack.get(photo.path, at=cache)
        assert stack.held(photo.path, at=cache)
    return photo


def _other_cache(stack: Stack) -> tuple[str, CacheServer]:
    """The other cache."""
    return next((name, cache) for name, cache in stack.inner.items() if cache is not stack.cache)


@contextmanager
def _down(leave: Callable[[], None], come_back: Callable[[], None]) -> Iterator[None]:
    leave()
    try:
        yield
    finally:
        come_back()


def _list_while_down(stack: Stack, photo: Photo, seconds: float = 0.0) -> Json:
    """List it and wait that long: the answer must name the cache that is down, soon as the only one."""
    wait = f"?wait=verified&timeout={seconds}" if seconds else ""
    added: Json = stack.edge.call("POST", f"/lists/removed/entries{wait}", body=photo.body).json()
    assert added["active"]
    if seconds:
        assert added["purge"]["owed"][stack.cache.driver] == added["purge"]["orders"]
    until(lambda: {tuple(order["owed"]) for order in orders_of(stack, added)} == {(stack.cache.driver,)}, pause=0.02)
    return added


def _is_verified(stack: Stack, added: Json) -> bool:
    orders = orders_of(stack, added)
    return bool(orders) and all(
        {outcome["delivery"] for outcome in order["outcomes"].values()} == {"verified"} and not order["owed"]
        for order in orders
    )


def test_a_cache_that_hangs(stack: Stack) -> None:
    """It owes the orders of that time, the other cache is not delayed, and afterwards no request is needed."""
    photos = [_cached_everywhere(stack) for _ in range(3)]
    name, other = _other_cache(stack)
    with _down(stack.cache.pause, stack.cache.resume):
        added = [_list_while_down(stack, photo) for photo in photos]
        assert not any(stack.held(photo.path, at=other) for photo in photos)
        orders = [order for each in added for order in orders_of(stack, each)]
        assert [order["owed"] for order in orders] == [[stack.cache.driver]] * 3
        # Less than the time-out of a call to the cache that hangs. The minimum, as the machine itself may stand still.
        assert min(order["outcomes"][name]["linger_seconds"] for order in orders) < PURGE_TIMEOUT_MS / 1000
    until(lambda: not any(stack.held(photo.path) for photo in photos), pause=0.02)
    until(lambda: all(_is_verified(stack, each) for each in added), pause=0.05)


def test_a_cache_that_was_stopped(stack: Stack) -> None:
    """Copies on disk are served again after its start; those listed meanwhile are purged soon."""
    photo, kept = _cached_everywhere(stack), _cached_everywhere(stack)
    time.sleep(ON_DISK.get(stack.cache.driver, 0.0))
    with _down(stack.cache.stop, stack.cache.start):
        added = _list_while_down(stack, photo, seconds=2)
    until(lambda: _is_verified(stack, added), pause=0.05)
    assert not stack.held(photo.path)
    assert stack.get(photo.path).status == 451
    if stack.cache.driver in ON_DISK:
        assert stack.held(kept.path)
        list_and_wait(stack, kept)
        assert not stack.held(kept.path)
