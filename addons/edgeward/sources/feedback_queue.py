"""Feedback that waits to be sent to its programme, in the store: it outlives any controller.

{sources}:feedback:<source>  hash: id of an entry -> Feedback as JSON; what is decided later replaces it
{sources}:feedback_done      hash: "<source> sent" and "<source> refused" -> how many; "<source> error" -> why the last
                             one was refused
"""

from dataclasses import dataclass, replace
from typing import Any

from edgeward.background.readable_records import readable
from edgeward.errors import Conflict
from edgeward.sources.feedback import Feedback
from edgeward.store.connection import Store

MAX_WAITING = 10_000
"""Of one source."""

# KEYS: feedback of the source. ARGV: entry, JSON, the most that may wait -> 1: it waits
_ADD = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
"""

# What was decided anew meanwhile stays, and is sent too.
# KEYS: feedback of the source, what is done. ARGV: entry, JSON that was sent, name of the count, name of the error,
# error
_DONE = """
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
if ARGV[5] ~= '' then redis.call('HSET', KEYS[2], ARGV[4], ARGV[5]) end
"""

# KEYS: feedback of the source. ARGV: entry, JSON that was sent, JSON to be sent again
_AGAIN = "if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end"


@dataclass(frozen=True, slots=True)
class FeedbackCounts:
    """The feedback of one source: how much waits, was sent, and was refused; and why some waits, or was refused."""

    waiting: int = 0
    sent: int = 0
    refused: int = 0
    error: str = ""


class FeedbackQueue:
    """The feedback of all sources."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._finished = store.key("{sources}", "feedback_done")
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    async def add(self, source: str, feedback: Feedback) -> None:
        """Have feedback sent. When this returns it is durable.

        Raises:
            Conflict: too much waits already.
        """
        args: list[str | int] = [feedback.entry, feedback.to_json(), MAX_WAITING]
        if not await self._store.run_durably(_ADD, [self._key(source)], args):
            raise Conflict(f"{MAX_WAITING:,} entries wait to be reported to {source} already: see `edgeward sources`")

    async def waiting(self, source: str) -> list[Feedback]:
        """What is not sent yet, in the order in which it is due."""
        found = readable("feedback", await self._redis.hvals(self._key(source)), Feedback.from_json)
        return sorted(found, key=lambda each: (each.next_at, each.at, each.entry))

    async def done(self, source: str, feedback: Feedback, refused: str = "") -> None:
        """It is sent; or refused, for this reason."""
        result = "refused" if refused else "sent"
        args = [feedback.entry, feedback.to_json(), f"{source} {result}", f"{source} error", refused]
        await self._store.run_durably(_DONE, [self._key(source), self._finished], args)

    async def send_again(self, source: str, feedback: Feedback, at: float, error: str, *, tried: bool = True) -> None:
        """It was not taken, or not even `tried`, and is sent at this time."""
        again = replace(feedback, tries=feedback.tries + tried, next_at=at, error=error)
        await self._store.run(_AGAIN, [self._key(source)], [feedback.entry, feedback.to_json(), again.to_json()])

    async def counts(self, source: str) -> FeedbackCounts:
        waiting = await self.waiting(source)
        names = [f"{source} {what}" for what in ("sent", "refused", "error")]
        sent, refused, error = await self._redis.hmget(self._finished, names)
        now = next((each.error for each in waiting if each.error), "")
        return FeedbackCounts(len(waiting), int(sent or 0), int(refused or 0), now or (error or b"").decode())

    def _key(self, source: str) -> str:
        return self._store.key("{sources}", "feedback", source)
