"""How many calls it takes to purge a batch with bad items in it, and that each order gets its own outcome."""

import random
from collections.abc import Collection, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.caches.base import Purged
from edgeward.caches.batch_search import (
    MAX_EXTRA_CALLS,
    MAX_REMEMBERED,
    REMEMBERED_SECONDS,
    TOO_MANY_REFUSED,
    BatchSearch,
    RefusedItems,
)
from edgeward.caches.batches import BatchLimits, EncodedItems
from edgeward.types import Delivery

OK = Purged(Delivery.DELIVERED, 200, "accepted")
NO = Purged(Delivery.REFUSED, 400, "Invalid URL")
LATER = Purged(Delivery.WAITING, 429, "slow down")
CLOUDFLARE = BatchLimits(100)


class Api:
    """Refuses a call that has one of the bad items. `calls` has the numbers of the orders of each call."""

    def __init__(self, bad: Collection[str], names: bool = False, later_from: int | None = None) -> None:
        self.bad, self.names, self.later_from = bad, names, later_from
        self.calls: list[list[int]] = []

    async def purge(
        self, items: Sequence[str], refused: RefusedItems, limits: BatchLimits = CLOUDFLARE
    ) -> dict[int, Purged]:
        encoded: dict[int, EncodedItems] = {
            number: (f'"http://a.test/{item}"', f'"https://a.test/{item}"') for number, item in enumerate(items)
        }

        async def call(numbers: Sequence[int]) -> Purged:
            self.calls.append(list(numbers))
            if self.later_from is not None and len(self.calls) > self.later_from:
                return LATER
            found = [items[number] for number in numbers if items[number] in self.bad]
            if found and self.names:
                return Purged(Delivery.REFUSED, 400, f"Invalid URL: https://a.test/{found[0]}")
            return NO if found else OK

        return await BatchSearch(encoded, refused, call, lambda one: one.delivery is Delivery.REFUSED).run(limits)


def refused_of(outcomes: dict[int, Purged]) -> list[int]:
    return sorted(number for number, one in outcomes.items() if one.delivery is Delivery.REFUSED)


@given(st.lists(st.sampled_from("abcdefgh"), max_size=14), st.sets(st.sampled_from("abcdefgh")), st.booleans())
async def test_each_order_gets_the_outcome_of_its_items(items: list[str], bad: set[str], names: bool) -> None:
    """Exactly the bad ones are refused, also those that are in the batch twice, first and when they are retried."""
    refused, api = RefusedItems(), Api(bad, names)
    for _ in range(2):
        outcomes = await api.purge(items, refused, BatchLimits(6))
        assert sorted(outcomes) == list(range(len(items)))
        assert refused_of(outcomes) == [number for number, item in enumerate(items) if item in bad]


async def test_ten_bad_items_of_a_thousand() -> None:
    """Found once, they are sent alone: the next time the batch takes no call more than without them."""
    items = [str(number) for number in range(1000)]
    bad = set(random.Random(1).sample(items, 10))
    refused, api = RefusedItems(), Api(bad)
    waiting = items
    while waiting:
        outcomes = await api.purge(waiting, refused)
        waiting = [item for number, item in enumerate(waiting) if outcomes[number].delivery is Delivery.WAITING]
    # 20 calls of 100 URLs each are needed in any case. To halve without drawing conclusions takes about 128.
    assert len(api.calls) < 110
    api.calls.clear()
    assert len(refused_of(await api.purge(items, refused))) == 10
    assert len(api.calls) == 20 + 10
    assert [len(call) for call in api.calls[20:]] == [1] * 10


async def test_an_item_that_the_refusal_names_is_found_at_once() -> None:
    """The words of the refusal are read: two calls for each bad item, instead of one for each halving."""
    items = [f"image-{number:04}" for number in range(1000)]
    bad = set(random.Random(1).sample(items, 10))
    api = Api(bad, names=True)
    assert len(refused_of(await api.purge(items, RefusedItems()))) == 10
    assert len(api.calls) == 20 + 2 * 10


async def test_a_half_that_must_be_bad_is_not_sent_whole() -> None:
    """After the whole was refused and its first half accepted, the second half is divided without a call."""
    items = [str(number) for number in range(8)]
    api = Api({"7"})
    await api.purge(items, RefusedItems())
    assert api.calls == [[0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3], [4, 5], [6], [7]]


async def test_a_mended_item_is_sent_with_the_others_again() -> None:
    """What was refused alone and is accepted later is forgotten."""
    refused, api = RefusedItems(), Api({"a"})
    await api.purge(["a", "b"], refused)
    api.bad = ()
    await api.purge(["a", "b"], refused)
    api.calls.clear()
    await api.purge(["a", "b"], refused)
    assert api.calls == [[0, 1]]


async def test_the_rest_waits_when_the_api_says_later_or_refuses_too_much() -> None:
    """What was accepted stays accepted; no further calls are made."""
    items = [str(number) for number in range(1000)]
    api = Api((), later_from=2)
    outcomes = await api.purge(items, RefusedItems())
    assert [outcomes[number] for number in (0, 99, 100, 999)] == [OK, OK, LATER, LATER]
    assert len(api.calls) == 3
    api = Api(items)
    outcomes = await api.purge(items[:50], RefusedItems())
    assert outcomes[0] == NO
    assert outcomes[49] == TOO_MANY_REFUSED
    assert len(api.calls) == 1 + MAX_EXTRA_CALLS


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and by time: what was refused long ago may be good now."""
    refused = RefusedItems()
    for number in range(MAX_REMEMBERED + 1):
        refused.add((str(number),))
    assert ("0",) not in refused
    assert (str(MAX_REMEMBERED),) in refused
    monkeypatch.setattr("edgeward.caches.batch_search.REMEMBERED_SECONDS", 0.0)
    assert (str(MAX_REMEMBERED),) not in refused
    assert REMEMBERED_SECONDS > 600
