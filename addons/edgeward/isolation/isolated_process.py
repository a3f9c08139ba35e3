"""An isolated process as its parent sees it: a socket, and distrust of what it answers. Its inside is serving.py."""

import asyncio
import math
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from pathlib import Path
from typing import Self

from edgeward.isolation.cpu_time import limit_cpu_seconds, used_cpu_seconds
from edgeward.isolation.protocol import BEGUN, LAYERS, LENGTH_BYTES, READY, length_prefix

START_SECONDS = 30
"""Longer than a slow machine takes to import NumPy and Pillow."""

_SOURCE_ROOT = str(Path(__file__).parents[2])
_INHERITED_VARIABLES = ("PYTHONHOME", "LD_LIBRARY_PATH")
_WRITE_BYTES = 256 * 1024
_WATCH_SECONDS = 0.5
"""Pause between two looks at its CPU time."""


class ProcessDied(Exception):
    """The process ended, or broke the protocol. It must be replaced."""


class IsolatedProcess:
    """Answers one request at a time. After ProcessDied, only `close` may be called."""

    max_answer = 1024 * 1024
    """Bytes. A longer answer is not read: ProcessDied."""
    start_seconds: float = START_SECONDS
    """Longest time until it is ready."""
    cpu_seconds: float = START_SECONDS
    """CPU time for one request. Between requests it may use none, but for cpu_time.GRACE_SECONDS."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._killed = False
        self._cpu_limit = math.inf
        self._watch: asyncio.Task[None] | None = None
        self.pid = process.pid
        self.layers: frozenset[str] = frozenset()
        """Those of protocol.LAYERS that isolate it."""
        self.cause = "crashed"
        """Why it ended, or would have if it ended now: "crashed" or "timeout"."""

    @classmethod
    async def launch(cls, module: str, *arguments: str) -> Self:
        """Start `python -m module FD arguments...` and wait until it is ready.

        Raises:
            ProcessDied: it was not within `start_seconds`.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                # No modules from the working directory or from the user's site-packages.
                *("-P", "-s", "-m", module, str(theirs.fileno()), *arguments),
                pass_fds=(theirs.fileno(),),
                stdin=DEVNULL,
                stdout=DEVNULL,  # stderr is inherited: a failed start leaves its traceback in the log
                env=_environment(),
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        launched = cls(process, reader, writer)
        try:
            async with asyncio.timeout(cls.start_seconds):
                await launched._become_ready()
        except TimeoutError:
            await launched.close()
            raise ProcessDied(f"it was not ready within {cls.start_seconds} s") from None
        except BaseException:
            await launched.close()
            raise
        return launched

    @property
    def alive(self) -> bool:
        return not self._killed and self._process.returncode is None and not self._reader.at_eof()

    async def ask(self, request: bytes, body: bytes) -> None:
        """Send a request and wait until it is begun.

        Raises:
            ProcessDied: it never looked at the body, so another process can be given it safely.
        """
        self._limit_cpu(self.cpu_seconds)
        try:
            self._writer.write(length_prefix(request) + request)
            self._writer.write(length_prefix(body))
            # In slices: passing a large body to the kernel at once would hold up the event loop.
            for at in range(0, len(body), _WRITE_BYTES):
                self._writer.write(memoryview(body)[at : at + _WRITE_BYTES])
                await self._writer.drain()
        except OSError as error:
            raise ProcessDied(str(error)) from None
        if await self._read_frame() != BEGUN:
            raise ProcessDied("it broke the protocol")

    async def receive(self) -> bytes:
        """Read its answer.

        Raises:
            ProcessDied: the body may have killed it.
        """
        answer = await self._read_frame()
        self._limit_cpu(0)
        return answer

    async def _read_frame(self) -> bytes:
        try:
            length = int.from_bytes(await self._reader.readexactly(LENGTH_BYTES), "big")
            if length > self.max_answer:
                raise ProcessDied(f"its answer has {length} bytes")
            return await self._reader.readexactly(length)
        except (EOFError, OSError) as error:
            raise ProcessDied(f"its socket closed: {error}") from None

    def kill(self, cause: str) -> None:
        """SIGKILL. `cause` says why."""
        self.cause = cause
        self._killed = True
        with suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> int:
        """Wait for its end: the exit status, or minus the signal that killed it."""
        return await self._process.wait()

    async def close(self) -> None:
        """Kill it if it is still alive, and wait for its end."""
        self.kill(self.cause)
        if self._watch is not None:
            self._watch.cancel()
        self._writer.close()
        await self._process.wait()

    def _limit_cpu(self, seconds: float) -> None:
        """From now on. What it does with its own timers, signals and limits makes no difference."""
        with suppress(OSError):  # it has ended
            self._cpu_limit = limit_cpu_seconds(self.pid, seconds)

    async def _watch_cpu(self) -> None:
        """Kill it once it has used more CPU time than it may, also between two requests."""
        with suppress(OSError):  # it has ended
            while self.alive:
                if used_cpu_seconds(self.pid) > self._cpu_limit:
                    self.kill("timeout")
                await asyncio.sleep(_WATCH_SECONDS)

    async def _become_ready(self) -> None:
        word, *layers = (await self.receive()).split(b" ")
        if word != READY:
            raise ProcessDied("it broke the protocol")
        self._watch = asyncio.create_task(self._watch_cpu(), name="watch an isolated process")
        self.layers = frozenset(layer for layer in LAYERS if layer.encode() in layers)


def _environment() -> dict[str, str]:
    """As little as Python needs. Linear algebra gets one thread: isolated processes run in parallel instead.

    One arena (mallopt(3)): glibc gives threads arenas of their own, whose address space no image gets back.
    """
    path = os.pathsep.join(filter(None, (_SOURCE_ROOT, os.environ.get("PYTHONPATH"))))
    inherited = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX"), "1")
    return {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **threads, **inherited}
