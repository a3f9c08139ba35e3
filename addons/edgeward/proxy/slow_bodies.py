"""Requests that are sent again, and answered slowly: the cache may be fetching the same response as slowly.

A response whose body arrives slowly is read on. One that nobody answered in time is asked for once more, with a lot of
time: its target is purged, but the cache may store it after all purges.
"""

import asyncio
import logging
import resource
from collections import Counter
from collections.abc import Callable
from functools import partial

from edgeward import metrics
from edgeward.proxy.refetch import ON_ANSWER, SLOW_BODY_SECONDS
from edgeward.proxy.request_repeater import Repeated, RequestRepeater

logger = logging.getLogger(__name__)

FETCH_SECONDS = 30.0
"""A body that takes longer is slow."""
MAX_SLOW_BODIES = 8
"""So many are read at the same time. One more is not read on: its target is purged."""
MAX_LATE = 512
"""So many are asked for once more at the same time, each on a connection of its own ..."""
DESCRIPTOR_SHARE = 8
"""... which take at most this part of all descriptors that a process may have ..."""
MAX_LATE_BYTES = 8 * 1024 * 1024
"""... and their records this memory. One host has at most half, and there one client three quarters. One client that
breaks off a request each second, at a cache that lets an upstream be silent for 60 seconds, needs 60."""


class SlowBodies:
    """Sends requests again. What is slow among them is read on, in limited number.

    Its length is how many are slow. It contains the tasks that called `repeat` and read a slow body.
    """

    def __init__(self, repeater: RequestRepeater) -> None:
        self._repeater = repeater
        self._tasks = set[object]()
        self._late: dict[bytes, asyncio.Task[None]] = {}
        self._late_by_host, self._late_by_client = Counter[str](), Counter[tuple[str, str]]()
        self._late_bytes = 0
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._max_late = MAX_LATE if descriptors < 0 else max(1, min(MAX_LATE, descriptors // DESCRIPTOR_SHARE))

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, task: object) -> bool:
        return task in self._tasks

    @property
    def late_count(self) -> int:
        """How many are asked for once more."""
        return len(self._late)

    def may_ask_late(self, record: bytes, host: str, client: str = "") -> bool:
        """Whether there is a place for this request of that host, and of the client with this address; "" if it is not
        known."""
        is_free = len(self._late) < self._max_late and self._late_bytes + len(record) <= MAX_LATE_BYTES
        has_share = not client or self._late_by_client[host, client] < max(1, self._max_late * 3 // 8)
        is_new = record not in self._late
        return is_free and is_new and has_share and self._late_by_host[host] < max(1, self._max_late // 2)

    def ask_late(
        self,
        record: bytes,
        host: str,
        answered: Callable[[int], None],
        ended: Callable[[Repeated], None],
        client: str = "",
    ) -> bool:
        """Nobody answered this request in time: send it once more, and judge whatever comes, however late.

        Args:
            host: as the request names it.
            answered: called with the status of the response as soon as its headers are here.
            ended: called with what came of it.
            client: the address of who made it; "" if it is not known.

        Returns:
            Whether it is sent: not if the same one is, nor if too many are.
        """
        if not self.may_ask_late(record, host, client):
            return False
        self._late_by_host[host] += 1
        self._late_by_client[host, client] += 1
        self._late_bytes += len(record)
        self._late[record] = late = asyncio.create_task(
            self._ask_late(record, answered, ended), name="unjudged request, late"
        )
        late.add_done_callback(partial(self._end_late, record, host, client))
        return True

    def _end_late(self, record: bytes, host: str, client: str, _: object) -> None:
        del self._late[record]
        self._late_bytes -= len(record)
        self._late_by_host[host] -= 1
        if not self._late_by_host[host]:
            del self._late_by_host[host]
        self._late_by_client[host, client] -= 1
        if not self._late_by_client[host, client]:
            del self._late_by_client[host, client]

    async def _ask_late(
        self, record: bytes, answered: Callable[[int], None], ended: Callable[[Repeated], None]
    ) -> None:
        ON_ANSWER.set(answered)
        try:
            result = await self._repeater.repeat(record, SLOW_BODY_SECONDS)
        except Exception:
            metrics.gate_errors.labels("unjudged_requests").inc()
            logger.exception("a request that was sent again could not be judged")
            result = Repeated.NOT_JUDGEABLE
        ended(result)

    async def close(self) -> None:
        """End what is asked for late."""
        late = [*self._late.values()]
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def repeat(self, record: bytes, answer_seconds: float) -> Repeated:
        """See RequestRepeater.repeat."""
        repeat = asyncio.create_task(self._repeater.repeat(record, answer_seconds), name="unjudged request, response")
        try:
            await asyncio.wait([repeat], timeout=FETCH_SECONDS)
            if not repeat.done():
                if len(self._tasks) >= MAX_SLOW_BODIES:
                    return Repeated.TRY_AGAIN
                self._tasks.add(asyncio.current_task())
            return await repeat
        except Exception:
            # A defect must cost one request, not all that come after it: it is counted, and the target purged.
            metrics.gate_errors.labels("unjudged_requests").inc()
            logger.exception("a request that was sent again could not be judged")
            return Repeated.NOT_JUDGEABLE
        finally:
            self._tasks.discard(asyncio.current_task())
            repeat.cancel()
            await asyncio.wait([repeat])
