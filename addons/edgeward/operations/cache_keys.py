"""Whether purges look where caches store copies: what is on record, and what a person says of it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgeward.operations.services import Services
from edgeward.purging.key_records import NOTHING_KNOWN, KeyRecord
from edgeward.settings.cache_settings import SelfHostedCache
from edgeward.types import Delivery, Outcome, PurgeOrder, Scope

logger = logging.getLogger(__name__)

EMPTIED = "cache.emptied"
"""The name of it in the audit trail."""


def unchecked(services: Services, keys: Mapping[str, KeyRecord]) -> list[str]:
    """The configured caches whose key a check could tell, and none did yet."""
    hosted = [cache.name for cache in services.config.caches if isinstance(cache, SelfHostedCache)]
    return [name for name in hosted if keys.get(name, NOTHING_KNOWN).is_unchecked]


def in_doubt(order: PurgeOrder, outcomes: Mapping[str, Outcome], keys: Mapping[str, KeyRecord]) -> dict[str, Outcome]:
    """The outcomes of an order, as far as the caches' keys let them be believed: a purge that looked under another key
    verified nothing."""
    found = dict(outcomes)
    for name in found.keys() & keys.keys() if order.scope is Scope.TARGET else ():
        doubt, outcome = keys[name].doubt(order.placed_at), found[name]
        if doubt and outcome.delivery is Delivery.VERIFIED:
            detail = f"does not match this cache's key: {doubt.detail}"
            found[name] = replace(outcome, delivery=Delivery.DELIVERED, detail=detail)
    return found


async def versions(services: Services, caches: Sequence[str]) -> list[str]:
    """For each cache a text that is another one where its orders may be in doubt that were not, or the reverse."""
    keys = await services.orders.key_mismatches.recent()
    return [f"{name}/{keys.get(name, NOTHING_KNOWN).version}" for name in caches]


async def emptied(services: Services, name: str, who: str, why: str) -> bool:
    """A person says that every copy that was in this cache is gone: what purges may have missed there is gone too.

    Args:
        who, why: for the audit trail.

    Returns:
        Whether such a cache receives orders; if not, nothing was done.
    """
    if name not in services.caches and name not in {node.name for node in await services.orders.nodes.all()}:
        return False
    # Before it counts: without the line nobody could be asked.
    await services.audit_trail.note(EMPTIED, who, why, cache=name)
    await services.orders.key_mismatches.note_emptied(name)
    logger.warning("%s says that cache %s was emptied%s", who, name, f": {why}" if why else "")
    return True
