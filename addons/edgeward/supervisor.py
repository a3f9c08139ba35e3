"""`edgeward run`: starts the store, the proxy workers and the controller, and restarts those that end.

The listening sockets belong to the supervisor. If a worker dies, its socket stays open and connections wait on it until
the next worker accepts them. If the supervisor itself dies, the kernel ends its child processes.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import json
import logging
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from edgeward.errors import ConfigError, Conflict, EdgewardError, Exit
from edgeward.isolation.exit_status import describe_exit
from edgeward.listening_sockets import ADMIN_FD, PROXY_FD, address_of, listening_socket, shared_sockets
from edgeward.settings.config import Config
from edgeward.store import embedded
from edgeward.store.connection import Store

logger = logging.getLogger(__name__)

FIRST_RESTART_PAUSE_SECONDS = 0.05
LONGEST_RESTART_PAUSE_SECONDS = 5.0
STEADY_AFTER_SECONDS = 10.0
"""A child process that ran longer than this had started well: its next restart is again without a long pause."""
STOP_GRACE_SECONDS = 10.0
"""Time to end after SIGTERM, on top of proxy.drain_seconds. Then comes SIGKILL."""
MALLOC_VARIABLES = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""For glibc in the proxy workers (mallopt(3)): the memory of a large body is returned to the system once it is sent."""
METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"
_PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>: the signal that a process gets when its parent dies."""


@dataclass(slots=True)
class ChildProcess:
    """One process that is restarted when it ends.

    `command` is called at each start. `listener` is a socket that the process inherits.
    """

    role: str
    command: Callable[[], Sequence[str]]
    environ: Mapping[str, str] = field(default_factory=dict)
    listener: socket.socket | None = None
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        fds = (self.listener.fileno(),) if self.listener else ()
        self.process = await asyncio.create_subprocess_exec(
            *self.command(),
            env={**os.environ, **self.environ},
            pass_fds=fds,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=None if self.role != "store" else asyncio.subprocess.DEVNULL,
            preexec_fn=partial(_end_with_parent, os.getpid()),
            process_group=0,  # Ctrl-C reaches the supervisor only, which stops its child processes in order
        )

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.returncode is None else None

    async def stop(self, grace: float) -> None:
        """Send SIGTERM, and SIGKILL if the process is still running `grace` seconds later."""
        if self.process is None or self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), grace)
        except TimeoutError:
            logger.warning("%s (pid %d) did not stop within %g s and is killed", self.role, self.process.pid, grace)
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


def _end_with_parent(parent: int) -> None:
    """Have the kernel send SIGTERM when the supervisor dies (prctl(2)). Runs in the child process, before exec."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # It died before the kernel was told: no signal will come.
        os._exit(Exit.FOUND)


class Supervisor:
    """The Edgeward processes of one machine: their start, restart and end."""

    def __init__(self, config: Config, config_path: Path | None) -> None:
        self._config, self._config_path = config, config_path
        self._state_dir = config.state_dir.absolute()
        self._sockets: list[socket.socket] = []
        self._children: list[ChildProcess] = []
        self._restarters: list[asyncio.Task[None]] = []
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
                await self._start()
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
            raise ConfigError(f"state_dir = {str(self._state_dir)!r}: {error.strerror}") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Conflict(f"state_dir = {str(self._state_dir)!r}: another `edgeward run` is using it") from None
            yield

    async def _start(self) -> None:
        config = self._config
        proxies = shared_sockets(config.proxy.listen, "proxy.listen", config.proxy.workers)
        self._sockets += proxies
        admin = listening_socket(config.admin.listen, "admin.listen")
        self._sockets.append(admin)
        self._delete_metrics()
        if config.store.url == "embedded":
            await self._start_child(ChildProcess("store", lambda: embedded.command(config.state_dir)))
            await embedded.wait_ready(config.socket_path)
        await self._check_store()
        await self._start_child(
            ChildProcess("controller", self._command("controller"), {ADMIN_FD: str(admin.fileno())}, admin)
        )
        for sock in proxies:
            environ = {PROXY_FD: str(sock.fileno()), **MALLOC_VARIABLES}
            await self._start_child(ChildProcess("proxy", self._command("proxy"), environ, sock))
        logger.info("proxy on %s, admin API on %s", address_of(proxies[0]), address_of(admin))

    def _delete_metrics(self) -> None:
        """Start with an empty directory: counters of an earlier run would be added to those of this one."""
        directory = self._state_dir / "metrics"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        os.environ[METRICS_DIR] = str(directory)

    async def _check_store(self) -> None:
        """Connect once, so that a wrong store URL is an error now and not in every child process."""
        config = self._config
        store = await Store.connect(
            config.store_url, config.store.namespace, config.store.timeout_ms, config.store.replicas
        )
        await store.close()

    def _command(self, role: str) -> Callable[[], Sequence[str]]:
        options = ("-c", str(self._config_path)) if self._config_path else ()
        return lambda: (sys.executable, "-m", "edgeward", role, *options)

    async def _start_child(self, child: ChildProcess) -> None:
        await child.start()
        self._children.append(child)
        self._restarters.append(asyncio.create_task(self._restart_on_exit(child), name=f"watch {child.role}"))
        self._write_run_file()

    async def _restart_on_exit(self, child: ChildProcess) -> None:
        """Restart the child process whenever it ends: at first at once, then with growing pauses."""
        pause, started = FIRST_RESTART_PAUSE_SECONDS, time.monotonic()
        while True:
            assert child.process is not None
            status = await child.process.wait()
            if self._stopping.is_set():
                return
            logger.error("%s (pid %d) %s and is restarted", child.role, child.process.pid, describe_exit(status))
            self._delete_gauges(child.process.pid)
            if time.monotonic() - started > STEADY_AFTER_SECONDS:
                pause = FIRST_RESTART_PAUSE_SECONDS
            await self._start_again(child, pause)
            pause = min(pause * 2, LONGEST_RESTART_PAUSE_SECONDS)
            started = time.monotonic()

    async def _start_again(self, child: ChildProcess, pause: float) -> None:
        """Try until it starts: a moment without free memory or process ids must not end the service."""
        while True:
            await asyncio.sleep(pause)
            try:
                await child.start()
                self._write_run_file()
                return
            except (OSError, EdgewardError) as error:
                logger.error("%s can't be started: %s", child.role, error)
                pause = LONGEST_RESTART_PAUSE_SECONDS

    def _delete_gauges(self, pid: int) -> None:
        """Delete the gauges of a dead process; its counters stay.

        Does not use edgeward.metrics: once that is imported, the supervisor exports gauges too, all 0.
        """
        for file in (self._state_dir / "metrics").glob(f"gauge_live*_{pid}.db"):
            file.unlink(missing_ok=True)

    def _write_run_file(self) -> None:
        """Write addresses and process ids to state_dir/run.json."""
        pids = {role: [c.pid for c in self._children if c.role == role and c.pid] for role in ("proxy", "controller")}
        store = next((child.pid for child in self._children if child.role == "store"), None)
        state = {
            "pid": os.getpid(),
            "proxy": address_of(self._sockets[0]),
            "admin": address_of(self._sockets[-1]),
            "processes": {**pids, "store": store},
        }
        temporary = self._state_dir / "run.json.new"
        temporary.write_text(json.dumps(state))
        temporary.replace(self._state_dir / "run.json")

    async def _stop(self) -> None:
        """End the proxies first, then the controller, then the store: each may need the next to finish its work."""
        self._stopping.set()
        # First of all: a task that is about to restart its process would start one that is never stopped.
        for restarter in self._restarters:
            restarter.cancel()
        await asyncio.gather(*self._restarters, return_exceptions=True)
        grace = self._config.proxy.drain_seconds + STOP_GRACE_SECONDS
        for role in ("proxy", "controller", "store"):
            await asyncio.gather(*(child.stop(grace) for child in self._children if child.role == role))
        for sock in self._sockets:
            sock.close()
        (self._state_dir / "run.json").unlink(missing_ok=True)


def run(config: Config, config_path: Path | None) -> int:
    """The `edgeward run` command."""
    return asyncio.run(Supervisor(config, config_path).run())
