"""What each host's origin has answered lately, shared by all controllers: tells a removal from a host that fails.

A host of which most images are removed at once has made a mistake as likely as not: a deployment that answers 404, a
volume that is not mounted, a placeholder for everything. Then a removal must be proven: the host has an image that it
had before, and after that the target is still removed. Without such a proof the host is held: nothing of it is purged.

{sweep}:refused:<host>           sorted set: target -> when its origin first removed it, unless it has served it since
{sweep}:served:<host>            sorted set: target -> when its origin last had the image
{sweep}:good:<host>              sorted set: packed target with its image -> the same, of the latest ones
{sweep}:held:<host>              "SINCE 1" while the host is held (Unix seconds); "SINCE 0": it never served an image
{sweep}:holds                    sorted set: host -> since when it is held
{sweep}:unproven:<host>          exists for a while after a proof has failed
{sweep}:redirect:<host>:<hash>   set: targets of the host that are redirected to one location
"""

import hashlib
from enum import Enum
from typing import Any

from edgeward.origin_check.queue import MAX_TARGET_BYTES, ServedTarget
from edgeward.store.connection import Store

KEEP_SECONDS = 24 * 3600
MAX_TARGETS = 10_000
"""Targets of one host that are remembered in each key, the latest."""
MAX_REMOVED = 5
"""So many targets of a host may be removed, whatever it answers for others. One more needs a proof."""
MAX_GOOD = 50
"""Targets of a host from which those that prove something are chosen, the latest."""
ASKED_FOR_PROOF = 3
"""Good targets that are asked for one proof, at most. One good answer is enough."""
MAX_HELD_HOSTS = 1000
COMMON_REDIRECT = 2
"""Targets that are redirected to one location make it a page about them, not a new place of each."""

# KEYS: refused, served, good, held. ARGV: target, now, keep, limit, most removed, share, packed target.
# Answers: when this target was first removed, whether most are, whether the host ever served, and held
_REMOVED = """
local now, most, share = tonumber(ARGV[2]), tonumber(ARGV[5]), tonumber(ARGV[6])
for _, key in ipairs({KEYS[1], KEYS[2], KEYS[3]}) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - ARGV[3])
  -- What lies ahead is from before the clock was set back. It counts from now on.
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. ARGV[2], '+inf')) do
    redis.call('ZADD', key, ARGV[2], member)
  end
end
local since, served = string.match(redis.call('GET', KEYS[4]) or '', '(%S+) (%S+)')
if since and tonumber(since) > now then redis.call('SET', KEYS[4], ARGV[2] .. ' ' .. served, 'KEEPTTL') end
redis.call('ZREM', KEYS[3], ARGV[7])
redis.call('ZADD', KEYS[1], 'NX', now, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[4] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
local first = redis.call('ZSCORE', KEYS[1], ARGV[1]) or now
local oldest = redis.call('ZREVRANGE', KEYS[1], most, most, 'WITHSCORES')[2]
local few = not oldest or (most + 1) <= share * (most + 1 + redis.call('ZCOUNT', KEYS[2], oldest, '+inf'))
return {tostring(first), few and 0 or 1, redis.call('ZCARD', KEYS[2]), redis.call('GET', KEYS[4])}
"""

# KEYS: refused, served, good, held, holds, unproven. ARGV: target, now, keep, limit, packed target or '', limit of
# good, host. Answers: whether a hold has ended
_SERVED = """
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -ARGV[4] - 1)
redis.call('EXPIRE', KEYS[2], ARGV[3])
if ARGV[5] ~= '' then
  redis.call('ZADD', KEYS[3], ARGV[2], ARGV[5])
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -ARGV[6] - 1)
  redis.call('EXPIRE', KEYS[3], ARGV[3])
end
redis.call('DEL', KEYS[6])
redis.call('ZREM', KEYS[5], ARGV[7])
return redis.call('DEL', KEYS[4])
"""

# KEYS: held, holds, unproven. ARGV: host, now, whether it ever served (1 or 0), keep, pause in milliseconds, limit of
# hosts. Answers: whether the hold has begun
_HOLD = """
redis.call('SET', KEYS[3], 1, 'PX', ARGV[5])
local begun = redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. ARGV[3], 'NX', 'EX', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[2] - ARGV[4])
redis.call('ZADD', KEYS[2], string.match(redis.call('GET', KEYS[1]), '%S+'), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -ARGV[6] - 1)
return begun and 1 or 0
"""

# KEYS: redirect. ARGV: image, keep, limit
_REDIRECTED = """
if redis.call('SCARD', KEYS[1]) < tonumber(ARGV[3]) then redis.call('SADD', KEYS[1], ARGV[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('SCARD', KEYS[1])
"""


class Removal(Enum):
    """What it means that an origin no longer has the image of a target."""

    UNKNOWN = "unknown"
    """The host never served anything to Edgeward: it may refuse Edgeward itself."""
    FIRST = "first"
    """To be confirmed by a second look."""
    UNPROVEN = "unproven"
    """The host removed most of what it served a moment ago, so a proof is needed."""
    HELD = "held"
    """The same, and the last proof has failed a moment ago."""
    CONFIRMED = "confirmed"


class HostAnswers:
    """The answers of all hosts.

    Args:
        second_look_seconds: minimum time between the first refusal of a target and its confirmation, and between two
            proofs that fail.
        hold_seconds: how long removals of a host without a proof are not confirmed. 0: they need none. A host that
            never served an image is held until it does.
        hold_share: share of removals among the last answers of a host beyond which they need a proof.
    """

    def __init__(self, store: Store, second_look_seconds: float, hold_seconds: float, hold_share: float) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._second_look, self._hold, self._share = second_look_seconds, hold_seconds, hold_share

    async def note_served(self, served: ServedTarget, now: float) -> bool:
        """The origin has the image. Returns whether that ended a hold of the host."""
        packed = served.pack()
        args: list[Any] = [_id(served), f"{now:.3f}", KEEP_SECONDS, MAX_TARGETS]
        args += [packed if len(packed) <= MAX_TARGET_BYTES else b"", MAX_GOOD, served.target.host]
        keys = self._keys(served, "refused", "served", "good", "held")
        keys += [self._store.key("{sweep}", "holds"), *self._keys(served, "unproven")]
        return bool(await self._store.run(_SERVED, keys, args))

    async def note_removed(self, served: ServedTarget, now: float, needs_second_look: bool) -> Removal:
        """The origin removed, replaced or refused a target that it served to others before.

        Args:
            needs_second_look: it may be back soon, or be refused to Edgeward alone.
        """
        args: list[Any] = [_id(served), f"{now:.3f}", KEEP_SECONDS, MAX_TARGETS, MAX_REMOVED, self._share]
        keys = self._keys(served, "refused", "served", "good", "held")
        first, are_most, ever_served, held = await self._store.run(_REMOVED, keys, [*args, served.pack()])
        if needs_second_look and not ever_served:
            return Removal.UNKNOWN
        if needs_second_look and now - float(first) < self._second_look:
            return Removal.FIRST
        # A host that is held stays so until it serves an image, though what it removed a day ago is forgotten.
        if not (are_most or held) or not self._hold:
            return Removal.CONFIRMED
        if held:
            since, served_before = held.split()
            if served_before == b"1" and now - float(since) >= self._hold:
                return Removal.CONFIRMED
        # Longer than a pause lasts: the store's clock was set back, and it does not count.
        pause = await self._redis.pttl(*self._keys(served, "unproven"))
        return Removal.HELD if 0 <= pause <= round(self._second_look * 1000) else Removal.UNPROVEN

    async def good_targets(self, served: ServedTarget) -> list[ServedTarget]:
        """Some of the host's other targets that its origin had when it was asked last."""
        (key,) = self._keys(served, "good")
        found = await self._redis.zrandmember(key, ASKED_FOR_PROOF) or []
        return [ServedTarget.unpack(member, b"", 0.0, 0, 0, 0.0) for member in found]

    async def hold(self, served: ServedTarget, now: float) -> bool:
        """Hold the host: a proof has failed. Returns whether the hold begins now."""
        (served_key,) = self._keys(served, "served")
        ever_served = await self._redis.exists(served_key)
        keep = int(self._hold) + KEEP_SECONDS
        keys = self._keys(served, "held")
        keys += [self._store.key("{sweep}", "holds"), *self._keys(served, "unproven")]
        args: list[Any] = [served.target.host, f"{now:.3f}", int(ever_served), keep, round(self._second_look * 1000)]
        return bool(await self._store.run(_HOLD, keys, [*args, MAX_HELD_HOSTS]))

    async def is_common_redirect(self, served: ServedTarget, location: str) -> bool:
        """Whether the host redirects targets of other images to this location too."""
        digest = hashlib.blake2b(location.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        key = self._store.key("{sweep}", "redirect", served.target.host, digest)
        args: list[Any] = [served.image, KEEP_SECONDS, COMMON_REDIRECT]
        return int(await self._store.run(_REDIRECTED, [key], args)) >= COMMON_REDIRECT

    def _keys(self, served: ServedTarget, *names: str) -> list[str]:
        return [self._store.key("{sweep}", name, served.target.host) for name in names]


def _id(served: ServedTarget) -> bytes:
    return hashlib.blake2b(served.pack(), digest_size=16).digest()
