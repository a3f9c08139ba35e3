"""One proxy worker: a lean mitmproxy Master on a port that the workers share, and its graceful end.

mitmdump's default addons cost half of its time and bring answers of their own (`mitm.it`, dropping public clients), so
only the proxy server itself, TLS towards an https upstream, and the gate are loaded.
"""

import asyncio
import gc
import logging
import os
import signal

from mitmproxy.addons import proxyserver, tlsconfig
from mitmproxy.connection import Client
from mitmproxy.master import Master
from mitmproxy.options import Options

from edgeward import metrics
from edgeward.config import Config
from edgeward.errors import Exit
from edgeward.listen import PROXY_FD
from edgeward.proxy import stream
from edgeward.proxy.connection import SharedMode
from edgeward.proxy.gate import EdgewardGate
from edgeward.proxy.runtime import Runtime

logger = logging.getLogger(__name__)

IDLE_LOOKS = 3


class EdgeMaster(Master):
    """A mitmproxy with nothing in it but a port and the gate."""

    def __init__(self, config: Config, gate: EdgewardGate) -> None:
        super().__init__(Options())
        self._legacy_log_events.uninstall()  # it formats every log record for every addon
        self.gate = gate
        self.proxyserver = proxyserver.Proxyserver()
        self.addons.add(self.proxyserver)
        if config.proxy.upstream.startswith("https:"):
            self.addons.add(tlsconfig.TlsConfig())
        self.addons.add(gate)
        for name, default in (("websocket", True), ("rawtcp", False)):
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
        """Stop listening, let responses under way end for up to `seconds`, then stop."""
        self.gate.draining = True
        await self.proxyserver.servers.update([])
        deadline = asyncio.get_running_loop().time() + seconds
        quiet = 0
        # What a hook has decided is written a moment after it: only a quiet of several looks is the end.
        while quiet < IDLE_LOOKS and asyncio.get_running_loop().time() < deadline:
            quiet = quiet + 1 if self._idle() else 0
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
        gc.freeze()
        await master.run()


def run(config: Config) -> int:
    """The `edgeward proxy` command."""
    logging.getLogger("mitmproxy").setLevel(logging.WARNING)
    # It warns that the addon which guesses protocols is missing: SharedInstance knows them.
    logging.getLogger("mitmproxy.addons.proxyserver").setLevel(logging.ERROR)
    metrics.process_starts.labels("proxy").inc()
    asyncio.run(serve(config))
    return Exit.DONE
