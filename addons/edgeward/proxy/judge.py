"""A body -> its fingerprint -> a verdict. No body is hashed twice, and none matched twice at one list version.

A fingerprint comes from this worker's memory, from the store (another worker may have hashed the image), or from a
hasher. A verdict is remembered until a list changes; where it depends on the target, what is remembered is what the
image matches, and each target gets its own.
"""

import asyncio
import contextlib
import functools
import hashlib
import logging
import math
import time
from collections.abc import Coroutine, Sequence
from typing import Any
from urllib.parse import quote

from edgeward import metrics
from edgeward.background.fair_queue import ANY_SOURCE, Source
from edgeward.hashing.embedded_images import markup_types
from edgeward.hashing.fingerprint_generation import current_generation
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.lists.replication.freshness import now
from edgeward.lists.replication.replica import Replica
from edgeward.policy.list_limits import verdict_at
from edgeward.policy.unscanned_targets import UnscannedTargets
from edgeward.proxy.body_sniffing import declares_image
from edgeward.proxy.failed_images import FAILURES, FailedImages
from edgeward.proxy.packed_lru import PackedLru
from edgeward.settings.config import Config
from edgeward.sightings.codec import pack_fingerprint, unpack_fingerprint
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import STORE_AWAY
from edgeward.types import NO_TARGET, TRANSIENT_FLAWS, Decision, Fingerprint, Flaw, Match, Reason, Target, Verdict

logger = logging.getLogger(__name__)

LOOKUP_SECONDS = 0.1
"""Longest wait for a fingerprint from the store: beyond that, hashing anew is the quicker way."""
TURN_SECONDS = 0.25
CATCH_UP_TURNS = 8, 1
"""Longest wait for list changes, in a worker that has lost touch with the store, before it judges: the first, and later
ones while the store is unavailable. In turns of TURN_SECONDS: the time in which this process stands still is one."""
APPLY_TURNS = 40
"""The same while the store answers, and what it has is being applied."""
CATCH_UP_PAUSE_SECONDS = 0.5
"""Pause between two such waits while the store is unavailable."""
CATCH_UP_FORGET_SECONDS = 2.0
"""A wait is the first again when the one before ended so long ago: this process may have stood still."""
THREAD_BYTES = 512 * 1024
"""Bodies of at least this size are digested in a thread: a longer digest would stall the event loop."""
FINGERPRINT_CACHE_BYTES = 40 * 1024 * 1024
"""The limit that counts where lists ask for `geometry`: a fingerprint then takes about 6 KB, otherwise 0.6."""
MAX_DISTINCT_VERDICTS = 2_000
"""Verdicts that say the same are stored once; those with a match mostly differ."""


class Judge:
    """Judges images by the lists as they are now. No method raises for what an image does.

    Args:
        size: how many fingerprints, and how many verdicts, are remembered.
    """

    def __init__(self, config: Config, replica: Replica, pool: HasherPool, sightings: Sightings, size: int = 20_000):
        self._config, self._replica, self._pool, self._sightings = config, replica, pool, sightings
        self._size = size
        self.failed_images = FailedImages(sightings.store)
        self.unscanned = UnscannedTargets(config.scan_exceptions)
        """Whose responses must not be judged."""
        self._generation = functools.cache(functools.partial(current_generation, config.hashing))
        self._fingerprints = PackedLru(
            size, FINGERPRINT_CACHE_BYTES, pack_fingerprint, unpack_fingerprint, lambda one: 1 + len(one.signals)
        )
        # Of an image whose verdict depends on the target, the matches that any verdict can name.
        self._verdicts: dict[str, Verdict | tuple[Match, ...]] = {}
        self._distinct_verdicts: dict[Verdict, Verdict] = {}
        self._verdicts_of = (-1, -1)
        self._catch_up_task: asyncio.Task[None] | None = None
        self._waiting: asyncio.Task[bool] | None = None
        self._caught_up_at = -math.inf
        self._policy_decides = False
        self._lookups: dict[str, asyncio.Task[Fingerprint]] = {}
        self._writes: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Whether the lists are loaded. They may be loaded anew later, and then are out of date meanwhile."""
        return self._replica.ready

    @property
    def version(self) -> int:
        """The version of the lists."""
        return self._replica.matcher.version

    async def judge(
        self, body: bytes, codings: tuple[str, ...], target: Target, declared: str = "", source: Source = ANY_SOURCE
    ) -> tuple[Fingerprint | None, Verdict]:
        """The verdict on a full body at a target, and its fingerprint; None before the lists are loaded.

        `declared` is its Content-Type. Text that shows no image and matches nothing is NOT_IMAGE. If the body is new it
        waits for a hasher in turns with those of other sources.
        """
        if not self.ready:
            return None, self.policy_verdict(Reason.NOT_READY)
        started = time.perf_counter()
        digest = await self._digest(body)
        while True:
            views = self._replica.matcher.views
            request = HashRequest(codings, views=views, declared=declared)
            fingerprint = await self._fingerprint(digest, body, request, source)
            # After the hashing, which may have taken seconds.
            verdict = await self.current_verdict(fingerprint, target)
            # A list added meanwhile may match more views of the picture than were hashed.
            if self._replica.matcher.views <= views:
                break
        no_match = verdict.reason in (Reason.NO_MATCH, Reason.STORE_STALE)
        if no_match and not fingerprint.media_type and not declares_image(declared):
            verdict = Verdict(Decision.DELIVER, Reason.NOT_IMAGE, version=verdict.version)
        metrics.response_seconds.observe(time.perf_counter() - started)
        return fingerprint, verdict

    async def current_verdict(self, fingerprint: Fingerprint, target: Target) -> Verdict:
        """The verdict on an image at a target by lists that have all that is acknowledged when this is called.

        A worker that has lost touch with the store can't know that: its lists decide with policy.store_stale.
        """
        while True:
            is_current = await self._ensure_current()
            verdict = await self.verdict(fingerprint, target)
            # Else this process stood still while it matched.
            if not is_current or self._replica.freshness.is_current:
                break
        if is_current:
            self._policy_decides = False
            return verdict
        return self._stale_verdict(verdict)

    async def _ensure_current(self) -> bool:
        """Wait for list changes if this worker lost touch with the store for longer than a change waits for it.

        It was suspended (a paused machine, swapping), or the store is unavailable. Otherwise a worker that wakes up
        could deliver an image whose listing was acknowledged. Returns whether it has them, after CATCH_UP_TURNS at
        most.
        """
        if self._replica.freshness.is_current:
            return True
        pause_is_over = now() > self._caught_up_at + CATCH_UP_PAUSE_SECONDS
        if self._catch_up_task is None or (self._catch_up_task.done() and pause_is_over):
            self._catch_up_task = asyncio.create_task(self._catch_up(), name="catch up")
        task = self._catch_up_task
        await asyncio.wait([task])
        if task.cancelled():  # this worker ends
            return False
        task.result()  # raises what it raised
        return self._replica.freshness.is_current

    async def _catch_up(self) -> None:
        is_first = now() > self._caught_up_at + CATCH_UP_FORGET_SECONDS
        turns = CATCH_UP_TURNS[0 if is_first else 1]
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.create_task(self._replica.wait_current(), name="wait for list changes")
        for turn in range(1, max(turns, APPLY_TURNS) + 1):
            await asyncio.wait([self._waiting], timeout=TURN_SECONDS)
            if self._waiting.done() or (turn >= turns and not self._replica.freshness.is_in_touch):
                break
        self._caught_up_at = now()
        if self._waiting.done():
            self._waiting.result()  # raises what it raised

    def _stale_verdict(self, verdict: Verdict) -> Verdict:
        """What a verdict by lists that may be out of date comes to."""
        if verdict.blocks or verdict.reason is Reason.ALLOWLISTED:
            return verdict
        if not self.ready:  # they are loaded anew
            return self.policy_verdict(Reason.NOT_READY)
        age, policy = self._replica.freshness.age, self._config.policy
        if age <= policy.store_stale_seconds:
            decision = Decision.DELIVER
        else:
            decision = Decision(policy.store_stale)
            if not self._policy_decides:
                logger.warning(
                    "cut off from the store for %.0f s: policy.store_stale (%s) decides on images that match nothing",
                    age,
                    policy.store_stale,
                )
            self._policy_decides = True
        # One that is delivered keeps its match, which is reported.
        if decision is Decision.DELIVER and verdict.match is not None:
            return verdict
        return Verdict(decision, Reason.STORE_STALE, version=verdict.version)

    async def verdict(self, fingerprint: Fingerprint, target: Target) -> Verdict:
        """The verdict on an image at a target by the lists as they are when this returns; flaws are judged by policy.

        Long lists are matched in slices; other requests run in between.
        """
        known = self._current_verdicts().get(_verdict_key(fingerprint))
        if known is None:
            known = await self._match(fingerprint)
        return known if isinstance(known, Verdict) else self._verdict_from(known, fingerprint, target)

    async def _match(self, fingerprint: Fingerprint) -> Verdict | tuple[Match, ...]:
        """Match an image, and remember the result: its verdict, or its matches if that depends on the target."""
        matcher = self._replica.matcher
        with metrics.match_seconds.time():
            matches = await matcher.matches_async(fingerprint)
        if len(self._current_verdicts()) >= self._size or len(self._distinct_verdicts) >= MAX_DISTINCT_VERDICTS:
            self._verdicts, self._distinct_verdicts = {}, {}
        found: Verdict | tuple[Match, ...]
        if matcher.depends_on_target(matches):
            found = matcher.first_of_each_list(matches)
        else:
            verdict = self._verdict_from(matches, fingerprint, NO_TARGET)
            found = self._distinct_verdicts.setdefault(verdict, verdict)
        self._verdicts[_verdict_key(fingerprint)] = found
        return found

    def _verdict_from(self, matches: Sequence[Match], fingerprint: Fingerprint, target: Target) -> Verdict:
        verdict = verdict_at(self._replica.matcher, matches, target)
        if fingerprint.flaw is not None and verdict.reason is Reason.NO_MATCH:
            return self.policy_verdict(Reason(fingerprint.flaw.value))
        return verdict

    def _current_verdicts(self) -> dict[str, Verdict | tuple[Match, ...]]:
        """The remembered verdicts, without those of earlier lists."""
        # Not the version alone: it repeats after the store has lost data.
        lists = self._replica.matcher.change_count, self.version
        if lists != self._verdicts_of:
            self._verdicts, self._distinct_verdicts = {}, {}
            self._verdicts_of = lists
        return self._verdicts

    def policy_verdict(self, reason: Reason) -> Verdict:
        """The operator's decision on what can't be checked, for this reason."""
        version = self._replica.matcher.version
        if self._config.decide(reason) == "deliver":
            return Verdict(Decision.DELIVER, reason, version=version)
        return Verdict(Decision.BLOCK, reason, version=version)

    async def close(self) -> None:
        """End all tasks: fingerprints that are not yet in the store are hashed again another time.

        Responses that wait for one get their verdict by policy: `overloaded`, or `store_stale`.
        """
        catching_up = filter(None, (self._catch_up_task, self._waiting))
        tasks: list[asyncio.Task[Any]] = [*self._lookups.values(), *self._writes, *catching_up]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    async def _digest(body: bytes) -> str:
        if len(body) < THREAD_BYTES:
            return hashlib.sha256(body).hexdigest()
        return (await asyncio.to_thread(hashlib.sha256, body)).hexdigest()

    async def _fingerprint(self, digest: str, body: bytes, request: HashRequest, source: Source) -> Fingerprint:
        """From memory, from the store, or from a hasher. Concurrent requests for one body share one lookup."""
        markup_type = markup_types.markup_type(request.declared, self._config.hashing.data_uris)
        codings = (quote(coding, errors="surrogateescape") for coding in request.codings)  # any bytes a header may hold
        key = ",".join((digest, self._generation(request.views, markup_type), *codings))
        known = self._fingerprints.get(key) or self.failed_images.get(key)
        if known is not None:
            metrics.fingerprint_lookups.labels("memory").inc()
            return known
        task = self._lookups.get(key)
        if task is None:
            task = asyncio.create_task(self._load_or_hash(key, body, request, source), name="fingerprint")
            self._lookups[key] = task
            task.add_done_callback(lambda _: self._lookups.pop(key, None))
        # A client that hangs up does not cancel the hashing for the others.
        await asyncio.wait([task])
        if task.cancelled():  # this worker ends
            return await self._pool.undecoded(body, request.codings, Flaw.OVERLOADED)
        fingerprint = task.result()
        if fingerprint.flaw not in TRANSIENT_FLAWS:
            self._fingerprints.put(key, fingerprint)
        return fingerprint

    async def _load_or_hash(self, key: str, body: bytes, request: HashRequest, source: Source) -> Fingerprint:
        if (stored := await self._load(key, body, request)) is not None:
            metrics.fingerprint_lookups.labels("store").inc()
            return stored
        metrics.fingerprint_lookups.labels("hashed").inc()
        fingerprint = await self._pool.fingerprint(body, request, source)
        is_image = fingerprint.media_type or declares_image(request.declared)
        if fingerprint.flaw in FAILURES:
            self.failed_images.add(key, fingerprint)
            self._write(self.failed_images.publish(key))
        elif fingerprint.flaw not in TRANSIENT_FLAWS:
            self.failed_images.discard(key)
        # An incomplete one is not stored: other settings or a newer decoder may make the rest of it.
        if is_image and fingerprint.is_complete:
            self._write(self._sightings.store_fingerprint(key, fingerprint))
        return fingerprint

    async def _load(self, key: str, body: bytes, request: HashRequest) -> Fingerprint | None:
        """What another worker found out about the body: its fingerprint, or that hashers fail on it."""
        failure = None
        with contextlib.suppress(*STORE_AWAY, TimeoutError):
            async with asyncio.timeout(LOOKUP_SECONDS):
                stored = await self._sightings.fingerprint(key)
                if stored is not None:
                    return stored
                failure = await self.failed_images.published(key)
        if failure is None:
            return None
        fingerprint = await self._pool.undecoded(body, request.codings, failure.flaw)
        self.failed_images.add_published(key, fingerprint, failure)
        return fingerprint

    def _write(self, writing: Coroutine[Any, Any, None]) -> None:
        """To the store, while nobody waits for it."""

        async def write() -> None:
            try:
                await writing
            except STORE_AWAY as error:
                logger.debug("a fingerprint was not stored: %s", type(error).__name__)

        task = asyncio.create_task(write(), name="store fingerprint")
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)


def _verdict_key(fingerprint: Fingerprint) -> str:
    """Differs for the same bytes hashed in more views, or read as another type of text."""
    return f"{fingerprint.sha256} {len(fingerprint.signals)} {fingerprint.flaw} {fingerprint.media_type}"
