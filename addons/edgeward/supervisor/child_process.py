"""One process that the supervisor starts: whether it is ready, and its end."""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from edgeward.errors import Exit
from edgeward.listening_sockets import READY_FD

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>: the signal that a process gets when its parent dies."""


@dataclass(slots=True)
class ChildProcess:
    """One process that is restarted when it ends.

    Attributes:
        command: called at each start.
        listener: a socket that the process inherits. Then it says when it is ready (`report_ready`).
        inherited: further file descriptors that the process inherits.
        ready: set once the process that was started last is known to be ready. Each start makes a new one.
    """

    role: str
    command: Callable[[], Sequence[str]]
    environ: Mapping[str, str] = field(default_factory=dict)
    listener: socket.socket | None = None
    inherited: Sequence[int] = ()
    process: asyncio.subprocess.Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Start it.

        Raises:
            OSError: there is no program, memory, process id or file descriptor for it.
            EdgewardError: `command` says that it can't be started.
        """
        self.ready = asyncio.Event()
        fds = [*self.inherited, *((self.listener.fileno(),) if self.listener else ())]
        environ = {**os.environ, **self.environ}
        command = self.command()
        reading, writing = os.pipe() if self.listener else (-1, -1)
        try:
            if self.listener:
                environ[READY_FD] = str(writing)
                fds.append(writing)
            self.process = await asyncio.create_subprocess_exec(
                *command,
                env=environ,
                pass_fds=fds,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=None if self.role != "store" else asyncio.subprocess.DEVNULL,
                preexec_fn=partial(_end_with_parent, os.getpid()),
                process_group=0,  # Ctrl-C reaches the supervisor only, which stops its child processes in order
            )
        except BaseException:
            _close(reading)
            raise
        finally:
            _close(writing)
        if self.listener:
            asyncio.get_running_loop().add_reader(reading, self._note_ready, reading, self.ready)

    def _note_ready(self, reading: int, ready: asyncio.Event) -> None:
        """The process wrote that it is ready, or has ended."""
        asyncio.get_running_loop().remove_reader(reading)
        if os.read(reading, 1):
            ready.set()
        _close(reading)

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


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def _end_with_parent(parent: int) -> None:
    """Have the kernel send SIGTERM when the supervisor dies (prctl(2)). Runs in the child process, before exec."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # It died before the kernel was told: no signal will come.
        os._exit(Exit.FOUND)
