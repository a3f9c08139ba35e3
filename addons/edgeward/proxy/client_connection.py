"""How clients reach the gate: a port that processes share, and connections whose hooks go straight to the gate.

mitmproxy offers each hook to every addon, then offers all of them an update that no addon here uses: a third of a
request's time. Like stream.py, this is built on private parts of mitmproxy.
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

from edgeward.listening_sockets import BACKLOG, PROXY_FD, inherited_socket, listening_socket

if TYPE_CHECKING:
    from edgeward.proxy.gate import EdgewardGate

_GATE_HOOKS = {
    http_hooks.HttpRequestHeadersHook: "requestheaders",
    http_hooks.HttpRequestHook: None,
    http_hooks.HttpResponseHeadersHook: "responseheaders",
    http_hooks.HttpResponseHook: "response",
    http_hooks.HttpErrorHook: "error",
}
"""The gate's method for each hook of a request; None: it has none. mitmproxy handles all other hooks."""


class GateConnection(mode_servers.ProxyConnectionHandler):
    """One client's connection, which calls the gate itself."""

    def __init__(self, gate: "EdgewardGate", *args: Any) -> None:
        super().__init__(*args)  # type: ignore[no-untyped-call]
        self._gate = gate

    async def handle_hook(self, hook: StartHook) -> None:
        if type(hook) not in _GATE_HOOKS:
            await super().handle_hook(hook)
            return
        method = _GATE_HOOKS[type(hook)]
        if method is not None:
            # The idle timeout must not end a connection whose response is being judged.
            with self.timeout_watchdog.disarm():
                await getattr(self._gate, method)(*hook.args())


class SharedMode(mode_specs.ReverseMode):
    """A reverse proxy on a socket that the supervisor opened. mitmproxy finds SharedInstance by this class."""


class _ReverseProxy(layers.modes.ReverseProxy):
    """Expects HTTP at once, rather than detect the protocol from the first bytes."""

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
    """Listens on the socket inherited from the supervisor, or opens one that other processes may share."""

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
        sock = inherited_socket(PROXY_FD) or listening_socket(f"{host}:{port}", "proxy.listen", shared=True)
        return [await asyncio.start_server(self.handle_stream, sock=sock, backlog=BACKLOG)]
