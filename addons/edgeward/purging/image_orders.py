"""The purge orders that remove one image from every cache: one per target where it was seen, one per prefix of targets
that were forgotten, and one for its tag."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from edgeward.types import NO_TARGET, Cause, PurgeOrder, Scope, Target, distinct_targets, image_tag

NOTHING_FORGOTTEN: Mapping[Target, int] = MappingProxyType({})
NEVER_SEEN: Mapping[Target, float] = MappingProxyType({})


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
    forgotten: Mapping[Target, int] = NOTHING_FORGOTTEN,
    seen_at: Mapping[Target, float] = NEVER_SEEN,
) -> list[PurgeOrder]:
    """One order per target, one per prefix in `forgotten`, and one for the image's tag if `tags`: if some cache stores
    images under their tags.

    The order by tag also removes copies under targets that Edgeward has never seen. For the other arguments see
    PurgeOrder.

    Args:
        forgotten: by prefix the number of targets of the image that were forgotten there.
        seen_at: when each target was last seen to serve the image, Unix seconds, where that is known.
    """
    orders = [
        PurgeOrder(
            target, cause, started_at, sha256, entry_id, why, by, takedown=takedown, seen_at=seen_at.get(target, 0.0)
        )
        for target in distinct_targets(targets)
    ]
    orders += forgotten_orders(
        forgotten, cause, started_at, sha256=sha256, entry_id=entry_id, why=why, by=by, takedown=takedown
    )
    if tags:
        orders.append(
            PurgeOrder(
                NO_TARGET,
                cause,
                started_at,
                sha256,
                entry_id,
                why,
                by,
                scope=Scope.TAG,
                tag=image_tag(sha256),
                takedown=takedown,
                forgotten=sum(forgotten.values()),
            )
        )
    return orders


def forgotten_orders(
    forgotten: Mapping[Target, int],
    cause: Cause,
    started_at: float,
    *,
    sha256: str = "",
    entry_id: str = "",
    why: str = "",
    by: str = "",
    takedown: str = "",
) -> list[PurgeOrder]:
    """One order by prefix for each prefix in `forgotten`, which has the number of forgotten targets there."""
    return [
        PurgeOrder(
            prefix,
            cause,
            started_at,
            sha256,
            entry_id,
            why,
            by,
            scope=Scope.PREFIX,
            takedown=takedown,
            forgotten=count,
        )
        for prefix, count in forgotten.items()
    ]
