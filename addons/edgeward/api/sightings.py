"""Sightings: which target served which image, and when."""

from aiohttp import web

from edgeward.api import context, lookup_queries, requests, serializers
from edgeward.operations import sightings


async def index(request: web.Request) -> web.Response:
    """GET /sightings: of a URL, of an image, or of the images first seen last; newest first."""
    query = requests.parse_query(request, lookup_queries.SightingsQuery)
    sha256 = query.sha256.lower() if query.sha256 else None
    found = await sightings.find(context.services(request), query.url, sha256, query.limit)
    return web.json_response({"sightings": [serializers.sighting(each) for each in found]})
