"""The purge orders that remove one image from every cache: one per target where it was seen, and one for its tag."""

from collections.abc import Iterable

from edgeward.types import NO_TARGET, Cause, PurgeOrder, Scope, Target, image_tag


def image_orders(
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
    """One order per target, and one for the image's tag if `tags`: if some cache stores images under their tags.

    The order by tag also removes copies under targets that Edgeward has never seen. For the other arguments see
    PurgeOrder.
    """
    orders = [
        PurgeOrder(target, cause, started_at, sha256, entry_id, why, by, takedown=takedown)
        for target in dict.fromkeys(targets)
    ]
    if tags:
        tag = image_tag(sha256)
        orders.append(
            PurgeOrder(
                NO_TARGET, cause, started_at, sha256, entry_id, why, by, scope=Scope.TAG, tag=tag, takedown=takedown
            )
        )
    return orders
