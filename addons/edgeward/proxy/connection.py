"""How clients reach the gate: a port that processes share, and connections whose hooks go straight to the gate.

mitmproxy takes each hook through every addon, and through all of them again for an update that nobody here listens to:
a third of a request's time. Built on private parts of mitmproxy, as stream.py is.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from mitmproxy import ctx
from mitmproxy.proxy import layers, mode_servers, mode_specs
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import Event
from mitmproxy.proxy.layer import CommandGenerator, Layer
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http import _hooks as http_hooks

from edgeward.listen import BACKLOG, PROXY_FD, inherited, listening

if TYPE_CHECKING:
    from edgeward.proxy.gate import EdgewardGate

_GATE_HOOKS = {
    http_hooks.HttpRequestHeadersHook: "requestheaders",
    http_hooks.HttpRequestHook: None,
    http_hooks.HttpResponseHeadersHook: "responseheaders",
    http_hooks.HttpResponseHook: "response",
    http_hooks.HttpErrorHook: "error",
}
"""The gate's method for each hook of a request's way; None where it has none. Other hooks go mitmproxy's own way."""


class GateConnection(mode_servers.ProxyConnectionHandler):
    """One client's connection."""

    def __init__(self, gate: "EdgewardGate", *args: Any) -> None:
        super().__init__(*args)  # type: ignore[no-untyped-call]
        self._gate = gate

    async def handle_hook(self, hook: StartHook) -> None:
        if type(hook) not in _GATE_HOOKS:
            await super().handle_hook(hook)
            return
        method = _GATE_HOOKS[type(hook)]
        if method is not None:
            with self.timeout_watchdog.disarm():
                await getattr(self._gate, method)(*hook.args())


class SharedMode(mode_specs.ReverseMode):
    """A reverse proxy on a socket that the supervisor opened."""


class _ReverseProxy(layers.modes.ReverseProxy):
    """Straight to HTTP: what a connection speaks is known here and need not be guessed from its first bytes."""

    def _handle_event(self, event: Event) -> CommandGenerator[None]:
        spec = self.context.client.proxy_mode
        assert isinstance(spec, SharedMode)
        self.context.server.address = spec.address
        if spec.scheme == "https":
            self.context.server.sni = spec.address[0]
            self.child_layer = layers.ServerTLSLayer(self.context)
            self.child_layer.child_layer = layers.HttpLayer(self.context, HTTPMode.transparent)
        else:
            self.child_layer = layers.HttpLayer(self.context, HTTPMode.transparent)
        yield from self.finish_start()


class SharedInstance(mode_servers.AsyncioServerInstance[SharedMode]):
    """Listens on the inherited socket, or opens one that other processes may share."""

    def make_top_layer(self, context: Context) -> Layer:
        return _ReverseProxy(context)

    async def handle_stream(self, reader: Any, writer: Any = None) -> None:
        master: Any = ctx.master  # an EdgeMaster (server.py)
        connection = GateConnection(master.gate, master, reader, writer, ctx.options, self.mode)
        context = connection.layer.context
        connection.layer = self.make_top_layer(context)
        with self.manager.register_connection(context.client.id, connection):
            await connection.handle_client()

    async def listen(self, host: str, port: int) -> list[asyncio.Server]:  # type: ignore[override]
        sock = inherited(PROXY_FD) or listening(f"{host}:{port}", "proxy.listen", shared=True)
        return [await asyncio.start_server(self.handle_stream, sock=sock, backlog=BACKLOG)]
