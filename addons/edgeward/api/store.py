"""POST /store/refill: restores the lists of a store that lost its data."""

from aiohttp import web

from edgeward.api import context, requests, serializers
from edgeward.operations import store


async def refill(request: web.Request) -> web.Response:
    """POST /store/refill. Answers when every process of this controller's view has the restored lists; with
    `caches_emptied` at once."""
    requests.parse_query(request, requests.NoQuery)
    body = await requests.parse_body(request, requests.RefillBody)
    services, who = context.services(request), context.caller(request).name
    if body.caches_emptied:
        result = await store.caches_emptied(services, who, body.why)
    else:
        result = await store.refill(services, who, body.why, body.accept_empty, body.timeout)
    return web.json_response(serializers.refill_result(result))
