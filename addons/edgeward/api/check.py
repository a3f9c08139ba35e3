"""POST /check: what would happen to an image or a hash."""

from aiohttp import web

from edgeward.api import context, images, match_serializers, requests
from edgeward.operations.check import check as check_image
from edgeward.operations.check import fingerprint_of_hash, fingerprint_of_image
from edgeward.operations.urls import parse_url


async def check(request: web.Request) -> web.Response:
    """POST /check"""
    services = context.services(request)
    if images.is_json(request):
        requests.parse_query(request, requests.NoQuery)
        body = await requests.parse_body(request, requests.CheckBody)
        at, fingerprint = body.at, fingerprint_of_hash(body.hash, body.quality)
    else:
        at = requests.parse_query(request, requests.CheckQuery).at
        fingerprint = await fingerprint_of_image(services, await images.read_image(request))
    target = parse_url(at, "at") if at else None
    return web.json_response(match_serializers.check_result(await check_image(services, fingerprint, target)))
