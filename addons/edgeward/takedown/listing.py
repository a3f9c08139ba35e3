"""From an image that must go to the purge orders that remove it: every target that it was seen at, and its tag."""

from collections.abc import Iterable

from edgeward.types import NOWHERE, Cause, PurgeOrder, Scope, Target, image_tag


def orders_for(
    sha256: str,
    targets: Iterable[Target],
    cause: Cause,
    started_at: float,
    *,
    entry_id: str = "",
    why: str = "",
    by: str = "",
    takedown: str = "",
    tags: bool = False,
) -> list[PurgeOrder]:
    """One order for each target and, where a cache keeps `tags`, one for all that bears the image's; see PurgeOrder.

    The order by tag also reaches what the image was stored under and never seen at.
    """
    orders = [
        PurgeOrder(target, cause, started_at, sha256, entry_id, why, by, takedown=takedown)
        for target in dict.fromkeys(targets)
    ]
    if tags:
        tag = image_tag(sha256)
        orders.append(
            PurgeOrder(
                NOWHERE, cause, started_at, sha256, entry_id, why, by, scope=Scope.TAG, tag=tag, takedown=takedown
            )
        )
    return orders
