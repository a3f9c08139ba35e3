"""`edgeward run`: starts the store, the proxy workers and the controller, and restarts those that end.

The listening sockets belong to the supervisor. If a worker dies, its socket stays open and connections wait on it until
the next worker accepts them. If the supervisor itself dies, the kernel ends its child processes.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from edgeward.errors import ConfigError, Conflict, Exit
from edgeward.listening_sockets import ADMIN_FD, PROXY_FD, address_of, listening_socket, shared_sockets
from edgeward.process_states import STATES_FD, SharedStates
from edgeward.settings.config import Config
from edgeward.store import embedded
from edgeward.store.file_damage import end_of_server, warning_of_start
from edgeward.supervisor.child_process import ChildProcess
from edgeward.supervisor.restarts import Restarter
from edgeward.supervisor.state_files import StateFiles, unusable_state_dir
from edgeward.supervisor.store_log import keep_store_log_bounded
from edgeward.supervisor.store_start import StoreStart

logger = logging.getLogger(__name__)

STOP_GRACE_SECONDS = 10.0
"""Time to end after SIGTERM, on top of proxy.drain_seconds. Then comes SIGKILL."""
MALLOC_VARIABLES = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""For glibc in the proxy workers (mallopt(3)): the memory of a large body is returned to the system once it is sent."""


class Supervisor:
    """The Edgeward processes of one machine: their start, restart and end."""

    def __init__(self, config: Config, config_path: Path | None) -> None:
        self._config, self._config_path = config, config_path
        self._state_dir = config.state_dir.absolute()
        self._sockets: list[socket.socket] = []
        self._files = StateFiles(self._state_dir)
        self._states = SharedStates()
        self._store_start = StoreStart(config)
        self._restarters: list[Restarter] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT, and return the exit status.

        Raises:
            ConfigError: a port is in use, or state_dir can't be written.
            Conflict: another supervisor uses this state_dir.
            StoreUnavailable: the store can't be started or reached.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        with self._state_dir_lock():
            try:
                await self._start_until_stopped()
                await self._stopping.wait()
            finally:
                await self._stop()
        return Exit.DONE

    @contextlib.contextmanager
    def _state_dir_lock(self) -> Iterator[None]:
        """Create state_dir and hold its lock: two supervisors would use the same sockets and store."""
        try:
            self._state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self._state_dir / "run.lock").open("w")
        except OSError as error:
            raise ConfigError(unusable_state_dir(self._state_dir, error)) from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                other = "another `edgeward run` is using it. Stop that, or give this one a state_dir of its own"
                raise Conflict(f"state_dir = {str(self._state_dir)!r}: {other}") from None
            yield

    async def _start_until_stopped(self) -> None:
        """A store may load its data for minutes: a signal ends the start too."""
        start, stopping = asyncio.create_task(self._start()), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((start, stopping), return_when=asyncio.FIRST_COMPLETED)
            if start.done():
                await start
        finally:
            for task in (start, stopping):
                task.cancel()
            await asyncio.gather(start, stopping, return_exceptions=True)

    async def _start(self) -> None:
        config = self._config
        proxies = shared_sockets(config.proxy.listen, "proxy.listen", config.proxy.workers)
        self._sockets += proxies
        admin = listening_socket(config.admin.listen, "admin.listen")
        self._sockets.append(admin)
        self._files.delete_metrics()
        if config.store.url == "embedded":
            await self._start_child(ChildProcess("store", lambda: embedded.command(config.state_dir)))
            bounding = keep_store_log_bounded(self._state_dir)
            self._tasks.append(asyncio.create_task(bounding, name="bound the store's log"))
        self._tasks.append(await self._store_start.check(self._look_for_warnings))
        await self._start_child(
            ChildProcess("controller", self._command("controller"), {ADMIN_FD: str(admin.fileno())}, admin)
        )
        for number, sock in enumerate(proxies, 1):
            environ = {PROXY_FD: str(sock.fileno()), **MALLOC_VARIABLES}
            child = ChildProcess("proxy", self._command("proxy"), environ, sock)
            await self._start_child(child, (number, len(proxies)))
        logger.info("proxy on %s, admin API on %s", address_of(proxies[0]), address_of(admin))

    def _command(self, role: str) -> Callable[[], Sequence[str]]:
        options = ("-c", str(self._config_path)) if self._config_path else ()
        return lambda: (sys.executable, "-m", "edgeward", role, *options)

    async def _start_child(self, child: ChildProcess, place: tuple[int, int] = (1, 1)) -> None:
        """Start it, and restart it from now on; a store, from its first answer on."""
        is_store = child.role == "store"
        if not is_store:
            child.inherited = (self._states.fd,)
            child.environ = {**child.environ, STATES_FD: str(self._states.fd)}
        explain = partial(end_of_server, self._state_dir) if is_store else None
        warn = partial(warning_of_start, self._state_dir) if is_store else None
        restarter = Restarter(child, self._publish, self._files.delete_gauges, place, explain, warn)
        self._restarters.append(restarter)
        await child.start()
        if is_store:
            await self._store_start.wait(child)
        self._tasks.append(asyncio.create_task(restarter.run(), name=f"restart {child.role}"))
        self._publish()

    def _look_for_warnings(self) -> None:
        for restarter in self._restarters:
            restarter.look_for_warning()

    def _publish(self) -> None:
        """Tell child processes, and commands on this machine, what runs."""
        self._states.publish([restarter.state for restarter in self._restarters])
        children = [restarter.child for restarter in self._restarters]
        pids = {role: [c.pid for c in children if c.role == role and c.pid] for role in ("proxy", "controller")}
        store = next((child.pid for child in children if child.role == "store"), None)
        self._files.write_run_file(
            {
                "pid": os.getpid(),
                "proxy": address_of(self._sockets[0]),
                "admin": address_of(self._sockets[-1]),
                "processes": {**pids, "store": store},
            }
        )

    async def _stop(self) -> None:
        """End the proxies first, then the controller, then the store: each may need the next to finish its work."""
        self._stopping.set()
        # First of all: a task that is about to restart its process would start one that is never stopped.
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        children = [restarter.child for restarter in self._restarters]
        grace = self._config.proxy.drain_seconds + STOP_GRACE_SECONDS
        for role in ("proxy", "controller", "store"):
            await asyncio.gather(*(child.stop(grace) for child in children if child.role == role))
        for sock in self._sockets:
            sock.close()
        self._files.remove_run_file()
        self._states.close()


def run(config: Config, config_path: Path | None) -> int:
    """The `edgeward run` command."""
    return asyncio.run(Supervisor(config, config_path).run())
