"""Exports: all entries of a list as a file."""

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

from aiohttp import web

from edgeward.api import context, lookup_queries, requests
from edgeward.errors import EdgewardError
from edgeward.lists.export_formats import EXPORT_FORMATS
from edgeward.operations import export
from edgeward.store.connection import STORE_AWAY

logger = logging.getLogger(__name__)

BROKEN_OFF: tuple[type[Exception], ...] = (EdgewardError, *STORE_AWAY)


async def show(request: web.Request) -> web.StreamResponse:
    """GET /lists/{name}/export. An answer that breaks off is not the whole list: its last chunk is missing."""
    query = requests.parse_query(request, lookup_queries.ExportQuery)
    services, name = context.services(request), request.match_info["name"]
    async with aclosing(export.entries_of(services, name, query.format, query.type)) as parts:
        first = await anext(parts)  # what can't be exported is a problem document
        headers = {"Content-Disposition": f'attachment; filename="{name}.{query.format}"'}
        response = web.StreamResponse(headers=headers)
        response.content_type, response.charset = EXPORT_FORMATS[query.format].media_type, "utf-8"
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(first.encode())
        try:
            await _send(response, parts)
        except ConnectionResetError:
            pass  # the client has left
        except BROKEN_OFF as error:
            logger.warning("an export broke off: %s", str(error) or type(error).__name__)
            if request.transport is not None:
                request.transport.abort()
    return response


async def _send(response: web.StreamResponse, parts: AsyncIterator[str]) -> None:
    async for part in parts:
        if part:
            await response.write(part.encode())
    await response.write_eof()
