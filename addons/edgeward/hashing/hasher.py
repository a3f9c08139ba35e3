"""One hasher as its parent sees it: a process, a socket to it, and distrust of what it says."""

import asyncio
import os
import re
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from pathlib import Path
from typing import Self

from edgeward.config import HashingSettings
from edgeward.hashing.frames import BEGUN, LENGTH_BYTES, READY, length_of
from edgeward.hashing.request import HashRequest
from edgeward.hashing.signals import BITS
from edgeward.types import Fingerprint, Signal

START_SECONDS = 30
"""Longer than the slowest machine takes to import numpy, SciPy and Pillow."""

_WORKER = "edgeward.hashing.worker"
_SOURCE_ROOT = str(Path(__file__).parents[2])
_PASSED_ON = ("PYTHONHOME", "LD_LIBRARY_PATH")
_MAX_ANSWER = 1024 * 1024
_SLICE = 256 * 1024
_HEX = re.compile(r"[0-9a-f]*")
_MEDIA_TYPE = re.compile(r"(image/[a-z.-]+)?")


class HasherDied(Exception):
    """The hasher ended, or said what no sane hasher says. It must be replaced."""


class Hasher:
    """A process that hashes one image at a time. Whatever raises HasherDied leaves it fit only for `close`."""

    def __init__(
        self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, types: tuple[str, ...]
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._types = types
        self._killed = False
        self.pid = process.pid
        self.cause = "crashed"
        """Why it ended, or will have: "crashed" or "timeout"."""

    @classmethod
    async def start(cls, settings: HashingSettings) -> Self:
        """A hasher that is ready. HasherDied if it does not get so within START_SECONDS."""
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = ("-P", "-s", "-m", _WORKER, str(theirs.fileno()), settings.model_dump_json())
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                pass_fds=(theirs.fileno(),),
                stdin=DEVNULL,
                stdout=DEVNULL,
                env=_environment(),
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        hasher = cls(process, reader, writer, settings.signals)
        try:
            async with asyncio.timeout(START_SECONDS):
                await hasher._expect(READY)
        except TimeoutError:
            await hasher.close()
            raise HasherDied(f"it was not ready within {START_SECONDS} s") from None
        except BaseException:
            await hasher.close()
            raise
        return hasher

    @property
    def alive(self) -> bool:
        return not self._killed and self._process.returncode is None and not self._reader.at_eof()

    async def begin(self, body: bytes, request: HashRequest) -> None:
        """Hand over an image. HasherDied: it never looked at it, so another hasher may safely."""
        asked = request.to_json().encode()
        try:
            self._writer.write(length_of(asked) + asked)
            self._writer.write(length_of(body))
            # In slices: to hand a large body to the kernel in one go would hold up the event loop.
            for at in range(0, len(body), _SLICE):
                self._writer.write(memoryview(body)[at : at + _SLICE])
                await self._writer.drain()
        except OSError as error:
            raise HasherDied(str(error)) from None
        await self._expect(BEGUN)

    async def answer(self) -> Fingerprint:
        """What it made of the image. HasherDied: this image may have killed it."""
        return read_answer(await self._receive(), self._types)

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

    async def _expect(self, word: bytes) -> None:
        if await self._receive() != word:
            raise HasherDied("it spoke out of turn")

    async def _receive(self) -> bytes:
        try:
            length = int.from_bytes(await self._reader.readexactly(LENGTH_BYTES), "big")
            if length > _MAX_ANSWER:
                raise HasherDied(f"it wants to answer with {length} bytes")
            return await self._reader.readexactly(length)
        except (EOFError, OSError) as error:
            raise HasherDied(f"its socket closed: {error}") from None


def read_answer(payload: bytes, types: tuple[str, ...]) -> Fingerprint:
    """The fingerprint that a hasher sent. HasherDied unless it is well formed and holds none but `types`."""
    try:
        found = Fingerprint.from_json(payload)
        sound = _is_sound(found, types)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise HasherDied("its answer is malformed")
    return found


def _is_sound(found: Fingerprint, types: tuple[str, ...]) -> bool:
    numbers = (found.size, found.width, found.height)
    return (
        _is_hex(found.sha256, BITS["sha256"])
        and _MEDIA_TYPE.fullmatch(found.media_type) is not None
        and all(type(number) is int and number >= 0 for number in numbers)
        and all(signal.type in types and _is_sound_signal(signal) for signal in found.signals)
    )


def _is_sound_signal(signal: Signal) -> bool:
    quality = signal.quality
    return _is_hex(signal.value, BITS[signal.type]) and (
        quality is None or (type(quality) is int and 0 <= quality <= 100)
    )


def _is_hex(value: str, bits: int) -> bool:
    return len(value) * 4 == bits and _HEX.fullmatch(value) is not None


def _environment() -> dict[str, str]:
    """As little as Python needs; linear algebra on one thread, since the pool is what runs in parallel."""
    path = os.pathsep.join(filter(None, (_SOURCE_ROOT, os.environ.get("PYTHONPATH"))))
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **threads, **passed_on}
