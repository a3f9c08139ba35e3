"""Many orders in one call."""

from hypothesis import given
from hypothesis import strategies as st
from tests.takedown.caches.fakes import order

from edgeward.takedown.caches.batches import Room, grouped, unique, written
from edgeward.takedown.caches.urls import Unsendable
from edgeward.types import Delivery, PurgeOrder

LINES = st.lists(st.lists(st.sampled_from(["a", "bb", "ccc", "dddd"]), min_size=1, max_size=3), max_size=12)


@given(LINES, st.integers(1, 5), st.integers(5, 30))
def test_every_order_is_in_one_group_that_has_room(lines: list[list[str]], items: int, size: int) -> None:
    """Groups hold each order once, in order, and no more than fits, unless a single order is too large itself."""
    numbered = {number: tuple(own) for number, own in enumerate(lines)}
    groups = grouped(numbered, Room(items, size))
    assert [number for group in groups for number in group] == list(numbered)
    for group in groups:
        held = {line for number in group for line in numbered[number]}
        assert len(group) == 1 or (len(held) <= items and sum(len(line) + 1 for line in held) <= size)


def test_doubles_take_no_room() -> None:
    """The same URL ordered twice is sent once."""
    lines, _ = written([order("/a"), order("/a"), order("/b")], lambda one: [one.target.path])
    assert grouped(lines, Room(2)) == [[0, 1, 2]]
    assert unique(lines.values()) == ["/a", "/b"]


def test_what_is_unsendable_is_answered_alone() -> None:
    """An order that can't be written is refused; the others are written."""

    def items(one: PurgeOrder) -> list[str]:
        if one.target.path == "/bad":
            raise Unsendable("no")
        return [one.target.path]

    lines, refused = written([order("/a"), order("/bad")], items)
    assert list(lines) == [0]
    assert refused[1].delivery is Delivery.REFUSED


def test_items_may_be_objects() -> None:
    """Objects come back as they were, and equal ones are one."""
    lines, _ = written([order("/a"), order("/b")], lambda _: [{"url": "u", "headers": {"origin": "o"}}])
    assert unique(lines.values()) == [{"url": "u", "headers": {"origin": "o"}}]
