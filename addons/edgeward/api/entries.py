"""Entries: listed signals with their provenance."""

from dataclasses import replace
from typing import NamedTuple

from aiohttp import web

from edgeward.api import act_serializers, context, images, lookup_queries, requests, serializers
from edgeward.operations import entries, entry_effect, entry_purges, entry_search, lists, removals
from edgeward.operations.entries import SignalsToList
from edgeward.operations.entry_search import EntryFilter
from edgeward.operations.store import refuse_changes_after_loss
from edgeward.quantities import counted


class _ListingRequest(NamedTuple):
    listed: SignalsToList
    reason: str
    wait: requests.WaitQuery
    act: str
    is_image: bool = False


async def index(request: web.Request) -> web.Response:
    """GET /lists/{name}/entries"""
    page = requests.parse_query(request, lookup_queries.ListedQuery)
    services, name = context.services(request), request.match_info["name"]
    refuse_changes_after_loss(services)
    found, cursor = await services.listed_entries.page(name, page.cursor, page.limit)
    shown = [serializers.entry(entry) for entry in found]
    # A number as long as single entries are read, as in earlier releases.
    return web.json_response({"entries": shown, "cursor": int(cursor) if cursor.isdecimal() else cursor})


async def search(request: web.Request) -> web.Response:
    """GET /entries: on all lists or one, by hash, by what is near a hash, or by what is known of them."""
    query = requests.parse_query(request, lookup_queries.EntriesQuery)
    services = context.services(request)
    known = query.source_id, query.act, query.tag, query.since, query.until
    wanted = EntryFilter(query.list, query.type, query.reason, *known)
    if query.hash:
        found = await entry_search.by_hash(services, query.hash, wanted)
    elif query.near:
        found = await entry_search.near(services, query.near, wanted, query.cursor, query.limit)
    else:
        found = await entry_search.scan(services, wanted, query.cursor, query.limit)
    shown = [serializers.entry(entry) for entry in found.entries]
    if query.near:
        shown = [{**each, "distance": distance} for each, distance in zip(shown, found.distances, strict=True)]
    return web.json_response({"entries": shown, "cursor": found.cursor or None})


async def add(request: web.Request) -> web.Response:
    """POST /lists/{name}/entries: hashes, or an image. Answers when every live process acts on them."""
    services, who, name = context.services(request), context.caller(request).name, request.match_info["name"]
    # An unknown list is 404 whatever the body is; an image need not be hashed for that.
    on = (await lists.get(services, name)).hash_list
    asked = await (_parse_hashes(request) if images.is_json(request) else _parse_image(request))
    added = await entries.add(services, name, asked.listed.signals, who, asked.reason, asked.wait.seconds, asked.act)
    listed_before = f"listed already: {added.known} of {counted(len(added.entries), 'entry', 'entries')}"
    notes = [*asked.listed.notes, *([listed_before] if added.known else [])]
    notes += await entry_effect.notes(services, on, asked.listed.signals)
    if added.purge:
        effect_of = entry_effect.effect_of_image if asked.is_image else entry_effect.effect_of_all
        added = replace(added, purge=added.purge.inactive(await effect_of(services, name, asked.listed.signals)))
    return web.json_response(serializers.entries_added(added, notes), status=201)


async def purges(request: web.Request) -> web.Response:
    """POST /entries/purges: what became of the purges that entries led to, each counted once. Changes nothing."""
    wait = requests.parse_query(request, requests.WaitQuery)
    body = await requests.parse_body(request, requests.EntryPurgesBody)
    found = await entry_purges.of_entries(
        context.services(request), body.entries, body.images, body.version, wait.seconds or 0.0
    )
    return web.json_response(serializers.purge_status(found))


async def show(request: web.Request) -> web.Response:
    """GET /entries/{id}"""
    requests.parse_query(request, requests.NoQuery)
    found = entries.find(context.services(request), request.match_info["id"])
    return web.json_response(serializers.entry(found))


async def delete(request: web.Request) -> web.Response:
    """DELETE /entries/{id} and /lists/{name}/entries/{id}. Answers when no live process acts on it any more."""
    why = requests.parse_query(request, requests.WhyQuery).why
    services, who, name = context.services(request), context.caller(request).name, request.match_info.get("name")
    removed = await removals.of_entry(services, request.match_info["id"], name, who, why)
    return web.json_response(act_serializers.entry_removed(removed))


async def _parse_hashes(request: web.Request) -> _ListingRequest:
    wait = requests.parse_query(request, requests.WaitQuery)
    body = await requests.parse_body(request, requests.HashesBody)
    listed = entries.signals_of_hashes(context.services(request), body.hashes, body.quality)
    return _ListingRequest(SignalsToList(listed), body.reason, wait, body.act)


async def _parse_image(request: web.Request) -> _ListingRequest:
    query = requests.parse_query(request, requests.ImageQuery)
    body = await images.read_image(request)
    listed = await entries.signals_of_image(context.services(request), body, query.signals.split(","))
    return _ListingRequest(listed, query.reason, query, query.act, is_image=True)
