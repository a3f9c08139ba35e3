"""Lists or takes down an image, and reads the resulting purge orders from the admin API."""

from collections.abc import Sequence
from typing import Any

from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack

SITE = "http://photos.example"
"""Where clients find the paths of a stack."""

type Json = dict[str, Any]


def list_and_wait(stack: Stack, photo: Photo) -> list[Json]:
    """List a picture, wait until every cached copy is verified gone, and return the purge orders."""
    added = stack.edge.add_image("removed", photo.body, wait=True)
    assert added["active"]
    assert added["purge"]["matched"]
    missing = added["purge"]["owed"] | added["purge"]["refused"]
    assert missing == {}, [order["outcomes"] for order in orders_of(stack, added)]
    return orders_of(stack, added)


def orders_of(stack: Stack, added: Json) -> list[Json]:
    """The orders of a listing, without those for responses that were blocked in transit."""
    purges = stack.edge.purges_of([entry["id"] for entry in added["entries"]])
    return [purge for purge in purges if purge["cause"] == "listing"]


def take_down_and_wait(stack: Stack, **what: Sequence[str]) -> list[Json]:
    """Take something down, wait until every cached copy is verified gone, and return the purge orders."""
    takedown = stack.edge.api("POST", "/takedowns?wait=verified&timeout=30", what)
    assert takedown["purge"]["matched"]
    assert takedown["purge"]["owed"] == takedown["purge"]["refused"] == {}
    purges = stack.edge.api("GET", "/purges?limit=1000")["purges"]
    return [purge for purge in purges if purge["takedown"] == takedown["id"]]


def deliveries(orders: Sequence[Json], cache: str) -> set[str]:
    """The outcomes of these orders at one cache."""
    return {order["outcomes"][cache]["delivery"] for order in orders}
