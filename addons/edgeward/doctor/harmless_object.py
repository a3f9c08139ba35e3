"""The object that caches are tested with, and the query under which it is asked for."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from edgeward.doctor.key_variants import VARIANTS
from edgeward.operations.services import Services
from edgeward.sightings.sightings import SightingRecord
from edgeward.types import Cause, PurgeOrder, Scope, Target

QUERY_NAME = "edgeward-doctor"
LATEST_IMAGES = 50
"""Images among which one is looked for that matches nothing."""
LATEST_ORDERS = 500
PURGED_SECONDS = 86400.0
"""What an order purged within this time may be purged again at any moment, by a repeat; and somebody wants it gone."""


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
    """A target of one of the images seen last that matches no entry, and was not purged lately. None: there is none.

    A cache that is tested stores it again. A listed image would be purged by Edgeward itself while it is looked for,
    and each request for it is an incident. One that was purged may have been taken down, though no list has it.
    """
    if not services.replica.ready:
        return None
    found = await services.sightings.find(limit=LATEST_IMAGES)
    listed = await _listed(services, found)
    orders = await _latest_orders(services)
    for each in found:
        target = without_own_query(each.target)
        if each.sha256 not in listed and not any(_purges(order, target, each.sha256) for order in orders):
            return target
    return None


async def was_purged(services: Services, target: Target) -> bool:
    """Whether Edgeward has purged this target lately, or an image that was seen there is listed now."""
    orders = await _latest_orders(services)
    return any(_purges(order, target, "") for order in orders) or await is_listed(services, target)


async def purge_again(services: Services, target: Target) -> None:
    """Order purges of all that a test may have stored of a target, if it was listed or taken down meanwhile."""
    if not await was_purged(services, target):
        return
    now = services.store.clock.now()
    varies = [tuple((name.lower(), value) for name, value in headers) for headers in VARIANTS]
    orders = [PurgeOrder(replace(target, vary=vary), Cause.LISTING, now, by="key check") for vary in varies]
    await services.orders.place(orders)


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
