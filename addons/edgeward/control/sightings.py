"""Sightings: which target served which image, and when."""

from aiohttp import web

from edgeward.control import bodies, views
from edgeward.control.services import services


async def index(request: web.Request) -> web.Response:
    """GET /sightings: of a URL, of an image, or of the images that came last; newest first."""
    asked = bodies.query(request, bodies.SightingsOf)
    sha256 = asked.sha256.lower() if asked.sha256 else None
    found = await services(request).sightings.find(url=asked.url, sha256=sha256, limit=asked.limit)
    return web.json_response({"sightings": [views.sighting(each) for each in found]})
