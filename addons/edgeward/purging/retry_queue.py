"""The purges that a controller holds for one cache: which to send next, and when to retry one that failed.

A purge that fails while the node completes others has a problem of its own: it waits for a pause of its own, longer
each time. A purge that fails because the node is down is sent again as soon as the node completes anything.

Purges that may wait for a fetch of the cache are handed out apart from all others (`Lane`), so that these need not wait
for them. So are those of matches in transit: any client can cause as many as it likes.
"""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import islice

from edgeward.caches.base import Purged
from edgeward.purging.orders import CARRIED_OUT
from edgeward.purging.ready_purges import ReadyPurges
from edgeward.types import Cause, Outcome, PurgeOrder, Scope

MAX_CALL_SIZE = 512
"""Purges in one call of a driver."""
CALL_DIVISOR = 8
"""A call that failed as a whole, while the node completed others, is retried in this many smaller calls."""
FIRST_PAUSE_SECONDS = 0.05
WAITING_PAUSE_SECONDS = 0.5
"""Longest pause between two purges that wait in the cache for a fetch of their target, which nobody has answered."""
MAX_RETRY_AFTER_SECONDS = 3600.0
"""A longer Retry-After of a cache is cut to this."""


PURGE_BYTES = 1000
"""What a purge takes in memory beside its target."""


class Lane(Enum):
    """Which purges wait for each other."""

    ORDINARY = auto()
    """Those of listings, takedowns, people and removals at the origin."""
    MATCHES = auto()
    """Those of matches in transit."""
    SLOW = auto()
    """Those that may wait for a fetch of the cache."""
    UNANSWERED = auto()
    """Those that were ordered to wait for one: nobody has answered a request for their target."""


APART = frozenset((Lane.SLOW, Lane.UNANSWERED))
"""Lanes whose purges have a connection each."""


@dataclass(slots=True)
class QueuedPurge:
    """One purge: the first of its order, or a repeat if it has a `repeat_id`.

    Attributes:
        previous: the outcome on record: for a repeat, and for an order that runs again after it was carried out.
        attempts: how often it was sent.
        sent_at: when it was sent last, Unix seconds of the store; 0.0 if that is not known.
        max_call_size: it may be sent in a call of at most this many purges.
        own_failure: its last failure was its own, not the node's.
        node_was_up: at its last failure the node had completed something since the failure before.
        successes_seen: the node's count of successes when this purge was added, or failed last.
        successes_at_start: the same when it was sent last.
        outage_attempts: attempts that failed because the node was down. They do not lengthen the pause.
        taken_over: another controller, or this one before a restart, may have sent it and not recorded what it met.
        refused_alone: the cache refused it, and carried out others of the same call.
        timed_out: its last attempt got no answer in time from a cache where a purge waits for a fetch of its target.
        removed: copies that failed attempts removed.
        unanswered: an earlier attempt got no answer, so it may have removed more.
        failure: what the last failed attempt met, until it is noted in the store.
        due: when it may be sent again (time.monotonic).
        held_since: when it was added (time.monotonic).
        counted_in: its lane as the queue knows it.
    """

    order: PurgeOrder
    repeat_id: str = ""
    previous: Outcome | None = None
    attempts: int = 0
    sent_at: float = 0.0
    max_call_size: int = MAX_CALL_SIZE
    own_failure: bool = False
    node_was_up: bool = False
    successes_seen: int = 0
    successes_at_start: int = 0
    outage_attempts: int = 0
    taken_over: bool = False
    refused_alone: bool = False
    timed_out: bool = False
    removed: int = 0
    unanswered: bool = False
    failure: Purged | None = None
    due: float = 0.0
    held_since: float = field(default_factory=time.monotonic)
    counted_in: Lane = field(init=False)

    def __post_init__(self) -> None:
        self.counted_in = self.lane

    @property
    def first(self) -> bool:
        """Whether no purge of this order was carried out yet."""
        return self.previous is None or self.previous.delivery not in CARRIED_OUT

    @property
    def unjudged(self) -> bool:
        """Whether it is for a response that broke off: the cache may still be fetching that."""
        return self.order.cause is Cause.UNJUDGED

    @property
    def is_stored_late(self) -> bool:
        """Whether the cache may fetch and store for long what it removes: a response that broke off, or one of a host
        where such responses count as lost."""
        order = self.order
        of_lost = order.cause is Cause.LISTING and order.scope is Scope.PREFIX and not order.sha256
        return self.unjudged or (of_lost and bool(order.forgotten))

    @property
    def slow(self) -> bool:
        """Whether it may wait for a fetch of the cache: its response broke off, or it alone got no answer in time."""
        return self.unjudged or (self.timed_out and self.own_failure)

    @property
    def lane(self) -> Lane:
        if self.order.unanswered:
            return Lane.UNANSWERED
        if self.slow:
            return Lane.SLOW
        return Lane.MATCHES if self.order.cause is Cause.MATCH else Lane.ORDINARY

    @property
    def key(self) -> tuple[str, str, str]:
        return self.order.id, self.order.nonce, self.repeat_id


class RetryQueue:
    """The purges that are held, each once: ready to send, sent, or waiting for a retry.

    Args:
        longest_pause: the longest pause after a failure, in seconds.
    """

    def __init__(self, longest_pause: float) -> None:
        self._longest_pause = longest_pause
        self._purges: dict[tuple[str, str, str], QueuedPurge] = {}
        self._ready = {lane: ReadyPurges[QueuedPurge](mixed=lane not in APART) for lane in Lane}
        # By lane, and whether they are repeats.
        self._counts = Counter[tuple[Lane, bool]]()
        self._bytes = 0
        self._waiting: list[QueuedPurge] = []
        self._next_due = math.inf
        self._successes = 0
        self._changed = asyncio.Event()
        self.paused_until = 0.0
        """When anything may be sent again (time.monotonic); see `pause`."""

    def __len__(self) -> int:
        return len(self._purges)

    @property
    def held_bytes(self) -> int:
        """Memory of all purges, about."""
        return self._bytes

    def counts(self, *, repeats_only: bool = False) -> Mapping[Lane, int]:
        """How many purges each lane has; only repeats, or all."""
        found = {lane: self._counts[lane, True] for lane in Lane}
        return found if repeats_only else {lane: count + self._counts[lane, False] for lane, count in found.items()}

    def held_longer_than(self, seconds: float) -> list[QueuedPurge]:
        """The purges that were added more than `seconds` ago."""
        limit = time.monotonic() - seconds
        return [purge for purge in self._purges.values() if purge.held_since < limit]

    def take_failures(self, limit: int) -> list[QueuedPurge]:
        """Up to `limit` purges of which the last failure is not noted yet."""
        failed = (purge for purge in self._purges.values() if purge.failure)
        return list(islice(failed, limit))

    def add(self, purge: QueuedPurge) -> None:
        """Hold a purge and make it ready, unless it is held already."""
        if purge.key not in self._purges:
            self._purges[purge.key] = purge
            self._bytes += _size(purge)
            self._counts[purge.counted_in, bool(purge.repeat_id)] += 1
            purge.successes_seen = self._successes
            self._make_ready(purge)

    def remove(self, purges: Iterable[QueuedPurge]) -> None:
        """These are done."""
        for purge in purges:
            if (held := self._purges.pop(purge.key, None)) is not None:
                self._bytes -= _size(held)
                self._counts[held.counted_in, bool(held.repeat_id)] -= 1

    async def next(self, limit: int, lane: Lane = Lane.ORDINARY) -> list[QueuedPurge]:
        """The purges of the next call: at least one, at most `limit`, of one lane. Waits until one is ready."""
        ready = self._ready[lane]
        while not (purges := self._pick(ready, limit)):
            self._changed.clear()
            wake_at = self.paused_until if ready else max(self._next_due, self.paused_until)
            with suppress(TimeoutError):
                async with asyncio.timeout(wake_at - time.monotonic() if wake_at < math.inf else None):
                    await self._changed.wait()
        return purges

    def note_success(self) -> None:
        """The node has completed something. Purges that failed because it was down are sent again at once."""
        self._successes += 1
        self._release(lambda purge: not purge.own_failure)

    def note_failure(
        self, purges: Sequence[QueuedPurge], others_succeeded: bool, retry_after: float | None = None
    ) -> None:
        """Purges of one call have failed, and wait for a retry.

        Args:
            others_succeeded: whether other purges of the same call succeeded.
            retry_after: seconds that the cache asked to wait.
        """
        node_is_up = others_succeeded or any(purge.successes_seen < self._successes for purge in purges)
        for purge in purges:
            # Sent while the node was still down, and its failure was reported after the node had come back.
            sent_in_outage = not purge.node_was_up and purge.successes_at_start < self._successes
            if node_is_up and not others_succeeded and sent_in_outage:
                purge.outage_attempts = purge.attempts - 1
            purge.node_was_up = node_is_up
        tries = max(purge.attempts - purge.outage_attempts for purge in purges)
        longest = min(self._longest_pause, FIRST_PAUSE_SECONDS * 2 ** min(20, tries))
        asked = min(retry_after or 0.0, MAX_RETRY_AFTER_SECONDS)
        now = time.monotonic()
        # Jitter keeps several controllers from retrying at the same moment.
        due = now + max(asked, longest * random.uniform(0.5, 1.0))
        if not node_is_up and not asked and now < self._next_due <= now + longest:
            # While the node is down they become due together: few calls then find it still down.
            due = self._next_due
        for purge in purges:
            # One that waits for a fetch of its target says nothing of the node.
            fetching = purge.timed_out and purge.unjudged
            purge.own_failure = fetching or others_succeeded or (node_is_up and len(purges) == 1)
            purge.successes_seen, purge.due = self._successes, due
            if fetching and purge.order.unanswered and not asked:
                # It is known to be pending while it waits in the cache, which it should do most of the time.
                purge.due = min(due, now + WAITING_PAUSE_SECONDS)
            self._count_anew(purge)
            # Slow ones have a connection each: a smaller call would only take longer.
            split = node_is_up and not others_succeeded and not purge.slow
            purge.max_call_size = max(1, len(purges) // CALL_DIVISOR) if split else MAX_CALL_SIZE
        if not node_is_up and len(purges) > 1 and not purges[-1].slow:
            # Perhaps the node is up, and one purge makes every call fail that it is in. So one is sent alone each
            # time: unless it is that one, its success shows that the node is up, and the call is then divided.
            purges[-1].max_call_size = 1
        self._waiting += purges
        self._next_due = min(self._next_due, due, *(purge.due for purge in purges))
        self._changed.set()

    def pause(self, seconds: float) -> None:
        """Send nothing for `seconds`: the node answered that there are too many requests. The longest pause counts."""
        self.paused_until = max(self.paused_until, time.monotonic() + min(seconds, MAX_RETRY_AFTER_SECONDS))

    def retry_now(self) -> None:
        """Send everything now that waits, whatever it waits for."""
        self.paused_until = 0.0
        self._release(lambda purge: True)
        self._changed.set()

    def _pick(self, ready: ReadyPurges[QueuedPurge], limit: int) -> list[QueuedPurge]:
        now = time.monotonic()
        if now < self.paused_until:
            return []
        if now >= self._next_due:
            self._release(lambda purge: purge.due <= now)
        purges = ready.take(limit)
        for purge in purges:
            purge.attempts += 1
            purge.successes_at_start = self._successes
        return purges

    def _count_anew(self, purge: QueuedPurge) -> None:
        """Its last failure tells whether it is slow."""
        if purge.key in self._purges and purge.counted_in is not purge.lane:
            self._counts[purge.counted_in, bool(purge.repeat_id)] -= 1
            purge.counted_in = purge.lane
            self._counts[purge.counted_in, bool(purge.repeat_id)] += 1

    def _release(self, which: Callable[[QueuedPurge], bool]) -> None:
        """Make some of the waiting purges ready."""
        # Those that need a small call come last, so that they do not limit the size of the others' calls.
        released = sorted(filter(which, self._waiting), key=lambda purge: -purge.max_call_size)
        if released:
            self._waiting = [purge for purge in self._waiting if not which(purge)]
            self._next_due = min((purge.due for purge in self._waiting), default=math.inf)
        for purge in released:
            self._make_ready(purge)

    def _make_ready(self, purge: QueuedPurge) -> None:
        lane = purge.lane
        if lane not in APART:
            self._ready[lane].add(purge, later=bool(purge.repeat_id))
        else:
            # Apart from those that have waited before, which would keep its outcome back. Listed images go first.
            self._ready[lane].add(purge, later=bool(purge.attempts), at_front=not purge.unjudged)
        self._changed.set()


def _size(purge: QueuedPurge) -> int:
    return PURGE_BYTES + purge.order.target.length
