"""The gate as an addon that starts its own parts, for `mitmdump -s`: to try it inside an existing mitmproxy.

`edgeward run` does not use this. mitmproxy reloads scripts while it runs, and one that then fails to load lets
everything through. Requests are refused until the parts have started.
"""

import os
from pathlib import Path
from weakref import WeakSet

from mitmproxy import ctx, exceptions, http

from edgeward.config import Config, load
from edgeward.errors import EdgewardError
from edgeward.proxy import pages, stream
from edgeward.proxy.runtime import Runtime

UNSAFE_OPTIONS = ("stream_large_bodies", "body_size_limit")
"""Options with which mitmproxy would pass or cut bodies on its own, before the gate has seen them."""


class EdgewardAddon:
    """Hands every hook to the gate once that is up."""

    def __init__(self) -> None:
        self._runtime: Runtime | None = None
        self._config: Config | None = None
        # The gate has not seen their requests, and may be up by the time that their refusal is sent.
        self._refused: WeakSet[http.HTTPFlow] = WeakSet()

    def load(self, loader: object) -> None:
        path = os.environ.get("EDGEWARD_CONFIG")
        try:
            self._config = load(Path(path) if path else None)
        except EdgewardError as error:
            # mitmproxy logs an exception here and goes on without the addon, unfiltered.
            raise SystemExit(f"edgeward: {error}") from error
        stream.install()

    def configure(self, updated: set[str]) -> None:
        for name in UNSAFE_OPTIONS:
            if name in updated and getattr(ctx.options, name):
                raise exceptions.OptionsError(f"Edgeward can't judge what {name} passes by: leave it unset")

    async def running(self) -> None:
        assert self._config is not None
        self._runtime = await Runtime(self._config).__aenter__()

    async def done(self) -> None:
        if self._runtime is not None:
            runtime, self._runtime = self._runtime, None
            await runtime.__aexit__(None, None, None)

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        if self._runtime is None:
            self._refused.add(flow)
            flow.response = pages.refusal(flow.request, 503)
        else:
            await self._runtime.gate.requestheaders(flow)

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        if self._runtime is not None:
            await self._runtime.gate.responseheaders(flow)

    async def response(self, flow: http.HTTPFlow) -> None:
        if self._runtime is not None and flow not in self._refused:
            await self._runtime.gate.response(flow)
        else:
            flow.response = pages.refusal(flow.request, 503)

    async def error(self, flow: http.HTTPFlow) -> None:
        if self._runtime is not None:
            await self._runtime.gate.error(flow)

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        if self._runtime is not None:
            await self._runtime.gate.websocket_message(flow)
