"""The purges that are in hand for one cache: which to try next, and when one that failed is tried again.

A purge that fails waits for itself, longer each time. One that fails while others pass has a trouble of its own; the
others fail with the node, and are tried again as soon as anything passes there.
"""

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from edgeward.takedown.purging.orders import GONE
from edgeward.types import Outcome, PurgeOrder

MOST = 512
"""Purges in one call of a driver."""
SHRINK = 8
"""A call in which nothing passed, at a node where other calls do, is divided into so many."""
FIRST_PAUSE_SECONDS = 0.05
LONGEST_REQUEST_SECONDS = 3600.0
"""A cache that asks to be left alone for longer (Retry-After) is not believed."""
REPEATS_FIRST = 4
"""New purges go before repeats, but not in every so manieth call."""


@dataclass(slots=True)
class Job:
    """One purge: the first of its order, or (with a `member`) a repeat.

    Attributes:
        limit: so many jobs may share a call with this one.
        alone: it failed while others passed.
        lively: the node had done something while it failed last.
        passes: of the node, when this job failed last, or came.
        began: passes of the node, when it was tried last.
        forgiven: attempts that failed with the node before it came back, and make no pause longer.
        due: when it may be tried (time.monotonic).
    """

    order: PurgeOrder
    member: str = ""
    previous: Outcome | None = None
    attempts: int = 0
    limit: int = MOST
    alone: bool = False
    lively: bool = False
    passes: int = 0
    began: int = 0
    forgiven: int = 0
    due: float = 0.0
    since: float = field(default_factory=time.monotonic)

    @property
    def first(self) -> bool:
        """Nothing has removed the target yet."""
        return not self.member or self.previous is None or self.previous.delivery not in GONE

    @property
    def key(self) -> tuple[str, str]:
        return self.order.id, self.member


class Jobs:
    """Jobs in hand, each once. `pause_seconds`: the longest pause after a failure."""

    def __init__(self, pause_seconds: float) -> None:
        self._longest = pause_seconds
        self._jobs: dict[tuple[str, str], Job] = {}
        self._new: deque[Job] = deque()
        self._again: deque[Job] = deque()
        self._waiting: list[Job] = []
        self._next_due = math.inf
        self._shut_until = 0.0
        self._passes = self._calls = 0
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def repeats(self) -> int:
        """How many of them are repeats."""
        return sum(bool(member) for _, member in self._jobs)

    def held(self, seconds: float) -> list[Job]:
        """Those that have been in hand for so long."""
        since = time.monotonic() - seconds
        return [job for job in self._jobs.values() if job.since < since]

    def add(self, job: Job) -> None:
        """Take a job in hand, unless it is already."""
        if job.key not in self._jobs:
            self._jobs[job.key] = job
            job.passes = self._passes
            self._make_ready(job)

    def drop(self, jobs: Iterable[Job]) -> None:
        """These are done."""
        for job in jobs:
            self._jobs.pop(job.key, None)

    async def next(self, most: int) -> list[Job]:
        """The jobs of the next call: at least one, at most `most`. Waits for them."""
        while not (jobs := self._pick(most)):
            self._changed.clear()
            pause = self._wake_at() - time.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause if pause < math.inf else None):
                    await self._changed.wait()
        return jobs

    def passed(self) -> None:
        """The node has done something. Jobs that failed with it are tried at once."""
        self._passes += 1
        self._release(lambda job: not job.alone)

    def failed(self, jobs: Sequence[Job], alone: bool, retry_after: float | None = None) -> None:
        """These wait now. `alone`: others of the same call passed. `retry_after`: seconds that the cache asked for."""
        lively = alone or any(job.passes < self._passes for job in jobs)
        for job in jobs:
            if lively and not alone and not job.lively and job.began < self._passes:
                # Tried before the node came back, and told of it after: that was still the node's trouble.
                job.forgiven = job.attempts - 1
            job.lively = lively
        tries = max(job.attempts - job.forgiven for job in jobs)
        longest = min(self._longest, FIRST_PAUSE_SECONDS * 2 ** min(20, tries))
        asked = min(retry_after or 0.0, LONGEST_REQUEST_SECONDS)
        now = time.monotonic()
        due = now + max(asked, longest * random.uniform(0.5, 1.0))
        if not lively and not asked and now < self._next_due <= now + longest:
            # At a node that is away they wait together, and cost it few calls.
            due = self._next_due
        for job in jobs:
            job.alone = alone or (lively and len(jobs) == 1)
            job.passes, job.due = self._passes, due
            job.limit = max(1, len(jobs) // SHRINK) if lively and not alone else MOST
        if not lively and len(jobs) > 1:
            # One of them may have spoilt it for the others: each time another of them is tried by itself.
            jobs[-1].limit = 1
        self._waiting += jobs
        self._next_due = min(self._next_due, due)
        self._changed.set()

    def shut(self, seconds: float) -> None:
        """Nothing is tried for so long: the node said that there is too much. Of several answers the longest counts."""
        self._shut_until = max(self._shut_until, time.monotonic() + min(seconds, LONGEST_REQUEST_SECONDS))

    def _pick(self, most: int) -> list[Job]:
        now = time.monotonic()
        if now < self._shut_until:
            return []
        if now >= self._next_due:
            self._release(lambda job: job.due <= now)
        self._calls += 1
        queues = (self._again, self._new) if self._calls % REPEATS_FIRST == 0 else (self._new, self._again)
        jobs: list[Job] = []
        for queue in queues:
            while queue and len(jobs) < min(most, queue[0].limit):
                jobs.append(queue.popleft())
                most = min(most, jobs[-1].limit)
                jobs[-1].attempts += 1
                jobs[-1].began = self._passes
        return jobs

    def _wake_at(self) -> float:
        return self._shut_until if self._new or self._again else max(self._next_due, self._shut_until)

    def _release(self, which: Callable[[Job], bool]) -> bool:
        """Let some that wait be tried. True: there were any."""
        # Those that want a call of their own come last, and don't divide the others.
        ready = sorted(filter(which, self._waiting), key=lambda job: -job.limit)
        if ready:
            self._waiting = [job for job in self._waiting if not which(job)]
            self._next_due = min((job.due for job in self._waiting), default=math.inf)
        for job in ready:
            self._make_ready(job)
        return bool(ready)

    def _make_ready(self, job: Job) -> None:
        (self._again if job.member else self._new).append(job)
        self._changed.set()
