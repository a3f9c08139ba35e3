"""Connections to the admin API: aiohttp's, with our answer to what is not HTTP.

aiohttp answers a malformed request with a page that names its version, and logs a traceback with the client's address.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from edgeward import metrics
from edgeward.api.problem_details import DEFECT_DETAIL, HEADERS, problem

logger = logging.getLogger(__name__)

MALFORMED_ROUTE = "malformed"
"""Label `route` of edgeward_api_requests_total for requests that were not understood."""
MALFORMED_DETAIL = "the request is malformed, or its target or a header is too long"


class Connection(web.RequestHandler):
    """One connection of a client."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that aiohttp could not read, or whose handler failed outside of our middleware."""
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the response is sent already")
        if isinstance(exc, HttpProcessingError):
            # Counted and not logged: anyone can send as many as they like.
            response = problem(400, "Malformed", MALFORMED_DETAIL)
        else:
            logger.error("a request failed", exc_info=exc)
            response = problem(500, "Internal error", DEFECT_DETAIL)
        metrics.api_requests.labels(MALFORMED_ROUTE, str(response.status)).inc()
        response.headers.update(HEADERS)
        response.force_close()
        return response


def factory(server: web.Server) -> Callable[[], Connection]:
    """Makes the protocol of each new connection, for `loop.create_server`."""
    # No access log: its lines would hold URLs and hashes.
    options: dict[str, Any] = {"loop": asyncio.get_running_loop(), "access_log": None}
    return lambda: Connection(server, **options)


async def listen(runner: web.AppRunner, sock: socket.socket) -> asyncio.Server:
    """Serve a runner that is set up on a listening socket."""
    server = runner.server
    assert server is not None
    return await asyncio.get_running_loop().create_server(factory(server), sock=sock)
