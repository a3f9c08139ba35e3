"""Several hashers, each replaced as soon as it ends; an image waits for one, but never long."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any

from edgeward import metrics
from edgeward.config import HashingSettings
from edgeward.errors import Unavailable
from edgeward.hashing.hashers.hasher import Hasher
from edgeward.hashing.plain import plain
from edgeward.hashing.request import HashRequest
from edgeward.isolation.frames import LAYERS
from edgeward.isolation.isolated import ProcessDied
from edgeward.types import Fingerprint, Flaw

logger = logging.getLogger(__name__)

_IN_THREAD = 256 * 1024
"""Bodies of more bytes are digested in a thread: the event loop has other clients."""
_TRIES = 3
"""Hashers that may die before they look at an image, which is no fault of the image."""
_LONGEST_PAUSE = 5.0


class HasherPool:
    """`settings.processes` hashers. Use `start` before and `close` after."""

    def __init__(self, settings: HashingSettings) -> None:
        self._settings = settings
        self._limit = settings.timeout_ms / 1000
        self._hashers: set[Hasher] = set()
        self._idle: list[Hasher] = []
        self._waiting: deque[asyncio.Future[Hasher]] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """Process ids of the live hashers."""
        return sorted(hasher.pid for hasher in self._hashers if hasher.alive)

    @property
    def layers(self) -> frozenset[str] | None:
        """Those of frames.LAYERS that isolate every live hasher; None where none lives."""
        live = [hasher.layers for hasher in self._hashers if hasher.alive]
        return frozenset.intersection(*live) if live else None

    async def start(self) -> None:
        """Start all hashers; return when one is ready. Unavailable if the first can't be started."""
        first = asyncio.get_running_loop().create_future()
        self._keepers = [asyncio.create_task(self._keep(first)) for _ in range(self._settings.processes)]
        try:
            await first
        except (ProcessDied, OSError) as error:
            await self.close()
            raise Unavailable(f"no hasher starts: {error}") from None

    async def close(self) -> None:
        """End all hashers; images that still wait are OVERLOADED, those being hashed are CRASHED."""
        self._closed = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        while self._waiting:
            self._waiting.popleft().cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def fingerprint(self, body: bytes, request: HashRequest = HashRequest()) -> Fingerprint:  # noqa: B008  frozen
        """As `fingerprint.fingerprint`, in a hasher. Never raises for what an image does.

        Flaw TIMEOUT: a hasher worked on it for longer than `settings.timeout_ms`. CRASHED: a hasher died of it.
        OVERLOADED: `settings.queue` images waited already, or no hasher was free for twice that time. With these the
        digests are those of `body` as it came, its codings not undone. Cancelling the caller wastes no hasher: one
        that has begun finishes, and is free again.
        """
        started = time.monotonic()
        try:
            if len(body) > self._settings.max_bytes:
                return await self._plain(body, request.codings, Flaw.TOO_LARGE)
            found = await self._hash(body, request)
            return await self._plain(body, request.codings, found) if isinstance(found, Flaw) else found
        finally:
            metrics.hash_seconds.observe(time.monotonic() - started)

    async def _hash(self, body: bytes, request: HashRequest) -> Fingerprint | Flaw:
        for _ in range(_TRIES):
            hasher = await self._acquire()
            if hasher is None:
                return Flaw.OVERLOADED
            found = await asyncio.shield(self._spawn(self._work(hasher, body, request)))
            if found is not None:
                return found
        return Flaw.CRASHED

    async def _work(self, hasher: Hasher, body: bytes, request: HashRequest) -> Fingerprint | Flaw | None:
        """One image on one hasher. None: the hasher died before it looked, so another may try."""
        begun = False
        try:
            async with asyncio.timeout(self._limit):
                await hasher.begin(body, request)
            begun = True
            async with asyncio.timeout(self._limit):
                return await hasher.answer()
        except TimeoutError:
            hasher.kill("timeout")
            return Flaw.TIMEOUT if begun else None
        except ProcessDied:
            hasher.kill("crashed")
            return Flaw.CRASHED if begun else None
        finally:
            self._release(hasher)

    async def _plain(self, body: bytes, codings: tuple[str, ...], flaw: Flaw) -> Fingerprint:
        if len(body) <= _IN_THREAD:
            return plain(body, self._settings.signals, flaw, codings)
        return await asyncio.to_thread(plain, body, self._settings.signals, flaw, codings)

    async def _acquire(self) -> Hasher | None:
        """A hasher for the caller alone; None where none comes free in time, or too many wait already."""
        while self._idle:
            if (hasher := self._idle.pop()).alive:
                return hasher
        if self._closed or len(self._waiting) >= self._settings.queue:
            return None
        turn: asyncio.Future[Hasher] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(2 * self._limit):
                return await turn
        except TimeoutError:
            self._give_back(turn)
            return None
        except asyncio.CancelledError:
            self._give_back(turn)
            if self._closed:
                return None
            raise

    def _give_back(self, turn: asyncio.Future[Hasher]) -> None:
        """A turn that came in the very moment its owner left goes to the next."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        if turn.done() and not turn.cancelled():
            self._release(turn.result())

    def _release(self, hasher: Hasher) -> None:
        if not hasher.alive:
            return  # its keeper replaces it
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(hasher)
                return
        self._idle.append(hasher)

    async def _keep(self, first: asyncio.Future[None]) -> None:
        """Keep one hasher alive for ever."""
        pause = 0.0
        while True:
            try:
                hasher = await Hasher.start(self._settings)
            except (ProcessDied, OSError) as error:
                logger.error("a hasher does not start: %s", error)
                if not first.done():
                    first.set_exception(error)
                pause = min(max(2 * pause, 0.1), _LONGEST_PAUSE)
                await asyncio.sleep(pause)
                continue
            pause = 0.0
            if not first.done():
                first.set_result(None)
                _report(hasher.layers)
            await self._watch(hasher)

    async def _watch(self, hasher: Hasher) -> None:
        """Offer a hasher until it ends."""
        self._hashers.add(hasher)
        self._release(hasher)
        try:
            status = await hasher.ended()
        finally:
            self._hashers.discard(hasher)
            await hasher.close()
        metrics.hasher_restarts.labels(hasher.cause).inc()
        logger.warning("hasher %d ended with status %d (%s) and is replaced", hasher.pid, status, hasher.cause)

    def _spawn[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _report(layers: frozenset[str]) -> None:
    """Say how well hashers are isolated on this machine: their like get the same."""
    for layer in LAYERS:
        metrics.hasher_isolation.labels(layer).set(layer in layers)
    if missing := [layer for layer in LAYERS if layer not in layers]:
        logger.warning("hashers run without %s: `edgeward doctor` says what is missing", " and ".join(missing))
