"""An HTTP server for one test, whose answers the test decides on: it stands for a programme's server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

type Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FileServer:
    """Answers by `answer`; notes each request.

    Attributes:
        url: where it listens.
        requests: (method, path with query) of each, in their order.
        headers: those of the last one.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.url = ""
        self.requests: list[tuple[str, str]] = []
        self.headers: dict[str, str] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.raw_path))
        self.headers = dict(request.headers)
        return await self.answer(request)


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[FileServer]:
    """A server on a free port of loopback."""
    server = FileServer(answer)
    app = web.Application(client_max_size=64 * 1024**2)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
