"""Lists: named sets of entries with their policy."""

from aiohttp import web

from edgeward.api import context, requests, serializers
from edgeward.api.list_policies import ListBody, ListPatchBody
from edgeward.operations import lists


async def index(request: web.Request) -> web.Response:
    """GET /lists"""
    requests.parse_query(request, requests.NoQuery)
    found = await lists.all_lists(context.services(request))
    return web.json_response({"lists": [serializers.list_status(each) for each in found]})


async def create(request: web.Request) -> web.Response:
    """POST /lists"""
    body = await requests.parse_body(request, ListBody)
    services, who = context.services(request), context.caller(request).name
    created = await lists.create(services, body.new_list(), who, body.why)
    headers = {"ETag": lists.entity_tag(created.status.hash_list)}
    return web.json_response(serializers.list_changed(created), status=201, headers=headers)


async def show(request: web.Request) -> web.Response:
    """GET /lists/{name}"""
    requests.parse_query(request, requests.NoQuery)
    found = await lists.get(context.services(request), request.match_info["name"])
    return web.json_response(serializers.list_status(found), headers={"ETag": lists.entity_tag(found.hash_list)})


async def change(request: web.Request) -> web.Response:
    """PATCH /lists/{name}: keys that are left out keep their value (RFC 7396 for `radius`: null restores a default).

    With If-Match, only if the policy is still the one that has this entity tag.
    """
    body = await requests.parse_body(request, ListPatchBody)
    services, who = context.services(request), context.caller(request).name
    name, if_match = request.match_info["name"], requests.if_match(request)
    changed = await lists.change(services, name, body.changes(), who, body.why, if_match)
    headers = {"ETag": lists.entity_tag(changed.status.hash_list)}
    return web.json_response(serializers.list_changed(changed), headers=headers)


async def delete(request: web.Request) -> web.Response:
    """DELETE /lists/{name}: the list and its entries."""
    why = requests.parse_query(request, requests.WhyQuery).why
    services, who = context.services(request), context.caller(request).name
    deleted = await lists.delete(services, request.match_info["name"], who, why, requests.if_match(request))
    removed = serializers.list_status(deleted.status)
    return web.json_response({"removed": removed, **serializers.change_status(deleted.change)})
