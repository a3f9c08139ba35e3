"""What each host's origin has answered lately, shared by all controllers: tells a removal from a host that refuses all.

{sweep}:refused:<host>           sorted set: target -> when its origin first refused it, unless it has served it since
{sweep}:served:<host>            sorted set: target -> when its origin last had the image
{sweep}:held:<host>              since when the host refuses most of what it served (Unix seconds)
{sweep}:redirect:<host>:<hash>   set: targets of the host that are redirected to one location
"""

import hashlib
from enum import Enum
from typing import Any

from edgeward.origin_check.queue import ServedTarget
from edgeward.store.connection import Store

KEEP_SECONDS = 24 * 3600
MAX_TARGETS = 10_000
"""Targets of one host that are remembered in each key, the latest."""
MAX_REFUSED = 10
"""So many targets of a host may be refused while it serves fewer others. If one more is, the host is held."""
COMMON_REDIRECT = 2
"""Targets that are redirected to one location make it a page about them, not a new place of each."""

# KEYS: refused, served, held. ARGV: target, now, keep, limit, most refused.
# Answers: when this target was first refused, and since when the host is held (-1: it is not; -2: it never served)
_REFUSED = """
local now, oldest_kept = tonumber(ARGV[2]), ARGV[2] - ARGV[3]
for _, key in ipairs({KEYS[1], KEYS[2]}) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', oldest_kept)
end
redis.call('ZADD', KEYS[1], 'NX', now, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[4] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
local first = redis.call('ZSCORE', KEYS[1], ARGV[1]) or now
local since = redis.call('ZREVRANGE', KEYS[1], ARGV[5], ARGV[5], 'WITHSCORES')[2]
if redis.call('ZCARD', KEYS[2]) == 0 then return {tostring(first), '-2'} end
if not since or redis.call('ZCOUNT', KEYS[2], since, '+inf') > tonumber(ARGV[5]) then
  redis.call('DEL', KEYS[3])
  return {tostring(first), '-1'}
end
redis.call('SET', KEYS[3], now, 'NX', 'EX', ARGV[3])
return {tostring(first), redis.call('GET', KEYS[3])}
"""

# KEYS: refused, served. ARGV: target, now, keep, limit
_SERVED = """
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -ARGV[4] - 1)
redis.call('EXPIRE', KEYS[2], ARGV[3])
"""

# KEYS: redirect. ARGV: image, keep, limit
_REDIRECTED = """
if redis.call('SCARD', KEYS[1]) < tonumber(ARGV[3]) then redis.call('SADD', KEYS[1], ARGV[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('SCARD', KEYS[1])
"""


class Refusal(Enum):
    """What a refusal of a target means."""

    UNKNOWN = "unknown"
    """The host never served anything to Edgeward: it may refuse Edgeward itself."""
    FIRST = "first"
    """To be confirmed by a second look."""
    HELD = "held"
    """The host refuses most of what it served a moment ago: a mistake of the host is as likely as a removal."""
    CONFIRMED = "confirmed"


class HostAnswers:
    """The answers of all hosts.

    Args:
        second_look_seconds: minimum time between the first refusal of a target and its confirmation.
        hold_seconds: how long the refusals of a host that refuses most of its targets are not confirmed.
    """

    def __init__(self, store: Store, second_look_seconds: float, hold_seconds: float) -> None:
        self._store = store
        self._second_look, self._hold = second_look_seconds, hold_seconds

    async def note_served(self, served: ServedTarget, now: float) -> None:
        """The origin has the image."""
        args: list[Any] = [_id(served), f"{now:.3f}", KEEP_SECONDS, MAX_TARGETS]
        await self._store.run(_SERVED, self._keys(served)[:2], args)

    async def note_refused(self, served: ServedTarget, now: float) -> Refusal:
        """The origin refused a target that it served to others before."""
        args: list[Any] = [_id(served), f"{now:.3f}", KEEP_SECONDS, MAX_TARGETS, MAX_REFUSED]
        first, held = map(float, await self._store.run(_REFUSED, self._keys(served), args))
        if held == -2:
            return Refusal.UNKNOWN
        if now - first < self._second_look:
            return Refusal.FIRST
        return Refusal.HELD if held >= 0 and now - held < self._hold else Refusal.CONFIRMED

    async def is_common_redirect(self, served: ServedTarget, location: str) -> bool:
        """Whether the host redirects targets of other images to this location too."""
        digest = hashlib.blake2b(location.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        key = self._store.key("{sweep}", "redirect", served.target.host, digest)
        args: list[Any] = [served.image, KEEP_SECONDS, COMMON_REDIRECT]
        return int(await self._store.run(_REDIRECTED, [key], args)) >= COMMON_REDIRECT

    def _keys(self, served: ServedTarget) -> list[str]:
        return [self._store.key("{sweep}", name, served.target.host) for name in ("refused", "served", "held")]


def _id(served: ServedTarget) -> bytes:
    return hashlib.blake2b(served.pack(), digest_size=16).digest()
