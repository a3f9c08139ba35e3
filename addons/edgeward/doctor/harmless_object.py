"""The object that caches are tested with, and the query under which it is asked for."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from edgeward.operations.services import Services
from edgeward.sightings.sightings import SightingRecord
from edgeward.types import PurgeOrder, Scope, Target

QUERY_NAME = "edgeward-doctor"
LATEST_IMAGES = 50
"""Images among which one is looked for that matches nothing."""
LATEST_ORDERS = 500
PURGED_SECONDS = 900.0
"""What an order purged within this time may be purged again at any moment, by a repeat."""


def with_own_query(target: Target) -> Target:
    """The target under a query that no cache has stored. The proxy may record a sighting of it, as of any other: if
    requests with it were left out, clients could hide copies that way."""
    separator = "&" if "?" in target.path else "?"
    return replace(target, path=f"{target.path}{separator}{QUERY_NAME}={secrets.token_hex(8)}")


def with_unsorted_query(target: Target) -> Target:
    """The same with two such parameters, which a cache that sorts them changes."""
    token = secrets.token_hex(7)
    separator = "&" if "?" in target.path else "?"
    return replace(target, path=f"{target.path}{separator}{QUERY_NAME}=f{token}&{QUERY_NAME}=0{token}")


def without_own_query(target: Target) -> Target:
    """The target that `with_own_query` was made of, however often; all else stays byte by byte."""
    path, mark, query = target.path.partition("?")
    kept = [part for part in query.split("&") if not part.startswith(f"{QUERY_NAME}=")]
    if len(kept) == len(query.split("&")):
        return target
    return replace(target, path=path + mark + "&".join(kept) if kept else path)


async def latest_harmless(services: Services) -> Target | None:
    """A target of one of the images seen last that matches no entry: purged, it is fetched again. None: there is none.

    A listed image would be purged by Edgeward itself while it is looked for, and each request for it is an incident.
    One that was purged lately may be purged again, and its origin may have it no longer: others go before it.
    """
    if not services.replica.ready:
        return None
    found = await services.sightings.find(limit=LATEST_IMAGES)
    listed = await _listed(services, found)
    harmless = [each for each in found if each.sha256 not in listed]
    orders = await _latest_orders(services)
    harmless.sort(key=lambda each: any(_purges(order, each.target, each.sha256) for order in orders))
    return without_own_query(harmless[0].target) if harmless else None


async def was_purged(services: Services, target: Target) -> bool:
    """Whether Edgeward has purged this target lately, or an image that was seen there is listed now."""
    orders = await _latest_orders(services)
    return any(_purges(order, target, "") for order in orders) or await is_listed(services, target)


async def is_listed(services: Services, target: Target) -> bool:
    """Whether an image that was seen at this URL, in any scheme and form, matches an entry."""
    found = await services.sightings.find_equivalent(target.url)
    return bool(await _listed(services, [each for each in found if each.target.path == target.path]))


async def _latest_orders(services: Services) -> list[PurgeOrder]:
    since = services.store.clock.now() - PURGED_SECONDS
    return [order for order, _ in await services.orders.recent(LATEST_ORDERS) if order.placed_at > since]


def _purges(order: PurgeOrder, target: Target, sha256: str) -> bool:
    """Whether an order purges a target, in any scheme and variant. `sha256`: of the image there; "" if it is not known.

    A URL without a query stands for its path with any query.
    """
    if order.sha256 and order.sha256 == sha256:
        return True
    if order.target.host != target.host or order.scope is Scope.TAG:
        return False
    if order.scope is Scope.PREFIX:
        return target.path.startswith(order.target.path)
    return target.path == order.target.path or target.path.startswith(f"{order.target.path}?")


async def _listed(services: Services, records: Sequence[SightingRecord]) -> set[str]:
    images = await services.sightings.images_by_id(list({each.sha256 for each in records}))
    matcher = services.replica.matcher
    return {image.sha256 for image in images if await matcher.matches_async(image)}
