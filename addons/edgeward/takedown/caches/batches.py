"""Many orders in one call: what each adds to it, without doubles, and how much fits."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeward.takedown.caches.base import Purged
from edgeward.takedown.caches.urls import Unsendable
from edgeward.types import Delivery, PurgeOrder

type Item = str | Mapping[str, Any]
"""What one call holds many of: a URL, a path, a tag."""
type Items = Callable[[PurgeOrder], Sequence[Item]]
"""The items of an order. Raises Unsendable."""
type Lines = tuple[str, ...]
"""The items of an order, each as JSON."""


@dataclass(frozen=True, slots=True)
class Room:
    """What fits in one call: so many items, and so many bytes of JSON."""

    items: int
    bytes: int = 1_000_000


def written(orders: Sequence[PurgeOrder], items: Items) -> tuple[dict[int, Lines], dict[int, Purged]]:
    """The items of the orders by number, and the answers to those that have none that the API could take."""
    lines: dict[int, Lines] = {}
    refused: dict[int, Purged] = {}
    for number, order in enumerate(orders):
        try:
            lines[number] = tuple(json.dumps(item) for item in items(order))
        except Unsendable as error:
            refused[number] = Purged(Delivery.REFUSED, 0, str(error))
    return lines, refused


def grouped(lines: Mapping[int, Lines], room: Room) -> list[list[int]]:
    """Orders whose items fit in one call together. One that does not fit alone is a group of its own."""
    groups: list[list[int]] = []
    held: set[str] = set()
    size = 0
    for number, own in lines.items():
        more = set(own) - held
        if not groups or len(held) + len(more) > room.items or size + _bytes(more) > room.bytes:
            groups.append([])
            held, size, more = set(), 0, set(own)
        groups[-1].append(number)
        held |= more
        size += _bytes(more)
    return groups


def unique(lines: Iterable[Lines]) -> list[Any]:
    """The items of several orders, each once."""
    return [json.loads(line) for line in dict.fromkeys(line for own in lines for line in own)]


def _bytes(lines: Iterable[str]) -> int:
    return sum(len(line) + 1 for line in lines)
