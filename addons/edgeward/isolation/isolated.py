"""An isolated process as its parent sees it: a socket to it, and distrust of what comes back (inside: serving.py)."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from pathlib import Path
from typing import Self

from edgeward.isolation.frames import BEGUN, LAYERS, LENGTH_BYTES, READY, length_of

START_SECONDS = 30
"""Longer than the slowest machine takes to import numpy, SciPy and Pillow."""

_SOURCE_ROOT = str(Path(__file__).parents[2])
_PASSED_ON = ("PYTHONHOME", "LD_LIBRARY_PATH")
_SLICE = 256 * 1024


class ProcessDied(Exception):
    """The process ended, or said what no sane one says. It must be replaced."""


class Isolated:
    """A process that answers one question at a time. Whatever raises ProcessDied leaves it fit only for `close`."""

    max_answer = 1024 * 1024
    """Bytes; more are not read."""
    start_seconds: float = START_SECONDS
    """How long it may take to get ready."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._killed = False
        self.pid = process.pid
        self.layers: frozenset[str] = frozenset()
        """Those of frames.LAYERS that isolate it."""
        self.cause = "crashed"
        """Why it ended, or will have: "crashed" or "timeout"."""

    @classmethod
    async def launch(cls, module: str, *arguments: str) -> Self:
        """`python -m module FD arguments...`, once it is ready. ProcessDied if that takes over `start_seconds`."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-s", "-m", module, str(theirs.fileno()), *arguments),
                pass_fds=(theirs.fileno(),),
                stdin=DEVNULL,
                stdout=DEVNULL,
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

    async def ask(self, question: bytes, body: bytes) -> None:
        """Hand both over. ProcessDied: it never looked at them, so another process may safely."""
        try:
            self._writer.write(length_of(question) + question)
            self._writer.write(length_of(body))
            # In slices: to hand a large body to the kernel in one go would hold up the event loop.
            for at in range(0, len(body), _SLICE):
                self._writer.write(memoryview(body)[at : at + _SLICE])
                await self._writer.drain()
        except OSError as error:
            raise ProcessDied(str(error)) from None
        if await self.receive() != BEGUN:
            raise ProcessDied("it spoke out of turn")

    async def receive(self) -> bytes:
        """What it answers. ProcessDied: the body may have killed it."""
        try:
            length = int.from_bytes(await self._reader.readexactly(LENGTH_BYTES), "big")
            if length > self.max_answer:
                raise ProcessDied(f"it wants to answer with {length} bytes")
            return await self._reader.readexactly(length)
        except (EOFError, OSError) as error:
            raise ProcessDied(f"its socket closed: {error}") from None

    def kill(self, cause: str) -> None:
        """End it now, whatever it is doing."""
        self.cause = cause
        self._killed = True
        with suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> int:
        """Wait for its end: the exit status, or minus the signal that killed it."""
        return await self._process.wait()

    async def close(self) -> None:
        """Kill it if it still lives, and wait until it is gone."""
        self.kill(self.cause)
        self._writer.close()
        await self._process.wait()

    async def _become_ready(self) -> None:
        word, *layers = (await self.receive()).split(b" ")
        if word != READY:
            raise ProcessDied("it spoke out of turn")
        self.layers = frozenset(layer for layer in LAYERS if layer.encode() in layers)


def _environment() -> dict[str, str]:
    """As little as Python needs; linear algebra on one thread, since processes are what runs in parallel."""
    path = os.pathsep.join(filter(None, (_SOURCE_ROOT, os.environ.get("PYTHONPATH"))))
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **threads, **passed_on}
