"""How clients reach the gate: a port that processes share, and connections whose hooks go straight to the gate.

mitmproxy offers each hook to every addon, then offers all of them an update that no addon here uses: a third of a
request's time. Like stream.py, this is built on private parts of mitmproxy.
"""

import asyncio
import heapq
import time
from typing import TYPE_CHECKING, Any

from mitmproxy import ctx, http
from mitmproxy.connection import Connection
from mitmproxy.proxy import layers, mode_servers, mode_specs
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import Event
from mitmproxy.proxy.layer import CommandGenerator, Layer
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http import _hooks as http_hooks
from mitmproxy.proxy.server import ConnectionIO

from edgeward import metrics
from edgeward.listening_sockets import BACKLOG, PROXY_FD, inherited_socket, listening_socket, report_ready
from edgeward.proxy import flow_state
from edgeward.proxy.body_memory import Reservation
from edgeward.proxy.idle_timeout import IdleTimeout

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


TURN_SECONDS = 0.005
"""After so much time for what was read, the event loop gets a turn before more is read."""

ACCEPTED_AT_ONCE = 64
"""Connections that are accepted before others run."""


class GateConnection(mode_servers.ProxyConnectionHandler):
    """One client's connection, which calls the gate itself."""

    def __init__(self, gate: "EdgewardGate", *args: Any) -> None:
        super().__init__(*args)  # type: ignore[no-untyped-call]
        self.timeout_watchdog = IdleTimeout(self.timeout_watchdog.timeout, self.on_timeout)
        self._gate = gate
        self._flow: http.HTTPFlow | None = None
        self._decided = asyncio.Event()
        """Set while no hook of the gate runs."""
        self._decided.set()
        self._body: Reservation | None = None
        """Memory of the latest response's body."""
        self._read_at = 0.0

    async def handle_hook(self, hook: StartHook) -> None:
        if type(hook) not in _GATE_HOOKS:
            await super().handle_hook(hook)
            return
        method = _GATE_HOOKS[type(hook)]
        if method is None:
            return
        (self._flow,) = hook.args()
        self._decided.clear()
        try:
            # The idle timeout must not end a connection whose response is being judged.
            with self.timeout_watchdog.disarm():
                await getattr(self._gate, method)(self._flow)
            if method == "responseheaders":
                self._note_memory(self._flow)
        finally:
            self._decided.set()

    async def handle_client(self) -> None:
        await super().handle_client()
        # Of the last request only: a connection carries them one after another. A hook that still runs ends it itself.
        if self._flow is not None and self._decided.is_set():
            await self._gate.disconnected(self._flow)

    def _note_memory(self, flow: http.HTTPFlow) -> None:
        """Tell the memory of a body which connections it depends on."""
        state, io = flow_state.get(flow), self.transports.get(self.client)
        self._body = None if state is None else state.memory
        if self._body is None or io is None:
            return
        self._body.client = _transport(io)
        if state is not None and state.body_limit is not None and flow.server_conn in self.transports:
            self._body.wait_for_upstream(_transport(self.transports[flow.server_conn]))

    async def drain_writers(self) -> None:
        """Called after each read. Read no more while a hook decides on what was read, or while there is no memory for
        the rest of the body: what mitmproxy reads meanwhile, it would keep.

        Where more has arrived already, reading does not wait: after long work others run first."""
        await super().drain_writers()  # type: ignore[no-untyped-call]
        if time.perf_counter() - self._read_at > TURN_SECONDS:
            await asyncio.sleep(0)
        self._read_at = time.perf_counter()
        if not self._decided.is_set():
            await self._decided.wait()
        if self._body is not None and asyncio.current_task() is not self.transports[self.client].handler:
            await self._body.wait_for_room()

    async def on_timeout(self) -> None:
        """The client did nothing for idle_seconds: what it has not read by now, it never will."""
        io = self.transports.get(self.client)
        await super().on_timeout()
        if io is not None and (transport := _transport(io)) is not None and transport.get_write_buffer_size():
            transport.abort()

    @property
    def is_idle(self) -> bool:
        """No request is under way."""
        reverse_proxy: Any = self.layer
        http_layer = getattr(reverse_proxy, "child_layer", None)
        return not getattr(http_layer, "streams", None)

    def end_idle(self) -> None:
        """Close the connection. Only if it `is_idle`."""
        io = self.transports.get(self.client)
        if io is not None and io.handler is not None:
            io.handler.cancel("too many connections")

    async def handle_connection(self, connection: Connection) -> None:
        """Read from a connection until it ends. mitmproxy leaves the socket open if it is cancelled at a bad moment."""
        io = self.transports[connection]
        try:
            await super().handle_connection(connection)
        finally:
            if io.writer is not None:
                io.writer.close()
            if (transport := _transport(io)) is not None and transport.get_write_buffer_size():
                # Its peer may never read what is left.
                asyncio.get_running_loop().call_later(self.timeout_watchdog.timeout, transport.abort)


def _transport(io: ConnectionIO) -> asyncio.WriteTransport | None:
    return io.writer.transport if isinstance(io.writer, asyncio.StreamWriter) else None


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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ending: set[GateConnection] = set()
        """Connections that were closed to make room, until they have ended."""

    def make_top_layer(self, context: Context) -> Layer:
        return _ReverseProxy(context)

    async def handle_stream(self, reader: Any, writer: Any = None) -> None:
        master: Any = ctx.master  # an EdgeMaster (server.py)
        # Those that are closed are among them until the event loop has had a turn.
        open_count = len(self.manager.connections) - len(self._ending)
        if open_count >= master.max_connections and not self._make_room():
            metrics.connections_ended.labels("connections").inc()
            writer.transport.abort()
            return
        connection = GateConnection(master.gate, master, reader, writer, ctx.options, self.mode)
        context = connection.layer.context
        connection.layer = self.make_top_layer(context)
        try:
            with self.manager.register_connection(context.client.id, connection):
                await connection.handle_client()
        finally:
            self._ending.discard(connection)

    def _make_room(self) -> bool:
        """Close the connections that have been idle longest, some at a time. False: none is idle."""
        connections = [each for each in self.manager.connections.values() if isinstance(each, GateConnection)]
        idle = [each for each in connections if each not in self._ending and each.is_idle]
        oldest = heapq.nsmallest(1 + len(idle) // 64, idle, key=lambda each: each.timeout_watchdog.last_activity)
        for connection in oldest:
            metrics.connections_ended.labels("connections").inc()
            connection.end_idle()
            self._ending.add(connection)
        return bool(oldest)

    async def listen(self, host: str, port: int) -> list[asyncio.Server]:  # type: ignore[override]
        sock = inherited_socket(PROXY_FD) or listening_socket(f"{host}:{port}", "proxy.listen", shared=True)
        # asyncio accepts as many as its backlog before any is looked at: there may be fewer descriptors.
        server = await asyncio.start_server(self.handle_stream, sock=sock, backlog=ACCEPTED_AT_ONCE)
        sock.listen(BACKLOG)
        report_ready()
        return [server]
