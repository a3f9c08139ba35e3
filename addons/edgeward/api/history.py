"""The history of lists: what each act did, and what differs between two versions."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict

from aiohttp import web

from edgeward.api import context, lookup_queries, requests, serializers, streamed_answers
from edgeward.api.serializers import Json
from edgeward.lists.audit_reader import Position
from edgeward.lists.list_diff import Difference
from edgeward.operations import list_history, list_versions
from edgeward.operations.list_history import HistoryLine


async def index(request: web.Request) -> web.Response:
    """GET /lists/{name}/history, newest first."""
    query = requests.parse_query(request, lookup_queries.HistoryQuery)
    cursor = Position.parse(query.cursor) if query.cursor else None
    found = await list_history.of_list(context.services(request), request.match_info["name"], cursor, query.limit)
    shown = [_line(each) for each in found.lines]
    return web.json_response({"history": shown, "cursor": str(found.cursor) if found.cursor else None})


def _line(value: HistoryLine) -> Json:
    shown = asdict(value)
    origin = shown.pop("origin")
    return {**shown, "from": origin}


async def diff(request: web.Request) -> web.StreamResponse:
    """GET /lists/{name}/diff: one object a line for each entry that only one of two versions has."""
    query = requests.parse_query(request, lookup_queries.DiffQuery)
    found = list_versions.diff(context.services(request), request.match_info["name"], query.first, query.last)
    return await streamed_answers.respond(request, _lines_of(found), "application/jsonl")


async def _lines_of(found: AsyncGenerator[list[Difference]]) -> AsyncGenerator[str]:
    async with aclosing(found):
        async for some in found:
            yield "".join(json.dumps(_difference(each)) + "\n" for each in some)


def _difference(value: Difference) -> Json:
    change = "added" if value.is_added else "removed"
    return {"change": change, "version": value.version, **serializers.entry(value.entry)}
