"""Removals: entries taken off a list, by what they have in common."""

from aiohttp import web

from edgeward.api import act_serializers, context, images, requests
from edgeward.operations import entries, lists, removals
from edgeward.operations.removals import EntriesRemoved, RemovalRequest
from edgeward.operations.services import Services


async def create(request: web.Request) -> web.Response:
    """POST /lists/{name}/removals. Answers when no live process acts on the entries any more."""
    services, who, name = context.services(request), context.caller(request).name, request.match_info["name"]
    # An unknown list is 404 whatever the body is; an image need not be hashed for that.
    await lists.get(services, name)
    if images.is_json(request):
        requests.parse_query(request, requests.NoQuery)
        body = await requests.parse_body(request, requests.RemovalBody)
        removed = await _remove(services, RemovalRequest(name, who, body.why, body.dry_run), body)
    else:
        query = requests.parse_query(request, requests.RemovalQuery)
        image = await images.read_image(request)
        removed = await removals.of_image(services, RemovalRequest(name, who, query.why, query.dry_run), image)
    return web.json_response(act_serializers.entries_removed(removed))


async def _remove(services: Services, asked: RemovalRequest, body: requests.RemovalBody) -> EntriesRemoved:
    if body.act:
        return await removals.of_act(services, asked, body.act)
    if body.source_id:
        return await removals.of_source(services, asked, body.source_id)
    if body.entries:
        return await removals.of_ids(services, asked, body.entries)
    return await removals.of_signals(services, asked, entries.signals_of_hashes(services, body.hashes))
