"""`edgeward run`: starts the store, the proxy workers and the controller, and starts again what dies.

The listening sockets belong to the supervisor. A worker that dies leaves its socket open and the connections waiting on
it unharmed; its successor goes on accepting. When the supervisor itself dies, the kernel ends its children.
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
from pathlib import Path

from edgeward.config import Config
from edgeward.errors import ConfigError, Conflict, EdgewardError, Exit
from edgeward.listen import ADMIN_FD, PROXY_FD, address_of, listening, shared_sockets
from edgeward.store import embedded
from edgeward.store.connection import Store

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 5.0
STEADY_SECONDS = 10.0
"""A child that lived so long has started well: its next death starts the pauses anew."""
STOP_GRACE_SECONDS = 10.0
MALLOC = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576"}
"""For glibc in the proxy workers: the memory of large bodies goes back to the system as soon as they are sent."""
METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Child:
    """One process that is kept alive."""

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
            preexec_fn=_die_with_parent,
            process_group=0,  # Ctrl-C is for the supervisor, which then stops its children in order
        )

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.returncode is None else None

    async def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL for who has not ended `grace` seconds later."""
        if self.process is None or self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), grace)
        except TimeoutError:
            logger.warning("%s (pid %d) did not stop in %g s and is killed", self.role, self.process.pid, grace)
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


def _die_with_parent() -> None:
    """Runs in the child, before its program: the kernel sends it SIGTERM when the supervisor is gone (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """The processes of one machine."""

    def __init__(self, config: Config, config_path: Path | None) -> None:
        self._config, self._config_path = config, config_path
        self._state = config.state_dir.absolute()
        self._sockets: list[socket.socket] = []
        self._children: list[Child] = []
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT.

        Raises:
            ConfigError: a port is in use, state_dir can't be written.
            Conflict: another supervisor runs on this state_dir.
            StoreUnavailable: the store can't be started or reached.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        with self._locked_state():
            try:
                await self._start()
                await self._stopping.wait()
            finally:
                await self._stop()
        return Exit.DONE

    @contextlib.contextmanager
    def _locked_state(self) -> Iterator[None]:
        try:
            self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self._state / "run.lock").open("w")
        except OSError as error:
            raise ConfigError(f"state_dir = {str(self._state)!r}: {error.strerror}") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Conflict(f"state_dir = {str(self._state)!r}: another `edgeward run` is using it") from None
            yield

    async def _start(self) -> None:
        config = self._config
        proxies = shared_sockets(config.proxy.listen, "proxy.listen", config.proxy.workers)
        self._sockets += proxies
        admin = listening(config.admin.listen, "admin.listen")
        self._sockets.append(admin)
        self._clear_metrics()
        if config.store.url == "embedded":
            await self._keep(Child("store", lambda: embedded.command(config.state_dir)))
            await embedded.wait_ready(config.socket_path)
        await self._check_store()
        await self._keep(Child("controller", self._command("controller"), {ADMIN_FD: str(admin.fileno())}, admin))
        for sock in proxies:
            environ = {PROXY_FD: str(sock.fileno()), **MALLOC}
            await self._keep(Child("proxy", self._command("proxy"), environ, sock))
        logger.info("proxy on %s, admin API on %s", address_of(proxies[0]), address_of(admin))

    def _clear_metrics(self) -> None:
        """Counters of an earlier run would be added to this one's."""
        directory = self._state / "metrics"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        os.environ[METRICS_DIR] = str(directory)

    async def _check_store(self) -> None:
        config = self._config
        store = await Store.connect(
            config.store_url, config.store.namespace, config.store.timeout_ms, config.store.replicas
        )
        await store.close()

    def _command(self, role: str) -> Callable[[], Sequence[str]]:
        options = ("-c", str(self._config_path)) if self._config_path else ()
        return lambda: (sys.executable, "-m", "edgeward", role, *options)

    async def _keep(self, child: Child) -> None:
        await child.start()
        self._children.append(child)
        self._watchers.append(asyncio.create_task(self._watch(child), name=f"watch {child.role}"))
        self._write_state()

    async def _watch(self, child: Child) -> None:
        """Start the child again whenever it ends, at once at first, then with growing pauses."""
        pause, started = FIRST_PAUSE_SECONDS, time.monotonic()
        while True:
            assert child.process is not None
            status = await child.process.wait()
            if self._stopping.is_set():
                return
            logger.error("%s (pid %d) ended with status %d; starting it again", child.role, child.process.pid, status)
            self._forget_metrics(child.process.pid)
            if time.monotonic() - started > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            await self._restart(child, pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            started = time.monotonic()

    async def _restart(self, child: Child, pause: float) -> None:
        """Try until it starts: out of memory or processes for a moment must not be the end of it."""
        while True:
            await asyncio.sleep(pause)
            try:
                await child.start()
                self._write_state()
                return
            except (OSError, EdgewardError) as error:
                logger.error("%s can't be started: %s", child.role, error)
                pause = LONGEST_PAUSE_SECONDS

    def _forget_metrics(self, pid: int) -> None:
        """A dead process's live gauges go, its counters stay.

        Not by edgeward.metrics: to import it would make this process one more that exports the gauges, as 0.
        """
        for file in (self._state / "metrics").glob(f"gauge_live*_{pid}.db"):
            file.unlink(missing_ok=True)

    def _write_state(self) -> None:
        """Tell where things run: state_dir/run.json."""
        pids = {role: [c.pid for c in self._children if c.role == role and c.pid] for role in ("proxy", "controller")}
        store = next((child.pid for child in self._children if child.role == "store"), None)
        state = {
            "pid": os.getpid(),
            "proxy": address_of(self._sockets[0]),
            "admin": address_of(self._sockets[-1]),
            "processes": {**pids, "store": store},
        }
        temporary = self._state / "run.json.new"
        temporary.write_text(json.dumps(state))
        temporary.replace(self._state / "run.json")

    async def _stop(self) -> None:
        """Proxies drain first, the controller after them, the store last: each may need the next."""
        self._stopping.set()
        for watcher in self._watchers:  # first, or one that is about to start its child again starts what nobody stops
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        grace = self._config.proxy.drain_seconds + STOP_GRACE_SECONDS
        for role in ("proxy", "controller", "store"):
            await asyncio.gather(*(child.stop(grace) for child in self._children if child.role == role))
        for sock in self._sockets:
            sock.close()
        (self._state / "run.json").unlink(missing_ok=True)


def run(config: Config, config_path: Path | None) -> int:
    """The `edgeward run` command."""
    return asyncio.run(Supervisor(config, config_path).run())
