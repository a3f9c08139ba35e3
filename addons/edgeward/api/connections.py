"""Connections to the admin API: aiohttp's, with our answer to what is not HTTP.

aiohttp answers a malformed request with a page that names its version, and logs a traceback with the client's address.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from edgeward import metrics
from edgeward.api.problem_details import DEFECT_DETAIL, HEADERS, problem
from edgeward.descriptors import connections_allowed

logger = logging.getLogger(__name__)

MALFORMED_ROUTE = "malformed"
"""Label `route` of edgeward_api_requests_total for requests that were not understood."""
MALFORMED_DETAIL = "the request is malformed, or its target or a header is too long"


MAX_CONNECTIONS = 512
"""Of clients to one controller. Beyond it the one that has been idle longest is closed; if none is, the new one is."""
IDLE_SECONDS = 75.0
"""A connection is closed after this without a request, or with an incomplete head of one."""
STALLED_SECONDS = 30.0
"""A request of whose body nothing has arrived for so long counts as idle."""


class Connection(web.RequestHandler):
    """One connection of a client."""

    __slots__ = ("_heard_at",)
    _heard_at: float

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._heard_at = time.monotonic()
        super().connection_made(transport)
        assert self._manager is not None
        # Those that are closed are among them until the event loop has had a turn.
        others = [each for each in self._manager.connections if isinstance(each, Connection) and not each._force_close]
        if len(others) > connections_allowed(MAX_CONNECTIONS, each=2):
            idle = [each for each in others if each is not self and each.is_idle]
            metrics.connections_ended.labels("admin").inc()
            min(idle, key=lambda each: each._heard_at, default=self).force_close()

    def data_received(self, data: bytes) -> None:
        self._heard_at = time.monotonic()
        super().data_received(data)

    @property
    def is_idle(self) -> bool:
        """It has sent no complete head of a request, or no more of a body for STALLED_SECONDS."""
        if self._current_request is None:
            return True
        return not self._current_request.content.is_eof() and time.monotonic() - self._heard_at > STALLED_SECONDS

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
    options: dict[str, Any] = {
        "loop": asyncio.get_running_loop(),
        "access_log": None,
        "keepalive_timeout": IDLE_SECONDS,
    }
    return lambda: Connection(server, **options)


async def listen(runner: web.AppRunner, sock: socket.socket) -> asyncio.Server:
    """Serve a runner that is set up on a listening socket."""
    server = runner.server
    assert server is not None
    return await asyncio.get_running_loop().create_server(factory(server), sock=sock)
