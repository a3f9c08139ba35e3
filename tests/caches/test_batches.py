"""Many orders in one call."""

from hypothesis import given
from hypothesis import strategies as st
from tests.caches.orders import https_order

from edgeward.caches.batches import BatchLimits, distinct_items, encode_items, group_orders
from edgeward.caches.urls import Unsendable
from edgeward.types import Delivery, PurgeOrder

ITEMS = st.lists(st.lists(st.sampled_from(["a", "bb", "ccc", "dddd"]), min_size=1, max_size=3), max_size=12)


@given(ITEMS, st.integers(1, 5), st.integers(5, 30))
def test_every_order_is_in_one_group_within_the_limits(lines: list[list[str]], items: int, size: int) -> None:
    """Groups hold each order once, in order, and keep to the limits, unless a single order exceeds them."""
    numbered = {number: tuple(items_of_order) for number, items_of_order in enumerate(lines)}
    groups = group_orders(numbered, BatchLimits(items, size))
    assert [number for group in groups for number in group] == list(numbered)
    for group in groups:
        held = {line for number in group for line in numbered[number]}
        assert len(group) == 1 or (len(held) <= items and sum(len(line) + 1 for line in held) <= size)


def test_duplicates_count_once() -> None:
    """The same URL ordered twice is sent once."""
    lines, _ = encode_items([https_order("/a"), https_order("/a"), https_order("/b")], lambda one: [one.target.path])
    assert group_orders(lines, BatchLimits(2)) == [[0, 1, 2]]
    assert distinct_items(lines.values()) == ["/a", "/b"]


def test_an_unsendable_order_is_refused_alone() -> None:
    """An order that cannot be sent is refused; the others are encoded."""

    def items(one: PurgeOrder) -> list[str]:
        if one.target.path == "/bad":
            raise Unsendable("no")
        return [one.target.path]

    lines, refused = encode_items([https_order("/a"), https_order("/bad")], items)
    assert list(lines) == [0]
    assert refused[1].delivery is Delivery.REFUSED


def test_items_may_be_objects() -> None:
    """Objects are returned as they were, equal ones once."""
    lines, _ = encode_items(
        [https_order("/a"), https_order("/b")], lambda _: [{"url": "u", "headers": {"origin": "o"}}]
    )
    assert distinct_items(lines.values()) == [{"url": "u", "headers": {"origin": "o"}}]
