"""The object that caches are tested with, and the query under which it is asked for."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from edgeward.operations.services import Services
from edgeward.sightings.sightings import SightingRecord
from edgeward.types import Target

QUERY_NAME = "edgeward-doctor"
LATEST_IMAGES = 50
"""Images among which one is looked for that matches nothing."""


def with_own_query(target: Target) -> Target:
    """The target under a query that no cache has stored. The proxy may record a sighting of it, as of any other: if
    requests with it were left out, clients could hide copies that way."""
    separator = "&" if "?" in target.path else "?"
    return replace(target, path=f"{target.path}{separator}{QUERY_NAME}={secrets.token_hex(8)}")


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
    """
    if not services.replica.ready:
        return None
    found = await services.sightings.find(limit=LATEST_IMAGES)
    listed = await _listed(services, found)
    return next((without_own_query(each.target) for each in found if each.sha256 not in listed), None)


async def is_listed(services: Services, target: Target) -> bool:
    """Whether an image that was seen at this URL, in any scheme and form, matches an entry."""
    found = await services.sightings.find_equivalent(target.url)
    return bool(await _listed(services, [each for each in found if each.target.path == target.path]))


async def _listed(services: Services, records: Sequence[SightingRecord]) -> set[str]:
    images = await services.sightings.images_by_id(list({each.sha256 for each in records}))
    matcher = services.replica.matcher
    return {image.sha256 for image in images if await matcher.matches_async(image)}
