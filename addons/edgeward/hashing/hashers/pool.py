"""Several hashers. Each is replaced as soon as it ends, and an image waits for one only a limited time.

Images wait in turns by host and client. Sources of slow images leave one hasher to the others, so that an image that
takes seconds delays none that takes milliseconds.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any

from edgeward import metrics
from edgeward.background.fair_queue import ANY_SOURCE, FairQueue, Source
from edgeward.errors import Unavailable
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.hashers.hasher import Hasher
from edgeward.hashing.hashers.slow_sources import SlowSources
from edgeward.hashing.undecoded_fingerprint import undecoded_fingerprint
from edgeward.isolation.exit_status import describe_exit
from edgeward.isolation.isolated_process import ProcessDied
from edgeward.isolation.protocol import LAYERS
from edgeward.settings.config import HashingSettings
from edgeward.types import Fingerprint, Flaw

logger = logging.getLogger(__name__)

_MAX_BYTES_IN_LOOP = 256 * 1024
"""Larger bodies are digested in a thread, to keep the event loop free."""
_MAX_ATTEMPTS = 3
"""Hashers tried for one image: each may die before it reads the image."""
_MAX_RESTART_PAUSE = 5.0
_RESERVED_SECONDS = 10.0
"""So long after the last image of another source, slow sources leave one hasher idle."""

type _Turn = asyncio.Future[Hasher | None]
"""Of an image that waits. None: it was dropped."""


class HasherPool:
    """`settings.processes` hashers. Call `start` before use and `close` after.

    Attributes:
        time_limit: seconds that a hasher may take to accept an image, and again to hash it.
    """

    def __init__(self, settings: HashingSettings) -> None:
        self.time_limit = settings.timeout_ms / 1000
        self._settings = settings
        self._hashers: set[Hasher] = set()
        self._idle: list[Hasher] = []
        self._waiting = FairQueue[_Turn](settings.queue)
        self._slow_sources = SlowSources()
        self._slow_hashers: set[Hasher] = set()
        """Those at work for slow sources."""
        self._reserved_until = 0.0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._supervisors: list[asyncio.Task[None]] = []
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """Process ids of the live hashers."""
        return sorted(hasher.pid for hasher in self._hashers if hasher.alive)

    @property
    def waiting(self) -> int:
        """Number of images that wait for a hasher."""
        return len(self._waiting)

    @property
    def layers(self) -> frozenset[str] | None:
        """The isolation layers (protocol.LAYERS) that every live hasher has; None if none lives."""
        live = [hasher.layers for hasher in self._hashers if hasher.alive]
        return frozenset.intersection(*live) if live else None

    async def start(self) -> None:
        """Start all hashers; return when one is ready. Unavailable if the first can't be started."""
        first = asyncio.get_running_loop().create_future()
        self._supervisors = [asyncio.create_task(self._supervise(first)) for _ in range(self._settings.processes)]
        try:
            await first
        except Exception as error:  # noqa: BLE001  whatever it is, no hasher is left behind: its supervisor counts it
            await self.close()
            raise Unavailable(f"no hasher starts: {error}") from None

    async def close(self) -> None:
        """End all hashers. Images that still wait are OVERLOADED, those being hashed are CRASHED."""
        self._closed = True
        for supervisor in self._supervisors:
            supervisor.cancel()
        await asyncio.gather(*self._supervisors, return_exceptions=True)
        while waiting := self._waiting.pop():
            _settle(waiting[1], None)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def fingerprint(
        self,
        body: bytes,
        request: HashRequest = HashRequest(),  # noqa: B008  frozen
        source: Source = ANY_SOURCE,
    ) -> Fingerprint:
        """As `fingerprint.fingerprint`, in a hasher. Never raises because of an image.

        Flaw TIMEOUT: a hasher took longer than `settings.timeout_ms`. CRASHED: a hasher died while hashing it.
        OVERLOADED: `settings.queue` images waited already, most of them of this source, or no hasher was free for twice
        that time. In these cases the digests are those of `body` as received, with its codings.

        If the caller is cancelled, a hasher that has begun finishes its image and is free again.
        """
        started = time.monotonic()
        try:
            if len(body) > self._settings.max_bytes:
                return await self.undecoded(body, request.codings, Flaw.TOO_LARGE)
            found = await self._hash(body, request, source)
            return await self.undecoded(body, request.codings, found) if isinstance(found, Flaw) else found
        finally:
            metrics.hash_seconds.observe(time.monotonic() - started)

    async def _hash(self, body: bytes, request: HashRequest, source: Source) -> Fingerprint | Flaw:
        for _ in range(_MAX_ATTEMPTS):
            hasher = await self._acquire(source)
            if hasher is None:
                return Flaw.OVERLOADED
            # Shielded: half-sent images and unread answers would leave the hasher unusable for the next caller.
            found = await asyncio.shield(self._spawn(self._hash_on(hasher, body, request, source)))
            if found is not None:
                return found
        return Flaw.CRASHED

    async def _hash_on(
        self, hasher: Hasher, body: bytes, request: HashRequest, source: Source
    ) -> Fingerprint | Flaw | None:
        """One image on one hasher. None: the hasher died before it read the image, so another may try."""
        begun, started = False, time.monotonic()
        try:
            async with asyncio.timeout(self.time_limit):
                await hasher.begin(body, request)
            begun = True
            async with asyncio.timeout(self.time_limit):
                return await hasher.answer()
        except TimeoutError:
            hasher.kill("timeout")
            return Flaw.TIMEOUT if begun else None
        except ProcessDied:
            hasher.kill("crashed")
            return Flaw.CRASHED if begun else None
        finally:
            if begun:
                self._slow_sources.add(source, time.monotonic() - started)
            self._release(hasher)

    async def undecoded(self, body: bytes, codings: tuple[str, ...], flaw: Flaw) -> Fingerprint:
        """The fingerprint of a body that is not decoded because of this flaw: its digests."""
        if len(body) <= _MAX_BYTES_IN_LOOP:
            return undecoded_fingerprint(body, self._settings.signals, flaw, codings)
        return await asyncio.to_thread(undecoded_fingerprint, body, self._settings.signals, flaw, codings)

    async def _acquire(self, source: Source) -> Hasher | None:
        """A hasher for this caller alone; None if none is free in time, or too many images wait already."""
        if self._closed:
            return None
        if source not in self._slow_sources:
            self._reserved_until = time.monotonic() + _RESERVED_SECONDS
        turn: _Turn = asyncio.get_running_loop().create_future()
        if (dropped := self._waiting.push(source, turn)) is not None:
            _settle(dropped, None)
        self._assign()
        try:
            async with asyncio.timeout(2 * self.time_limit):
                return await turn
        except TimeoutError:
            self._abandon(source, turn)
            return None
        except asyncio.CancelledError:
            self._abandon(source, turn)
            raise

    def _abandon(self, source: Source, turn: _Turn) -> None:
        """Stop waiting. A hasher that was assigned at that very moment goes to the next in line."""
        if not self._waiting.remove(source, turn) and turn.done() and not turn.cancelled() and (got := turn.result()):
            self._release(got)

    def _release(self, hasher: Hasher) -> None:
        """Give a hasher to the image whose turn it is, or make it idle."""
        self._slow_hashers.discard(hasher)
        if hasher.alive:  # otherwise its supervisor replaces it
            self._idle.append(hasher)
        self._assign()

    def _assign(self) -> None:
        """Give idle hashers to images that wait."""
        self._idle = [hasher for hasher in self._idle if hasher.alive]
        while self._idle and (waiting := self._waiting.pop(self._may_start)):
            source, turn = waiting
            if turn.done():
                continue
            hasher = self._idle.pop()
            if source in self._slow_sources:
                self._slow_hashers.add(hasher)
            turn.set_result(hasher)

    def _may_start(self, source: Source) -> bool:
        """Whether one more image of this source leaves a hasher to the others."""
        if source not in self._slow_sources or time.monotonic() > self._reserved_until:
            return True
        return len(self._slow_hashers) < max(1, self._settings.processes - 1)

    async def _supervise(self, first: asyncio.Future[None]) -> None:
        """Keep one hasher running: start it, wait for its end, start the next. `first` is set by the first start."""
        pause = 0.0
        while True:
            try:
                hasher = await Hasher.start(self._settings)
                pause = 0.0
                if not first.done():
                    _report_isolation(hasher.layers)
                    first.set_result(None)
                await self._serve_until_end(hasher)
                continue
            except (ProcessDied, OSError) as error:
                logger.error("a hasher does not start: %s", error)
                failure: Exception = error
            except Exception as error:
                # A defect must not leave one hasher less: it is counted.
                metrics.gate_errors.labels("hashers").inc()
                logger.error("a hasher is replaced after a defect", exc_info=error)
                failure = error
            if not first.done():
                first.set_exception(failure)
            pause = min(max(2 * pause, 0.1), _MAX_RESTART_PAUSE)
            await asyncio.sleep(pause)

    async def _serve_until_end(self, hasher: Hasher) -> None:
        self._hashers.add(hasher)
        self._release(hasher)
        try:
            status = await hasher.ended()
        finally:
            self._hashers.discard(hasher)
            await hasher.close()
        metrics.hasher_restarts.labels(hasher.cause).inc()
        logger.warning("hasher %d %s (%s) and is replaced", hasher.pid, describe_exit(status), hasher.cause)

    def _spawn[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _settle(turn: _Turn, result: Hasher | None) -> None:
    if not turn.done():
        turn.set_result(result)


def _report_isolation(layers: frozenset[str]) -> None:
    """Set the metrics and log what is missing, once: all hashers of one machine get the same layers."""
    for layer in LAYERS:
        metrics.hasher_isolation.labels(layer).set(layer in layers)
    if missing := [layer for layer in LAYERS if layer not in layers]:
        logger.warning("hashers run without %s: `edgeward doctor` says how to fix this", " and ".join(missing))
