"""Exports: all entries of a list as a file."""

from aiohttp import web

from edgeward.api import context, lookup_queries, requests, streamed_answers
from edgeward.lists.export_formats import EXPORT_FORMATS
from edgeward.operations import export


async def show(request: web.Request) -> web.StreamResponse:
    """GET /lists/{name}/export"""
    query = requests.parse_query(request, lookup_queries.ExportQuery)
    services, name = context.services(request), request.match_info["name"]
    parts = export.entries_of(services, name, query.format, query.type)
    media_type = EXPORT_FORMATS[query.format].media_type
    return await streamed_answers.respond(request, parts, media_type, f"{name}.{query.format}")
