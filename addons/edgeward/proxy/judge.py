"""A body -> its fingerprint -> a verdict. No body is hashed twice, and none matched twice at one list version."""

import asyncio
import contextlib
import functools
import hashlib
import logging
import time
from urllib.parse import quote

from edgeward import metrics
from edgeward.blocklist.replica import Replica
from edgeward.blocklist.rollcall import LEASE_SECONDS
from edgeward.config import Config
from edgeward.hashing.generation import generation
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.hashing.request import HashRequest
from edgeward.hashing.texts import kinds
from edgeward.proxy.candidate import declares_image
from edgeward.proxy.kept import Kept
from edgeward.store.connection import STORE_AWAY
from edgeward.takedown.seen.packing import pack_fingerprint, unpack_fingerprint
from edgeward.takedown.seen.sightings import Sightings
from edgeward.types import PASSING, Decision, Fingerprint, Reason, Verdict

logger = logging.getLogger(__name__)

STORE_PATIENCE_SECONDS = 0.1
"""How long a lookup in the store may hold up a response: hashing anew is dearer than that, waiting longer is not."""
CATCH_UP_SECONDS = 0.25
"""How long a process that was not heard from for a while may take to catch up before it judges again."""
CATCH_UP_PAUSE_SECONDS = 0.5
"""How often that is tried while the store is away."""
THREAD_BYTES = 512 * 1024
"""Bodies from this size on are digested in a thread, so that the event loop never stalls."""
KNOWN_BYTES = 40 * 1024 * 1024
"""It tells where lists ask for `geometry`: then a fingerprint takes some 6 KB, else 0.6."""
DIFFERENT_VERDICTS = 2_000
"""How many verdicts may be remembered that are not the same: matches, for the most part."""


class Judge:
    """Judges bodies against the lists of this moment. No method raises for what an image does."""

    def __init__(self, config: Config, replica: Replica, pool: HasherPool, sightings: Sightings, size: int = 20_000):
        self._config, self._replica, self._pool, self._sightings = config, replica, pool, sightings
        self._size = size
        self._generation = functools.cache(functools.partial(generation, config.hashing))
        self._known = Kept(size, KNOWN_BYTES, pack_fingerprint, unpack_fingerprint, lambda one: 1 + len(one.signals))
        self._verdicts: dict[str, Verdict] = {}
        self._different: dict[Verdict, Verdict] = {}
        self._verdicts_of = -1
        self._catching: asyncio.Task[None] | None = None
        self._catch_again = 0.0
        self._running: dict[str, asyncio.Task[Fingerprint]] = {}
        self._keeping: set[asyncio.Task[None]] = set()

    async def judge(
        self, body: bytes, codings: tuple[str, ...], declared: str = ""
    ) -> tuple[Fingerprint | None, Verdict]:
        """The verdict on a whole body; its fingerprint too, unless the lists are not loaded yet.

        `declared` is its Content-Type. A text that shows no image and matches nothing is NOT_IMAGE.
        """
        if not self._replica.ready:
            return None, self.unchecked(Reason.NOT_READY)
        started = time.perf_counter()
        digest = await self._digest(body)
        while True:
            views = self._replica.matcher.views
            fingerprint = await self._look(digest, body, HashRequest(codings, views=views, declared=declared))
            await self.be_current()
            await self.settle(fingerprint)
            if self._replica.matcher.views <= views:  # else a list has begun to ask for more meanwhile
                break
        verdict = self.verdict(fingerprint)
        if verdict.reason is Reason.NO_MATCH and not fingerprint.media_type and not declares_image(declared):
            verdict = Verdict(Decision.DELIVER, Reason.NOT_IMAGE, version=verdict.version)
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
        verdict = self._verdicts_now().get(_look_of(fingerprint))
        if verdict is None:
            with metrics.match_seconds.time():
                verdict = self._replica.matcher.verdict(fingerprint)
            verdict = self._remember(fingerprint, verdict)
        return verdict

    async def settle(self, fingerprint: Fingerprint) -> None:
        """Have its verdict at hand. Where matching takes longer than a moment other requests go on meanwhile."""
        if _look_of(fingerprint) in self._verdicts_now():
            return
        with metrics.match_seconds.time():
            verdict = await self._replica.matcher.patient_verdict(fingerprint)
        self._remember(fingerprint, verdict)

    def _verdicts_now(self) -> dict[str, Verdict]:
        """The remembered verdicts that hold by the lists of this moment."""
        changes = self._replica.matcher.generation
        # Not by version: versions repeat after the store lost data.
        if changes != self._verdicts_of:
            self._verdicts, self._different = {}, {}
            self._verdicts_of = changes
        return self._verdicts

    def _remember(self, fingerprint: Fingerprint, verdict: Verdict) -> Verdict:
        """The verdict by policy, which counts from now on. Equal ones are one object: most are."""
        verdict = self._by_policy(fingerprint, verdict)
        if len(self._verdicts_now()) >= self._size or len(self._different) >= DIFFERENT_VERDICTS:
            self._verdicts, self._different = {}, {}
        verdict = self._verdicts[_look_of(fingerprint)] = self._different.setdefault(verdict, verdict)
        return verdict

    def _by_policy(self, fingerprint: Fingerprint, verdict: Verdict) -> Verdict:
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

    @staticmethod
    async def _digest(body: bytes) -> str:
        if len(body) < THREAD_BYTES:
            return hashlib.sha256(body).hexdigest()
        return (await asyncio.to_thread(hashlib.sha256, body)).hexdigest()

    async def _look(self, digest: str, body: bytes, request: HashRequest) -> Fingerprint:
        """The fingerprint that is asked for: remembered, kept in the store, or made."""
        kind = kinds.kind(request.declared, self._config.hashing.data_uris)
        codings = (quote(coding, errors="surrogateescape") for coding in request.codings)  # any bytes a header may hold
        key = ",".join((digest, self._generation(request.views, kind), *codings))
        fingerprint = self._known.get(key)
        if fingerprint is not None:
            metrics.fingerprint_cache.labels("memory").inc()
            return fingerprint
        fingerprint = await self._fingerprint(key, body, request)
        if fingerprint.flaw not in PASSING:
            self._known.remember(key, fingerprint)
        return fingerprint

    async def _fingerprint(self, key: str, body: bytes, request: HashRequest) -> Fingerprint:
        """One hashing for all who ask for the same body at the same time."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._find_or_hash(key, body, request), name="fingerprint")
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(task)

    async def _find_or_hash(self, key: str, body: bytes, request: HashRequest) -> Fingerprint:
        with contextlib.suppress(*STORE_AWAY, TimeoutError):
            async with asyncio.timeout(STORE_PATIENCE_SECONDS):
                kept = await self._sightings.fingerprint(key)
            if kept is not None:
                metrics.fingerprint_cache.labels("store").inc()
                return kept
        metrics.fingerprint_cache.labels("hashed").inc()
        fingerprint = await self._pool.fingerprint(body, request)
        is_image = fingerprint.media_type or declares_image(request.declared)
        if is_image and fingerprint.is_complete:  # what it lacks may be there after a change of settings or an update
            task = asyncio.create_task(self._keep(key, fingerprint), name="keep fingerprint")
            self._keeping.add(task)
            task.add_done_callback(self._keeping.discard)
        return fingerprint

    async def _keep(self, key: str, fingerprint: Fingerprint) -> None:
        try:
            await self._sightings.keep_fingerprint(key, fingerprint)
        except STORE_AWAY as error:
            logger.debug("a fingerprint was not kept: %s", type(error).__name__)


def _look_of(fingerprint: Fingerprint) -> str:
    """Tells apart what was made of the same bytes: as another type of text, or in more views."""
    return f"{fingerprint.sha256} {len(fingerprint.signals)} {fingerprint.flaw} {fingerprint.media_type}"
