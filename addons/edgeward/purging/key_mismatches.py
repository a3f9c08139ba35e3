"""Which caches store copies under keys that purges do not have: found by a check, or by a purge that met nothing.

{purges}:key-mismatches    hash: cache -> the mismatch as JSON
{purges}:key-check:<cache>  expires when the next check of that cache is due, or when the store's clock is set forwards
{purges}:key-doubt:<cache>  a purge there met nothing where a copy was seen moments ago

What a purge has found stays for a day after it was found last; what a check has found until a check finds it no more.
"""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.store.connection import Store

KEEP_SECONDS = 86400.0
"""How long a mismatch that a purge has found is believed without being found again."""
RECENT_SECONDS = 1.0
"""How old the answer of `recent` may be: whoever waits for purges asks often."""
DOUBTED_SECONDS = 60.0
"""A cache whose purges meet nothing is checked within this time. Nodes that fetch through others often have nothing."""

# KEYS: mismatches. ARGV: KEEP_SECONDS, now -> cache and mismatch, one after the other
_ALL = """
local now = tonumber(ARGV[2])
local found = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local at, text = string.match(all[i + 1], '^(%d+) (.*)$')
  if not at or (string.find(text, '"by":"purge"', 1, true) and now - tonumber(at) > tonumber(ARGV[1])) then
    redis.call('HDEL', KEYS[1], all[i])
  else
    found[#found + 1] = all[i]
    found[#found + 1] = text
  end
end
return found
"""

# KEYS: mismatches. ARGV: cache -> 1 if a check had found one there
_CLEAR = """
local value = redis.call('HGET', KEYS[1], ARGV[1])
if value and string.find(value, '"by":"check"', 1, true) then return redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0
"""


# One that would be due later than it can be shows that the store's clock was set back: it is due now.
# KEYS: when the next check is due. ARGV: milliseconds -> 1 if it was due
_TAKE_CHECK = """
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left <= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 1
"""

# KEYS: when the next check is due, doubt. ARGV: milliseconds, seconds that the doubt lasts
_DOUBT = """
redis.call('SET', KEYS[2], '1', 'EX', ARGV[2])
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
"""


@dataclass(frozen=True, slots=True)
class KeyMismatch:
    """What is known of the key of one cache.

    Attributes:
        headers: request headers that its key has in it beyond Vary, in lower case; none if that is not known.
        detail: what was found, for people.
        fix: what to do, for people.
        by: "check" or "purge": what has found it.
    """

    headers: tuple[str, ...]
    detail: str
    fix: str
    by: str


class KeyMismatches:
    """The mismatches of all caches. By `clock` they are old: a step of the store's clock makes none so."""

    def __init__(self, store: Store, clock: ScheduleClock) -> None:
        self._store, self._key, self.clock = store, store.key("{purges}", "key-mismatches"), store.clock
        self._schedule_clock = clock
        self._recent: Mapping[str, KeyMismatch] = {}
        self._read_at = -math.inf

    async def all(self) -> dict[str, KeyMismatch]:
        """By cache."""
        found = await self._store.run(_ALL, [self._key], [KEEP_SECONDS, await self._now()])
        return {name.decode(): _mismatch(json.loads(text)) for name, text in zip(found[::2], found[1::2], strict=True)}

    async def recent(self) -> Mapping[str, KeyMismatch]:
        """The same, read a second ago at most."""
        if time.monotonic() - self._read_at > RECENT_SECONDS:
            self._recent, self._read_at = await self.all(), time.monotonic()
        return self._recent

    async def note(self, cache: str, mismatch: KeyMismatch) -> None:
        """Record it, in place of what was known of this cache."""
        text = json.dumps(asdict(mismatch), separators=(",", ":"))
        redis: Any = self._store.redis
        await redis.hset(self._key, cache, f"{await self._now()} {text}")

    async def _now(self) -> int:
        if not self._schedule_clock.is_known:
            await self._schedule_clock.look()
        return int(self._schedule_clock.now())

    async def clear(self, cache: str) -> bool:
        """A check found that the key is that of purges. Whether a check had found otherwise before."""
        return bool(await self._store.run(_CLEAR, [self._key], [cache]))

    async def take_check(self, cache: str, seconds: float) -> bool:
        """Whether nobody has checked the cache for so long. True once: the caller checks it now."""
        return bool(await self._store.run(_TAKE_CHECK, [self._check_key(cache)], [int(seconds * 1000)]))

    async def make_due(self, cache: str) -> None:
        """The cache is checked at the next look."""
        await self._store.redis.delete(self._check_key(cache))

    async def doubt(self, cache: str) -> None:
        """A purge met nothing where a copy was seen moments ago: the next check is due soon."""
        args = [int(DOUBTED_SECONDS * 1000), int(KEEP_SECONDS)]
        await self._store.run(_DOUBT, [self._check_key(cache), self._doubt_key(cache)], args)

    async def take_doubt(self, cache: str) -> bool:
        """Whether there was such a purge since the last call."""
        return bool(await self._store.redis.getdel(self._doubt_key(cache)))

    def _doubt_key(self, cache: str) -> str:
        return self._store.key("{purges}", "key-doubt", cache)

    def _check_key(self, cache: str) -> str:
        return self._store.key("{purges}", "key-check", cache)


def _mismatch(data: dict[str, Any]) -> KeyMismatch:
    headers: Sequence[str] = data.get("headers", ())
    return KeyMismatch(tuple(headers), data.get("detail", ""), data.get("fix", ""), data.get("by", ""))
