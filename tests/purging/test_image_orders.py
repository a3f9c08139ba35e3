"""Orders for an image."""

import pytest
from tests.support.real_caches import target

from edgeward.purging.image_orders import image_orders
from edgeward.types import NO_TARGET, Cause, PurgeOrder, Scope, image_tag

SHA256 = "ab" * 32


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
