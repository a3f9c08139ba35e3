"""Many orders in one call: what each adds to it, without duplicates, and how much fits."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeward.caches.base import Purged
from edgeward.caches.urls import Unsendable
from edgeward.types import Delivery, PurgeOrder

type Item = str | Mapping[str, Any]
"""An element of a call's list: a URL, a path, a tag."""
type ItemsOf = Callable[[PurgeOrder], Sequence[Item]]
"""The items of an order. Raises Unsendable."""
type EncodedItems = tuple[str, ...]
"""The items of an order, each as JSON: hashable, and as long as it will be in the call."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What fits in one call: number of items, and bytes of JSON."""

    items: int
    bytes: int = 1_000_000


def encode_items(orders: Sequence[PurgeOrder], items_of: ItemsOf) -> tuple[dict[int, EncodedItems], dict[int, Purged]]:
    """The items of the orders by number, and the outcomes of the orders that the API cannot take."""
    encoded: dict[int, EncodedItems] = {}
    refused: dict[int, Purged] = {}
    for number, order in enumerate(orders):
        try:
            encoded[number] = tuple(json.dumps(item) for item in items_of(order))
        except Unsendable as error:
            refused[number] = Purged(Delivery.REFUSED, 0, str(error))
    return encoded, refused


def group_orders(encoded: Mapping[int, EncodedItems], limits: BatchLimits) -> list[list[int]]:
    """Numbers of orders whose items fit in one call. An order that does not fit is a group by itself."""
    groups: list[list[int]] = []
    in_group: set[str] = set()
    size = 0
    for number, items in encoded.items():
        new = set(items) - in_group
        if not groups or len(in_group) + len(new) > limits.items or size + _bytes(new) > limits.bytes:
            groups.append([])
            in_group, size, new = set(), 0, set(items)
        groups[-1].append(number)
        in_group |= new
        size += _bytes(new)
    return groups


def distinct_items(encoded: Iterable[EncodedItems]) -> list[Any]:
    """The items of several orders, each once."""
    return [json.loads(item) for item in dict.fromkeys(item for items in encoded for item in items)]


def _bytes(encoded: Iterable[str]) -> int:
    # Each with the comma behind it.
    return sum(len(item) + 1 for item in encoded)
