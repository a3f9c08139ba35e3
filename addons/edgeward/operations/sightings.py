"""Which target served which image, as people ask for it."""

from edgeward.operations.services import Services
from edgeward.operations.urls import parse_urls
from edgeward.sightings.sightings import SightingRecord


async def find(
    services: Services, url: str | None = None, sha256: str | None = None, limit: int = 100
) -> list[SightingRecord]:
    """Sightings of a URL in every form, of an image, of both, or (neither given) of the images first seen last.
    The newest come first.

    Raises:
        InvalidValue: it is not a URL that a request can carry.
    """
    if url is None:
        return await services.sightings.find(sha256=sha256, limit=limit)
    found: dict[SightingRecord, None] = {}
    for target in parse_urls([url], "url"):
        found.update(dict.fromkeys(await services.sightings.find_equivalent(target.url)))
    wanted = [each for each in found if sha256 in (None, each.sha256)]
    return sorted(wanted, key=lambda each: each.seen_at, reverse=True)[:limit]
