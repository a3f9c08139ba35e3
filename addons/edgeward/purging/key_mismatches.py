"""Which caches store copies under keys that purges do not have: found by a check, or by a purge that met nothing.

{purges}:key-mismatches    hash: cache -> the mismatch as JSON
{purges}:key-past          hash: cache -> the mismatch that it had, and until when
{purges}:key-emptied       hash: cache -> when a person said that every copy in it was gone
{purges}:key-checked       hash: cache -> when a check found its key to be that of purges
{purges}:key-check:<cache>  expires when the next check of that cache is due, or when the store's clock is set forwards
{purges}:key-doubt:<cache>  a purge there met nothing where a copy was seen moments ago

What a purge has found stays for a day after it was found last; what a check has found until a check finds it no more.
Then it is past, and counts for the orders of before: copies under the old key may be there until the cache is emptied.
"""

import json
import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from edgeward.purging.key_records import KeyMismatch, KeyRecord
from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.store.connection import Store

KEEP_SECONDS = 86400.0
"""How long a mismatch that a purge has found is believed without being found again."""
RECENT_SECONDS = 1.0
"""How old the answer of `recent` may be: whoever waits for purges asks often."""
DOUBTED_SECONDS = 60.0
"""A cache whose purges meet nothing is checked within this time. Nodes that fetch through others often have nothing."""

# The time at which all orders on record are placed: their ids never go back, though the store's clock may.
# KEYS[1]: the orders
_NOW = """
local time = redis.call('TIME')
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if last then ms = math.max(ms, tonumber(string.match(last[1], '^%d+'))) end
local now = string.format('%.3f', ms / 1000)
"""

# KEYS: orders, mismatches, past ones, emptied, checked. ARGV: KEEP_SECONDS, time of the schedule's clock
# -> the last four, each as field and value in turn
_READ = (
    _NOW
    + """
local found = {}
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  local at, text = string.match(all[i + 1], '^(%d+) (.*)$')
  if not at then
    redis.call('HDEL', KEYS[2], all[i])
  elseif string.find(text, '"by":"purge"', 1, true) and tonumber(ARGV[2]) - tonumber(at) > tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[3], all[i], now .. ' ' .. text)
    redis.call('HDEL', KEYS[2], all[i])
  else
    found[#found + 1] = all[i]
    found[#found + 1] = text
  end
end
return {found, redis.call('HGETALL', KEYS[3]), redis.call('HGETALL', KEYS[4]), redis.call('HGETALL', KEYS[5])}
"""
)

# KEYS: orders, mismatches, past ones, checked. ARGV: cache, 1 if it counts as checked
# -> 1 if a check had found one there
_CLEAR = (
    _NOW
    + """
if ARGV[2] == '1' then redis.call('HSET', KEYS[4], ARGV[1], now) end
local text = string.match(redis.call('HGET', KEYS[2], ARGV[1]) or '', '^%d+ (.*)$')
if not text or not string.find(text, '"by":"check"', 1, true) then return 0 end
redis.call('HSET', KEYS[3], ARGV[1], now .. ' ' .. text)
return redis.call('HDEL', KEYS[2], ARGV[1])
"""
)

# KEYS: orders, past ones, emptied. ARGV: cache
_EMPTIED = (
    _NOW
    + """
redis.call('HSET', KEYS[3], ARGV[1], now)
redis.call('HDEL', KEYS[2], ARGV[1])
"""
)

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


class KeyMismatches:
    """The mismatches of all caches. By `clock` they are old: a step of the store's clock makes none so."""

    def __init__(self, store: Store, clock: ScheduleClock) -> None:
        self._store, self.clock, self._schedule_clock = store, store.clock, clock
        self._key, self._past, self._emptied, self._checked = self.hashes = tuple(
            store.key("{purges}", name) for name in ("key-mismatches", "key-past", "key-emptied", "key-checked")
        )
        self._orders = store.key("{purges}", "orders")
        self._recent: Mapping[str, KeyRecord] = {}
        self._read_at = -math.inf

    async def all(self) -> dict[str, KeyMismatch]:
        """Those that caches have now, by cache."""
        return {name: each.mismatch for name, each in (await self.records()).items() if each.mismatch}

    async def records(self) -> dict[str, KeyRecord]:
        """All that is known, by cache."""
        found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        now, past, emptied, checked = await self._store.run(
            _READ, [self._orders, *self.hashes], [KEEP_SECONDS, await self._now()]
        )
        for name, text in _pairs(now):
            found[name]["mismatch"] = _mismatch(json.loads(text))
        for name, text in _pairs(past):
            until, _, what = text.partition(" ")
            found[name] |= {"past": _mismatch(json.loads(what)), "past_until": float(until)}
        for name, text in _pairs(emptied):
            found[name]["emptied_at"] = float(text)
        for name, text in _pairs(checked):
            found[name]["checked_at"] = float(text)
        return {name: KeyRecord(**each) for name, each in found.items()}

    async def recent(self) -> Mapping[str, KeyRecord]:
        """The same, read a second ago at most."""
        if time.monotonic() - self._read_at > RECENT_SECONDS:
            self._recent, self._read_at = await self.records(), time.monotonic()
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

    async def clear(self, cache: str, checked: bool = True) -> bool:
        """A check found no other key than that of purges.

        Args:
            checked: it could have found one. Else only what an earlier check had found is taken back.

        Returns:
            Whether a check had found one before: it is past now, and still counts for the orders of before.
        """
        keys = [self._orders, self._key, self._past, self._checked]
        return bool(await self._store.run(_CLEAR, keys, [cache, int(checked)]))

    async def note_emptied(self, cache: str) -> None:
        """A person says that every copy that was in this cache is gone: no order placed until now is in doubt."""
        await self._store.run_durably(_EMPTIED, [self._orders, self._past, self._emptied], [cache])
        self._read_at = -math.inf

    async def is_due(self, cache: str, seconds: float) -> bool:
        """Whether `take_check` would be true."""
        left: int = await self._store.redis.pttl(self._check_key(cache))
        return not 0 <= left <= int(seconds * 1000)

    async def take_check(self, cache: str, seconds: float) -> bool:
        """Whether nobody has checked the cache for so long. True once: the caller checks it now."""
        return bool(await self._store.run(_TAKE_CHECK, [self._check_key(cache)], [int(seconds * 1000)]))

    async def set_due(self, cache: str, seconds: float) -> None:
        """The check that was taken last is followed by the next after so long."""
        await self._store.redis.pexpire(self._check_key(cache), int(seconds * 1000))

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

    @property
    def prefixes(self) -> tuple[str, str]:
        """Of the keys of a cache, which end in its name."""
        return self._check_key(""), self._doubt_key("")

    def _doubt_key(self, cache: str) -> str:
        return self._store.key("{purges}", "key-doubt", cache)

    def _check_key(self, cache: str) -> str:
        return self._store.key("{purges}", "key-check", cache)


def _pairs(found: Sequence[bytes]) -> list[tuple[str, str]]:
    """Fields and values of a hash, in turn."""
    texts = [each.decode() for each in found]
    return list(zip(texts[::2], texts[1::2], strict=True))


def _mismatch(data: dict[str, Any]) -> KeyMismatch:
    headers: Sequence[str] = data.get("headers", ())
    return KeyMismatch(tuple(headers), data.get("detail", ""), data.get("fix", ""), data.get("by", ""))
