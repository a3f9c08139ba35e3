"""What became of purge orders, as the admin API tells it."""

from collections.abc import Sequence
from typing import Any

from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage

SITE = "http://photos.example"
"""Where clients find the paths of a stage."""

type Json = dict[str, Any]


def listed(stage: Stage, photo: Photo) -> list[Json]:
    """List a picture, wait until it is gone everywhere, and return the orders that this led to."""
    added = stage.edge.add_image("removed", photo.body, wait=True)
    assert added["active"]
    assert added["purge"]["matched"]
    assert added["purge"]["owed"] == {}
    return orders_of(stage, added)


def orders_of(stage: Stage, added: Json) -> list[Json]:
    """The orders that a listing led to, without those for what was met in transit."""
    purges = stage.edge.purges_of([entry["id"] for entry in added["entries"]])
    return [purge for purge in purges if purge["cause"] == "listing"]


def taken_down(stage: Stage, **what: Sequence[str]) -> list[Json]:
    """Take something down, wait until it is gone everywhere, and return the orders that this led to."""
    takedown = stage.edge.api("POST", "/takedowns?wait=verified&timeout=30", what)
    assert takedown["purge"]["matched"]
    assert takedown["purge"]["owed"] == {}
    purges = stage.edge.api("GET", "/purges?limit=1000")["purges"]
    return [purge for purge in purges if purge["takedown"] == takedown["id"]]


def deliveries(orders: Sequence[Json], cache: str) -> set[str]:
    """What a cache made of these orders."""
    return {order["outcomes"][cache]["delivery"] for order in orders}
