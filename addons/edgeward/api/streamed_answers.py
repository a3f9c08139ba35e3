"""Answers that are sent as they are made, of any size."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from aiohttp import web

from edgeward.errors import EdgewardError
from edgeward.store.connection import STORE_AWAY

logger = logging.getLogger(__name__)

BROKEN_OFF: tuple[type[Exception], ...] = (EdgewardError, *STORE_AWAY)


async def respond(
    request: web.Request, parts: AsyncGenerator[str], media_type: str, file_name: str = ""
) -> web.StreamResponse:
    """An answer of these parts. What is raised before the first of them is a problem document, as for any other route;
    after it the answer breaks off: its last chunk is missing, so that no client takes it for whole."""
    async with aclosing(parts):
        first = await anext(parts, "")
        headers = {"Content-Disposition": f'attachment; filename="{file_name}"'} if file_name else None
        response = web.StreamResponse(headers=headers)
        response.content_type, response.charset = media_type, "utf-8"
        response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            await response.write(first.encode())
            await _send(response, parts)
        except ConnectionResetError:
            pass  # the client has left
        except BROKEN_OFF as error:
            logger.warning("an answer broke off: %s", str(error) or type(error).__name__)
            if request.transport is not None:
                request.transport.abort()
    return response


async def _send(response: web.StreamResponse, parts: AsyncIterator[str]) -> None:
    async for part in parts:
        if part:
            await response.write(part.encode())
    await response.write_eof()
