"""Retries of refused purges that are tried earlier than scheduled.

A refused purge is retried every few minutes (REFUSED_RETRY_SECONDS): somebody has to mend its cause. As soon as its
cache carries out any purge, the cause may be mended, so all that it refused is retried at once, each purge once. One
that is refused again, or while the cache carries out others of the same call, has a cause of its own and waits.

Retries are ids in the schedule of repeats (repeat_schedule.py). Those that are not known here only come on time.

{purges}:retries:<cache>      set: retries that wait for the cache to carry out anything
{purges}:own-retries:<cache>  set: retries of purges that the cache refused although it carried out others
{purges}:retry-now:<cache>    how often somebody asked to retry everything now
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeward.purging.repeat_schedule import LEASE_SECONDS, RepeatSchedule
from edgeward.store.connection import Store

RETRIES_PER_COMMAND = 500
FORGOTTEN_SECONDS = 86400
"""What is known here is forgotten when nothing was refused for so long, or when the store's clock is set forwards;
retries then come on time."""

# A purge whose retry was scheduled anew is no longer known by its former id.
# KEYS: retries, own retries
# ARGV: seconds; for each refused purge: former id or '', new id, 1 if others were carried out
_NOTE = """
for i = 2, #ARGV, 3 do
  redis.call('SREM', KEYS[1], ARGV[i])
  local own = redis.call('SREM', KEYS[2], ARGV[i]) == 1 or ARGV[i + 2] == '1'
  redis.call('SADD', KEYS[own and 2 or 1], ARGV[i + 1])
end
for i = 1, 2 do redis.call('EXPIRE', KEYS[i], ARGV[1]) end
"""

# One that is sent at this moment is left as it is: its outcome will be noted.
# KEYS: retries to take, schedule of repeats, own retries. ARGV: now, end of a lease that begins now, count
_RELEASE = """
local released, under_way = 0, {}
local ids = redis.call('SPOP', KEYS[1], ARGV[3])
for _, id in ipairs(ids) do
  local due = redis.call('ZSCORE', KEYS[2], id)
  if due and tonumber(due) > tonumber(ARGV[2]) then
    redis.call('ZADD', KEYS[2], ARGV[1], id)
    released = released + 1
    if KEYS[1] ~= KEYS[3] then redis.call('SADD', KEYS[3], id) end
  elseif due then
    under_way[#under_way + 1] = id
  end
end
if #under_way > 0 then redis.call('SADD', KEYS[1], unpack(under_way)) end
return {#ids, released}
"""


@dataclass(frozen=True, slots=True)
class RefusedRetry:
    """The retry of a purge that was refused.

    `former`: the retry that was refused now, "" if it was no retry. `alone`: the cache carried out others of that call.
    """

    retry: str
    former: str
    alone: bool


class RefusedRetries:
    """Those of all caches. `repeats`: the schedules that have them."""

    def __init__(self, store: Store, repeats: RepeatSchedule) -> None:
        self._store, self._repeats = store, repeats
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    def keys(self, cache: str) -> tuple[str, str, str]:
        """The keys of a cache."""
        retries, own, asked = (
            self._store.key("{purges}", what, cache) for what in ("retries", "own-retries", "retry-now")
        )
        return retries, own, asked

    async def note(self, cache: str, refused: Sequence[RefusedRetry], done: Sequence[str] = ()) -> None:
        """These retries were scheduled, and those that are `done` were not refused again."""
        if done:
            await self._redis.srem(self.keys(cache)[1], *done)
        for first in range(0, len(refused), RETRIES_PER_COMMAND):
            some = refused[first : first + RETRIES_PER_COMMAND]
            args = [text for each in some for text in (each.former, each.retry, "1" if each.alone else "")]
            await self._store.run(_NOTE, self.keys(cache)[:2], [FORGOTTEN_SECONDS, *args])

    async def release(self, cache: str) -> int:
        """The cache carries out purges: retry now what it refused before. Returns how many that are."""
        retries, own, _ = self.keys(cache)
        return await self._release(cache, retries, own)

    async def release_all(self, cache: str) -> int:
        """Retry now whatever the cache refused. Returns how many purges that are."""
        retries, own, _ = self.keys(cache)
        # As if they had never been retried: the next release may bring them forward once more.
        return await self._release(cache, own, own) + await self._release(cache, retries, retries)

    async def ask(self, cache: str) -> int:
        """The same, and have every controller send now what it holds for the cache. Returns how many were refused."""
        await self._redis.incr(self.keys(cache)[2])
        return await self.release_all(cache)

    async def asked(self, cache: str) -> int:
        """How often `ask` was called."""
        return int(await self._redis.get(self.keys(cache)[2]) or 0)

    async def _release(self, cache: str, retries: str, own: str) -> int:
        keys = [retries, self._repeats.key(cache), own]
        released = 0
        # One round more than there are: those that are under way stay.
        for _ in range(int(await self._redis.scard(retries)) // RETRIES_PER_COMMAND + 1):
            now = self._repeats.clock.now()
            taken, some = await self._store.run(_RELEASE, keys, [now, now + LEASE_SECONDS, RETRIES_PER_COMMAND])
            released += int(some)
            if taken < RETRIES_PER_COMMAND:
                break
        return released
