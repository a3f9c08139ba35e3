"""Entries: listed signals with their provenance."""

from typing import NamedTuple

from aiohttp import web

from edgeward.api import context, images, requests, serializers
from edgeward.operations import entries, lists
from edgeward.operations.entries import SignalsToList


class _ListingRequest(NamedTuple):
    listed: SignalsToList
    reason: str
    wait: requests.WaitQuery


async def index(request: web.Request) -> web.Response:
    """GET /lists/{name}/entries"""
    page = requests.parse_query(request, requests.PageQuery)
    list_store, name = context.services(request).list_store, request.match_info["name"]
    found, cursor = await list_store.entries(name, page.cursor, page.limit)
    return web.json_response({"entries": [serializers.entry(entry) for entry in found], "cursor": cursor})


async def add(request: web.Request) -> web.Response:
    """POST /lists/{name}/entries: hashes, or an image. Answers when every live process acts on them."""
    services, who, name = context.services(request), context.caller(request).name, request.match_info["name"]
    # An unknown list is 404 whatever the body is; an image need not be hashed for that.
    await lists.get(services, name)
    asked = await (_parse_hashes(request) if images.is_json(request) else _parse_image(request))
    added = await entries.add(services, name, asked.listed.signals, who, asked.reason, asked.wait.seconds)
    notes = [*asked.listed.notes, *([f"{added.known} of them were listed already"] if added.known else [])]
    return web.json_response(serializers.entries_added(added, notes), status=201)


async def show(request: web.Request) -> web.Response:
    """GET /entries/{id}"""
    requests.parse_query(request, requests.NoQuery)
    found = entries.find(context.services(request), request.match_info["id"])
    return web.json_response(serializers.entry(found))


async def delete(request: web.Request) -> web.Response:
    """DELETE /entries/{id} and /lists/{name}/entries/{id}. Answers when no live process acts on it any more."""
    why = requests.parse_query(request, requests.WhyQuery).why
    services, who, name = context.services(request), context.caller(request).name, request.match_info.get("name")
    removed = await entries.remove(services, request.match_info["id"], name, who, why)
    return web.json_response(
        {
            "removed": serializers.entry(removed.entry) if removed.entry else None,
            **serializers.change_status(removed.change),
        }
    )


async def _parse_hashes(request: web.Request) -> _ListingRequest:
    wait = requests.parse_query(request, requests.WaitQuery)
    body = await requests.parse_body(request, requests.HashesBody)
    listed = entries.signals_of_hashes(context.services(request), body.hashes, body.quality)
    return _ListingRequest(SignalsToList(listed), body.reason, wait)


async def _parse_image(request: web.Request) -> _ListingRequest:
    query = requests.parse_query(request, requests.ImageQuery)
    body = await images.read_image(request)
    listed = await entries.signals_of_image(context.services(request), body, query.signals.split(","))
    return _ListingRequest(listed, query.reason, query)
