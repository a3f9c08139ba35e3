"""All checks together."""

import asyncio
import secrets

from edgeward.doctor.cache import check_cache
from edgeward.doctor.finding import Finding, warn
from edgeward.doctor.hashers import check_hashers
from edgeward.doctor.lists import check_lists
from edgeward.doctor.proxy import check_proxy
from edgeward.doctor.store import check_store
from edgeward.operations.services import Services
from edgeward.types import Target

NO_CACHES = warn(
    "caches", "configured", "no cache is configured: nothing is purged anywhere", "add [[caches]] to the settings"
)


async def examine(services: Services, target: Target | None = None) -> list[Finding]:
    """Check the store, the lists, the proxy, the hashers and every cache.

    Args:
        target: a harmless object that the caches may store; None chooses one.
    """
    config = services.config
    target = target or await _harmless_object(services)
    # Together: each cache may need seconds.
    results = await asyncio.gather(
        check_store(services.store, services.store.replicas),
        check_lists(services.list_store, services.replica.matcher),
        check_proxy(config.proxy.listen),
        *(check_cache(cache, target) for cache in config.caches),
    )
    findings = [finding for result in results for finding in result]
    return [*findings, *check_hashers(services.hashers.layers), *([] if config.caches else [NO_CACHES])]


async def _harmless_object(services: Services) -> Target | None:
    """An object to put into the caches and purge; None if there is none.

    In placement `fill` Edgeward itself serves one. In `front` it is the image seen last: purged, it is fetched again.
    """
    if services.config.proxy.placement == "fill":
        return Target("http", "edgeward.invalid", f"/.well-known/edgeward/doctor/{secrets.token_hex(16)}")
    latest = await services.sightings.find(limit=1)
    return latest[0].target if latest else None
