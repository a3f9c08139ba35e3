"""One proxy worker: a small mitmproxy Master on a port that the workers share, and its graceful end.

It loads only mitmproxy's proxy server, TLS to an https upstream, and the gate. mitmdump's default addons take half of
its time, and some act on their own: they answer for `mitm.it`, and drop clients with public addresses.
"""

import asyncio
import gc
import logging
import os
import signal

from mitmproxy.connection import Client
from mitmproxy.options import Options

from edgeward import metrics
from edgeward.descriptors import connections_allowed
from edgeward.errors import Exit
from edgeward.listening_sockets import PROXY_FD
from edgeward.proxy import stream
from edgeward.proxy.client_connection import SharedMode
from edgeward.proxy.gate import EdgewardGate
from edgeward.proxy.mitmproxy_addons import Master, Proxyserver, TlsConfig
from edgeward.proxy.runtime import Runtime
from edgeward.settings.config import Config

logger = logging.getLogger(__name__)

IDLE_CHECKS = 3
"""How many checks in a row must find a draining worker idle."""


class EdgeMaster(Master):
    """A mitmproxy that holds only a port and the gate."""

    def __init__(self, config: Config, gate: EdgewardGate) -> None:
        # Master sets it after its log handler, which needs it for what is logged in between.
        self.event_loop = asyncio.get_running_loop()
        super().__init__(Options())
        self._legacy_log_events.uninstall()  # it formats every log record, for addons that are not here
        self.gate = gate
        self.max_connections = _max_connections(config.proxy.connections)
        self.proxyserver = Proxyserver()
        self.addons.add(self.proxyserver)
        if config.proxy.upstream.startswith("https:"):
            self.addons.add(TlsConfig())
        self.addons.add(gate)
        # Options of addons that are not loaded, but which mitmproxy's core reads.
        for name, default in (("websocket", False), ("rawtcp", False)):
            if name not in self.options:
                self.options.add_option(name, bool, default, "")
        self.options.update(
            mode=[f"{SharedMode.type_name}:{config.proxy.upstream}@{config.proxy.listen}"],
            confdir=str(config.state_dir / "mitmproxy"),
            connection_strategy="lazy",
            keep_host_header=True,
            rawtcp=False,
            tcp_timeout=config.proxy.idle_seconds,
        )

    async def drain(self, seconds: float) -> None:
        """Stop listening, wait up to `seconds` for responses under way, then end."""
        self.gate.draining = True
        await self.proxyserver.servers.update([])
        deadline = asyncio.get_running_loop().time() + seconds
        idle_checks = 0
        # A decided response is written a moment after its hook: one idle check proves nothing.
        while idle_checks < IDLE_CHECKS and asyncio.get_running_loop().time() < deadline:
            idle_checks = idle_checks + 1 if self._idle() else 0
            await asyncio.sleep(0.02)
        self.should_exit.set()

    def _idle(self) -> bool:
        """No request is under way and nothing waits to be written to a client."""
        return self.gate.under_way == 0 and not any(
            isinstance(io.writer, asyncio.StreamWriter) and io.writer.transport.get_write_buffer_size()
            for handler in self.proxyserver.connections.values()
            for connection, io in handler.transports.items()
            if isinstance(connection, Client)
        )


def _max_connections(wanted: int) -> int:
    """As many client connections as there are descriptors for, each with one to the upstream."""
    allowed = connections_allowed(wanted, each=2)
    if allowed < wanted:
        logger.warning(
            "the limit of file descriptors (ulimit -Hn) allows %d client connections, and proxy.connections is %d",
            allowed, wanted,
        )  # fmt: skip
    return allowed


async def serve(config: Config) -> None:
    """Run one worker until SIGTERM or SIGINT."""
    stream.install()
    async with Runtime(config, patient=PROXY_FD in os.environ) as runtime:
        master = EdgeMaster(config, runtime.gate)
        loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[None]] = set()

        def stop() -> None:
            if not tasks:
                tasks.add(loop.create_task(master.drain(config.proxy.drain_seconds), name="drain"))

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        # What was loaded by now stays: the collector, which stops the event loop, need not visit it.
        gc.freeze()
        await master.run()


def run(config: Config) -> int:
    """The `edgeward proxy` command."""
    logging.getLogger("mitmproxy").setLevel(logging.WARNING)
    # It warns that the addon which detects protocols is missing. SharedInstance needs none.
    logging.getLogger("mitmproxy.addons.proxyserver").setLevel(logging.ERROR)
    metrics.process_starts.labels("proxy").inc()
    asyncio.run(serve(config))
    return Exit.DONE
