"""A cache that is away keeps its orders, each kind of cache: named while it is away, gone when it is back."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.scenarios.orders import Json, listed, orders_of
from tests.scenarios.pictures import fresh

from edgeward.demo.caches import CacheServer
from edgeward.demo.edge import until
from edgeward.demo.photos import Photo
from edgeward.demo.stage import TIMEOUT_MS, Stage

ON_DISK = {"nginx": 0.0, "trafficserver": 4.0}
"""Caches that keep what they hold through a stop, and after how many seconds they do."""


def _served(stage: Stage) -> Photo:
    """A picture that both caches hold."""
    photo = fresh()
    stage.serve(photo)
    assert stage.get(photo.path).body == photo.body
    for cache in stage.inner.values():
        stage.get(photo.path, at=cache)
        assert stage.held(photo.path, at=cache)
    return photo


def _beside(stage: Stage) -> tuple[str, CacheServer]:
    """The other cache."""
    return next((name, cache) for name, cache in stage.inner.items() if cache is not stage.cache)


@contextmanager
def _away(leave: Callable[[], None], come_back: Callable[[], None]) -> Iterator[None]:
    leave()
    try:
        yield
    finally:
        come_back()


def _listed_while_away(stage: Stage, photo: Photo, seconds: float = 0.0) -> Json:
    """List it and wait that long: the answer must name the cache that is away. Before long that is the only one."""
    wait = f"?wait=verified&timeout={seconds}" if seconds else ""
    added: Json = stage.edge.call("POST", f"/lists/removed/entries{wait}", body=photo.body).json()
    assert added["active"]
    if seconds:
        assert added["purge"]["owed"][stage.cache.driver] == added["purge"]["orders"]
    until(lambda: {tuple(order["owed"]) for order in orders_of(stage, added)} == {(stage.cache.driver,)}, pause=0.02)
    return added


def _is_verified(stage: Stage, added: Json) -> bool:
    orders = orders_of(stage, added)
    return bool(orders) and all(
        {outcome["delivery"] for outcome in order["outcomes"].values()} == {"verified"} and not order["owed"]
        for order in orders
    )


def test_one_that_hangs(stage: Stage) -> None:
    """It owes what is listed meanwhile, the other cache is not slowed, and afterwards nobody has to ask."""
    photos = [_served(stage) for _ in range(3)]
    name, other = _beside(stage)
    with _away(stage.cache.pause, stage.cache.resume):
        added = [_listed_while_away(stage, photo) for photo in photos]
        assert not any(stage.held(photo.path, at=other) for photo in photos)
        orders = [order for each in added for order in orders_of(stage, each)]
        assert [order["owed"] for order in orders] == [[stage.cache.driver]] * 3
        # A call to the one that hangs is given up later. The least of them: the machine itself may stand still.
        assert min(order["outcomes"][name]["linger_seconds"] for order in orders) < TIMEOUT_MS / 1000
    until(lambda: not any(stage.held(photo.path) for photo in photos), pause=0.02)
    until(lambda: all(_is_verified(stage, each) for each in added), pause=0.05)


def test_one_that_was_stopped(stage: Stage) -> None:
    """What it kept on disk is served again after a start; what was listed meanwhile goes before long."""
    photo, kept = _served(stage), _served(stage)
    time.sleep(ON_DISK.get(stage.cache.driver, 0.0))
    with _away(stage.cache.stop, stage.cache.start):
        added = _listed_while_away(stage, photo, seconds=2)
    until(lambda: _is_verified(stage, added), pause=0.05)
    assert not stage.held(photo.path)
    assert stage.get(photo.path).status == 451
    if stage.cache.driver in ON_DISK:
        assert stage.held(kept.path)
        listed(stage, kept)
        assert not stage.held(kept.path)
