"""Orders for an image."""

from dataclasses import replace

import pytest
from tests.support.real_caches import target

from edgeward.purging.image_orders import image_orders
from edgeward.types import NO_TARGET, Cause, PurgeOrder, Scope, image_tag

SHA256 = "ab" * 32


def test_forgotten_targets_have_orders_by_prefix() -> None:
    """One for each prefix, with how many targets it stands for; the order for the tag stands for all of them."""
    prefixes = {target("/a"): 3, target("/"): 2}
    orders = image_orders(SHA256, [target("/1")], Cause.LISTING, 5.0, entry_id="e", tags=True, forgotten=prefixes)
    assert [(order.scope, order.target.path, order.forgotten) for order in orders] == [
        (Scope.TARGET, "/1", 0), (Scope.PREFIX, "/a", 3), (Scope.PREFIX, "/", 2), (Scope.TAG, "", 5),
    ]  # fmt: skip
    assert {(order.sha256, order.entry_id, order.started_at) for order in orders} == {(SHA256, "e", 5.0)}


def test_equal_targets_have_one_order_with_the_largest_size() -> None:
    """A cache that stores slices is purged of as many as the size tells."""
    sizes = [replace(target("/1"), size=size) for size in (0, 900, 500)]
    (order,) = image_orders(SHA256, sizes, Cause.MATCH, 5.0)
    assert order.target.size == 900


@pytest.mark.parametrize("tags", [False, True])
def test_one_order_for_each_target_and_one_for_the_tag(tags: bool) -> None:
    """One order per target, and one for the tag if a cache stores tags; each says who, why and since when."""
    orders = image_orders(
        SHA256,
        [target("/1"), target("/2"), target("/1")],
        Cause.LISTING,
        5.0,
        entry_id="e",
        why="w",
        by="b",
        takedown="t",
        tags=tags,
    )
    expected = [
        PurgeOrder(target(path), Cause.LISTING, 5.0, SHA256, "e", "w", "b", takedown="t") for path in ("/1", "/2")
    ]
    by_tag = PurgeOrder(
        NO_TARGET, Cause.LISTING, 5.0, SHA256, "e", "w", "b", scope=Scope.TAG, tag=image_tag(SHA256), takedown="t"
    )
    assert orders == [*expected, *([by_tag] if tags else [])]
