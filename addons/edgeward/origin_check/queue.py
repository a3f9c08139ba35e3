"""Targets that were served and wait to be checked at their origin, the most recently served first.

{sweep}:queue           sorted set: image id and packed target -> when it was served last, Unix seconds
{sweep}:later           sorted set: the same -> when to queue it again, Unix seconds
{sweep}:budget          requests to origins that the responses served so far allow
{sweep}:host:<host>     token bucket of a host's origin
{sweep}:checked:<hash>  when a target was checked last, and its validators then
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from edgeward.sightings.codec import pack_target, unpack_target
from edgeward.store.connection import Store
from edgeward.types import Target

MAX_QUEUED = 100_000
"""Targets that wait, the latest served; others are dropped and reported again when they are served again."""
MAX_BUDGET = 10_000.0
"""Requests that may be saved up."""
KEEP_CHECKED_MS = 24 * 3600 * 1000
ID_BYTES = 16

# KEYS: queue, budget. ARGV: requests that these responses allow, budget limit, queue limit; then member, served at
_REPORT = """
local budget = tonumber(redis.call('INCRBYFLOAT', KEYS[2], ARGV[1]))
if budget > tonumber(ARGV[2]) then redis.call('SET', KEYS[2], ARGV[2]) end
for i = 4, #ARGV, 2 do redis.call('ZADD', KEYS[1], 'GT', ARGV[i + 1], ARGV[i]) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[3] - 1)
"""

# KEYS: queue, later. ARGV: count. Answers with members, each followed by when it was served
_TAKE = """
local time = redis.call('TIME')
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', time[1], 'LIMIT', 0, ARGV[1])) do
  redis.call('ZREM', KEYS[2], member)
  redis.call('ZADD', KEYS[1], 'GT', time[1], member)
end
return redis.call('ZPOPMAX', KEYS[1], ARGV[1])
"""

# The bucket holds the tokens of one second, at least one. A refusal takes nothing from it or from the budget.
# KEYS: budget, bucket of the host. ARGV: requests per second, whether the budget counts (1 or 0)
_REQUEST_PERMISSION = """
if ARGV[2] == '1' and tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 'share' end
local time = redis.call('TIME')
local now, rate = time[1] + time[2] / 1000000, tonumber(ARGV[1])
local capacity = math.max(rate, 1)
local tokens, at = string.match(redis.call('GET', KEYS[2]) or '', '(%S+) (%S+)')
tokens = tokens and math.min(capacity, tokens + (now - at) * rate) or capacity
if tokens < 1 then return 'host' end
redis.call('SET', KEYS[2], string.format('%.6f %.6f', tokens - 1, now), 'EX', math.ceil(capacity / rate) + 1)
if ARGV[2] == '1' then redis.call('INCRBYFLOAT', KEYS[1], -1) end
return 'go'
"""


class Permission(StrEnum):
    """Whether a request may be sent to an origin now, and if not, which limit forbids it."""

    GRANTED = "go"
    OVER_SHARE = "share"
    """The share of requests among all responses is used up, until more responses are served."""
    OVER_HOST_RATE = "host"
    """The rate for this host's origin is used up for the moment."""


@dataclass(frozen=True, slots=True)
class ServedTarget:
    """A target that served the image with this id (32 hex digits), last at `at` (Unix seconds)."""

    target: Target
    image: str
    at: float

    def pack(self) -> bytes:
        return bytes.fromhex(self.image) + pack_target(self.target)

    @classmethod
    def unpack(cls, member: bytes, at: float) -> "ServedTarget":
        return cls(unpack_target(member[ID_BYTES:]), member[:ID_BYTES].hex(), at)


@dataclass(frozen=True, slots=True)
class LastCheck:
    """When the origin was asked last (Unix seconds), and the validators of its answer (RFC 9110, section 8.8)."""

    at: float
    etag: str = ""
    last_modified: str = ""


class SweepQueue:
    """The queue in the store, shared by all workers and controllers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._queue, self._later = store.key("{sweep}", "queue"), store.key("{sweep}", "later")
        self._budget = store.key("{sweep}", "budget")

    async def report(self, served: Iterable[ServedTarget], allowed: float) -> None:
        """Queue targets that were served. All responses together allow `allowed` more requests to origins."""
        args: list[str | bytes | float | int] = [f"{allowed:.6f}", MAX_BUDGET, MAX_QUEUED]
        for each in served:
            args += [each.pack(), f"{each.at:.3f}"]
        await self._store.run(_REPORT, [self._queue, self._budget], args)

    async def take(self, count: int) -> list[ServedTarget]:
        """Take the targets that were served last off the queue.

        If the taker dies they are lost, but those that are still being served are soon reported again.
        """
        found = await self._store.run(_TAKE, [self._queue, self._later], [count])
        return [ServedTarget.unpack(member, float(at)) for member, at in zip(found[::2], found[1::2], strict=True)]

    async def put_back(self, served: Sequence[ServedTarget]) -> None:
        """Queue targets again that could not be checked now."""
        await self.report(served, 0)

    async def postpone(self, served: ServedTarget, until: float) -> None:
        """Queue a target again at `until` (Unix seconds)."""
        await self._redis.zadd(self._later, {served.pack(): until})
        await self._redis.zremrangebyrank(self._later, 0, -MAX_QUEUED - 1)

    async def request_permission(self, host: str, per_second: float, limit_share: bool) -> Permission:
        """Ask whether one request may be sent to the host's origin, and charge for it if so.

        Args:
            per_second: the host's rate limit.
            limit_share: whether the share of requests among all responses limits it too.
        """
        bucket = self._store.key("{sweep}", "host", host)
        answer = await self._store.run(_REQUEST_PERMISSION, [self._budget, bucket], [per_second, int(limit_share)])
        return Permission(answer.decode())

    async def last_check(self, served: ServedTarget) -> LastCheck | None:
        text = await self._redis.get(self._checked_key(served))
        return LastCheck(**json.loads(text)) if text else None

    async def record_check(self, served: ServedTarget, check: LastCheck) -> None:
        await self._redis.set(self._checked_key(served), json.dumps(asdict(check)), px=KEEP_CHECKED_MS)

    async def length(self) -> int:
        return int(await self._redis.zcard(self._queue))

    def _checked_key(self, served: ServedTarget) -> str:
        return self._store.key("{sweep}", "checked", hashlib.blake2b(served.pack(), digest_size=16).hexdigest())
