"""Sightings: which target served which image, and when."""

from aiohttp import web

from edgeward.api import context, requests, serializers


async def index(request: web.Request) -> web.Response:
    """GET /sightings: of a URL, of an image, or of the latest images; newest first."""
    query = requests.parse_query(request, requests.SightingsQuery)
    sha256 = query.sha256.lower() if query.sha256 else None
    found = await context.services(request).sightings.find(url=query.url, sha256=sha256, limit=query.limit)
    return web.json_response({"sightings": [serializers.sighting(each) for each in found]})
