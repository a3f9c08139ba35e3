"""A body -> its fingerprint -> a verdict. No body is hashed twice, and none matched twice at one list version."""

import asyncio
import contextlib
import hashlib
import logging
import time
from collections import OrderedDict

from edgeward import metrics
from edgeward.blocklist.replica import Replica
from edgeward.blocklist.rollcall import LEASE_SECONDS
from edgeward.config import Config
from edgeward.hashing.pool import HasherPool
from edgeward.hashing.request import HashRequest
from edgeward.store.connection import STORE_AWAY
from edgeward.takedown.seen.sightings import Sightings
from edgeward.types import Decision, Fingerprint, Flaw, Reason, Verdict

logger = logging.getLogger(__name__)

STORE_PATIENCE_SECONDS = 0.1
"""How long a lookup in the store may hold up a response: hashing anew is dearer than that, waiting longer is not."""
CATCH_UP_SECONDS = 0.25
"""How long a process that was not heard from for a while may take to catch up before it judges again."""
CATCH_UP_PAUSE_SECONDS = 0.5
"""How often that is tried while the store is away."""
THREAD_BYTES = 512 * 1024
"""Bodies from this size on are digested in a thread, so that the event loop never stalls."""
PASSING_FLAWS = frozenset({Flaw.TIMEOUT, Flaw.CRASHED, Flaw.OVERLOADED})
"""Flaws of the moment, not of the image: they are not remembered."""


class Judge:
    """Judges bodies against the lists of this moment. No method raises for what an image does."""

    def __init__(self, config: Config, replica: Replica, pool: HasherPool, sightings: Sightings, size: int = 20_000):
        self._config, self._replica, self._pool, self._sightings = config, replica, pool, sightings
        self._size = size
        # A fingerprint made under other settings holds other signals.
        settings = f"{config.hashing.signals} {config.hashing.max_frames}"
        self._generation = hashlib.sha256(settings.encode()).hexdigest()[:8]
        self._known: OrderedDict[str, Fingerprint] = OrderedDict()
        self._verdicts: dict[tuple[str, Flaw | None], Verdict] = {}
        self._verdicts_of = -1
        self._catching: asyncio.Task[None] | None = None
        self._catch_again = 0.0
        self._running: dict[str, asyncio.Task[Fingerprint]] = {}
        self._keeping: set[asyncio.Task[None]] = set()

    async def judge(self, body: bytes, codings: tuple[str, ...]) -> tuple[Fingerprint | None, Verdict]:
        """The verdict on a whole body; its fingerprint too, unless the lists are not loaded yet."""
        if not self._replica.ready:
            return None, self.unchecked(Reason.NOT_READY)
        started = time.perf_counter()
        key = await self._key(body, codings)
        fingerprint = self._known.get(key)
        if fingerprint is None:
            fingerprint = await self._fingerprint(key, body, codings)
            if fingerprint.flaw not in PASSING_FLAWS:
                self._remember(key, fingerprint)
        else:
            metrics.fingerprint_cache.labels("memory").inc()
            self._known.move_to_end(key)
        await self.be_current()
        verdict = self.verdict(fingerprint)
        metrics.response_seconds.observe(time.perf_counter() - started)
        return fingerprint, verdict

    async def be_current(self) -> None:
        """Catch up with the store, if this process has not heard from it for longer than it is waited for.

        It was frozen (a paused machine, swapping), or the store is away; then, after a moment, it goes on with what it
        has. Without this a process that wakes could judge by lists older than those acknowledged meanwhile.
        """
        if time.time() - self._replica.contact <= LEASE_SECONDS:
            return
        if self._catching is None or (self._catching.done() and time.monotonic() > self._catch_again):
            self._catching = asyncio.create_task(self._catch_up(), name="catch up")
        await asyncio.shield(self._catching)

    async def _catch_up(self) -> None:
        await self._replica.catch_up(CATCH_UP_SECONDS)
        self._catch_again = time.monotonic() + CATCH_UP_PAUSE_SECONDS

    def verdict(self, fingerprint: Fingerprint) -> Verdict:
        """The verdict on a known image by the lists of this moment, flaws judged by policy."""
        generation = self._replica.matcher.generation
        # Not by version: versions repeat after the store lost data.
        if generation != self._verdicts_of or len(self._verdicts) > self._size:
            self._verdicts.clear()
            self._verdicts_of = generation
        key = (fingerprint.sha256, fingerprint.flaw)
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._verdicts[key] = self._match(fingerprint)
        return verdict

    def _match(self, fingerprint: Fingerprint) -> Verdict:
        with metrics.match_seconds.time():
            verdict = self._replica.matcher.verdict(fingerprint)
        if fingerprint.flaw is not None and verdict.reason is Reason.NO_MATCH:
            return self.unchecked(Reason(fingerprint.flaw.value))
        return verdict

    def unchecked(self, reason: Reason) -> Verdict:
        """The operator's policy for what can't be checked."""
        version = self._replica.matcher.version
        if self._config.decide(reason) == "deliver":
            return Verdict(Decision.DELIVER, reason, version=version)
        return Verdict(Decision.BLOCK, reason, version=version)

    async def close(self) -> None:
        tasks = [*self._running.values(), *self._keeping, *([self._catching] if self._catching else ())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _key(self, body: bytes, codings: tuple[str, ...]) -> str:
        if len(body) < THREAD_BYTES:
            digest = hashlib.sha256(body)
        else:
            digest = await asyncio.to_thread(hashlib.sha256, body)
        return ",".join((digest.hexdigest(), self._generation, *codings))

    async def _fingerprint(self, key: str, body: bytes, codings: tuple[str, ...]) -> Fingerprint:
        """One hashing for all who ask for the same body at the same time."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._find_or_hash(key, body, codings), name="fingerprint")
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(task)

    async def _find_or_hash(self, key: str, body: bytes, codings: tuple[str, ...]) -> Fingerprint:
        with contextlib.suppress(*STORE_AWAY, TimeoutError):
            async with asyncio.timeout(STORE_PATIENCE_SECONDS):
                kept = await self._sightings.fingerprint(key)
            if kept is not None:
                metrics.fingerprint_cache.labels("store").inc()
                return kept
        metrics.fingerprint_cache.labels("hashed").inc()
        fingerprint = await self._pool.fingerprint(body, HashRequest(codings))
        if fingerprint.flaw is None:  # a flaw may be gone after a change of settings or an update
            task = asyncio.create_task(self._keep(key, fingerprint), name="keep fingerprint")
            self._keeping.add(task)
            task.add_done_callback(self._keeping.discard)
        return fingerprint

    async def _keep(self, key: str, fingerprint: Fingerprint) -> None:
        try:
            await self._sightings.keep_fingerprint(key, fingerprint)
        except STORE_AWAY as error:
            logger.debug("a fingerprint was not kept: %s", type(error).__name__)

    def _remember(self, key: str, fingerprint: Fingerprint) -> None:
        self._known[key] = fingerprint
        while len(self._known) > self._size:
            self._known.popitem(last=False)
