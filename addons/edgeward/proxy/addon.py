"""The gate as an addon for `mitmdump -s`, to try it in an existing mitmproxy. Requests are refused until it is ready.

Not for production, and not what `edgeward run` uses: mitmproxy reloads scripts while it runs, and lets everything
through if one then fails to load.
"""

import os
from pathlib import Path
from weakref import WeakSet

from mitmproxy import ctx, exceptions, http

from edgeward.errors import EdgewardError
from edgeward.proxy import pages, stream
from edgeward.proxy.runtime import Runtime
from edgeward.settings.config import Config
from edgeward.settings.loading import load

UNSAFE_OPTIONS = ("stream_large_bodies", "body_size_limit")
"""Options that make mitmproxy stream or cut bodies before the gate has seen them."""


class EdgewardAddon:
    """Hands every hook to the gate once it is ready."""

    def __init__(self) -> None:
        self._runtime: Runtime | None = None
        self._config: Config | None = None
        # Refused before the gate was ready. It does not know them, and may be ready by the time of their `response`.
        self._refused: WeakSet[http.HTTPFlow] = WeakSet()

    def load(self, loader: object) -> None:
        path = os.environ.get("EDGEWARD_CONFIG")
        try:
            self._config = load(Path(path) if path else None)
        except EdgewardError as error:
            # On any other exception mitmproxy logs it and goes on without this addon, unfiltered.
            raise SystemExit(f"edgeward: {error}") from error
        stream.install()

    def configure(self, updated: set[str]) -> None:
        for name in UNSAFE_OPTIONS:
            if name in updated and getattr(ctx.options, name):
                raise exceptions.OptionsError(f"{name} would let bodies pass unjudged: leave it unset")

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
            flow.response = pages.refusal_page(flow.request, 503)
        else:
            await self._runtime.gate.requestheaders(flow)

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        if self._runtime is not None:
            await self._runtime.gate.responseheaders(flow)

    async def response(self, flow: http.HTTPFlow) -> None:
        if self._runtime is not None and flow not in self._refused:
            await self._runtime.gate.response(flow)
        else:
            flow.response = pages.refusal_page(flow.request, 503)

    async def error(self, flow: http.HTTPFlow) -> None:
        if self._runtime is not None:
            await self._runtime.gate.error(flow)
