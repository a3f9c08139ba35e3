"""Targets that were served and wait to be re-checked at their origin, most recently served first.

{sweep}:queue           sorted set: image id and packed target -> when it was served last, Unix seconds
{sweep}:later           sorted set: the same -> when it is due again (placement fill, where hits are not seen)
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

from edgeward.store.connection import Store
from edgeward.takedown.seen.packing import pack_target, unpack_target
from edgeward.types import Target

LENGTH = 100_000
"""Targets that wait at most, the latest served."""
MOST_BUDGET = 10_000.0
"""Requests that may be saved up."""
CHECKED_MS = 24 * 3600 * 1000
ID_BYTES = 16

# KEYS: queue, budget. ARGV: requests that these responses allow, most that may be saved, length; then member, served at
_REPORT = """
local budget = tonumber(redis.call('INCRBYFLOAT', KEYS[2], ARGV[1]))
if budget > tonumber(ARGV[2]) then redis.call('SET', KEYS[2], ARGV[2]) end
for i = 4, #ARGV, 2 do redis.call('ZADD', KEYS[1], 'GT', ARGV[i + 1], ARGV[i]) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[3] - 1)
"""

# KEYS: queue, later. ARGV: how many -> members, each followed by when it was served
_TAKE = """
local time = redis.call('TIME')
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', time[1], 'LIMIT', 0, ARGV[1])) do
  redis.call('ZREM', KEYS[2], member)
  redis.call('ZADD', KEYS[1], 'GT', time[1], member)
end
return redis.call('ZPOPMAX', KEYS[1], ARGV[1])
"""

# KEYS: budget, bucket of the host. ARGV: requests per second, whether the budget counts (1 or 0)
_SPEND = """
if ARGV[2] == '1' and tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 'share' end
local time = redis.call('TIME')
local now, rate = time[1] + time[2] / 1000000, tonumber(ARGV[1])
local most = math.max(rate, 1)
local tokens, at = string.match(redis.call('GET', KEYS[2]) or '', '(%S+) (%S+)')
tokens = tokens and math.min(most, tokens + (now - at) * rate) or most
if tokens < 1 then return 'host' end
redis.call('SET', KEYS[2], string.format('%.6f %.6f', tokens - 1, now), 'EX', math.ceil(most / rate) + 1)
if ARGV[2] == '1' then redis.call('INCRBYFLOAT', KEYS[1], -1) end
return 'go'
"""


class Leave(StrEnum):
    """Whether an origin may be asked now."""

    GO = "go"
    SHARE = "share"
    """Too few responses were served since: wait for more."""
    HOST = "host"
    """This host's origin was asked often enough for the moment."""


@dataclass(frozen=True, slots=True)
class Served:
    """This target served the image with this id (32 hexadecimal digits), last at `at` (Unix seconds)."""

    target: Target
    image: str
    at: float

    def pack(self) -> bytes:
        return bytes.fromhex(self.image) + pack_target(self.target)

    @classmethod
    def unpack(cls, member: bytes, at: float) -> "Served":
        return cls(unpack_target(member[ID_BYTES:]), member[:ID_BYTES].hex(), at)


@dataclass(frozen=True, slots=True)
class Checked:
    """When the origin was asked last (Unix seconds), and the validators of what it had then (RFC 9110, 8.8)."""

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

    async def report(self, served: Iterable[Served], allowed: float) -> None:
        """These were served; all responses together allow so many more requests to origins."""
        args: list[str | bytes | float | int] = [f"{allowed:.6f}", MOST_BUDGET, LENGTH]
        for each in served:
            args += [each.pack(), f"{each.at:.3f}"]
        await self._store.run(_REPORT, [self._queue, self._budget], args)

    async def take(self, count: int) -> list[Served]:
        """The targets served last, taken off the queue: whoever dies with them loses nothing that is still served."""
        found = await self._store.run(_TAKE, [self._queue, self._later], [count])
        return [Served.unpack(member, float(at)) for member, at in zip(found[::2], found[1::2], strict=True)]

    async def put_back(self, served: Sequence[Served]) -> None:
        """They could not be checked now."""
        await self.report(served, 0)

    async def put_off(self, served: Served, until: float) -> None:
        """Queue it again at `until` (Unix seconds)."""
        await self._redis.zadd(self._later, {served.pack(): until})
        await self._redis.zremrangebyrank(self._later, 0, -LENGTH - 1)

    async def spend(self, host: str, per_second: float, counted: bool) -> Leave:
        """Ask for leave to send one request to the host's origin. `counted`: the share of responses limits it too."""
        bucket = self._store.key("{sweep}", "host", host)
        answer = await self._store.run(_SPEND, [self._budget, bucket], [per_second, int(counted)])
        return Leave(answer.decode())

    async def checked(self, served: Served) -> Checked | None:
        text = await self._redis.get(self._checked(served))
        return Checked(**json.loads(text)) if text else None

    async def note_checked(self, served: Served, checked: Checked) -> None:
        await self._redis.set(self._checked(served), json.dumps(asdict(checked)), px=CHECKED_MS)

    async def length(self) -> int:
        return int(await self._redis.zcard(self._queue))

    def _checked(self, served: Served) -> str:
        return self._store.key("{sweep}", "checked", hashlib.blake2b(served.pack(), digest_size=16).hexdigest())
