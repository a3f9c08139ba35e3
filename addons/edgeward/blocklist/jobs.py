"""Imports on record: the entries that are to be listed, in chunks, and how far that is. State lives here alone, so that
any controller can go on with what another left, and nothing is counted twice.

{jobs}:record:<id>  hash: the job as JSON, and how far it is
{jobs}:chunks:<id>  list: the entries in chunks, as JSON, until all are listed
{jobs}:ranges:<id>  list: for each chunk that is listed, the first and the last version of its changes
{jobs}:orders:<id>  list: ids of the purge orders that came of them
{jobs}:index        id -> when it was asked for
{jobs}:open         id -> when its lease ends: those that are not done yet
"""

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import batched
from typing import Any, Self

from edgeward.blocklist.catalogue import CHUNK
from edgeward.blocklist.lines import Listed
from edgeward.errors import NotFound
from edgeward.store.connection import Store
from edgeward.store.leases import CLAIM
from edgeward.types import Entry, Signal

PREFIX = "job-"
LEASE_SECONDS = 5.0
"""A job whose worker is not heard from for so long is gone on with by another controller."""
KEEP_SECONDS = 30 * 86400
IDS_AT_ONCE = 1000

# KEYS: record, open, index, chunks. ARGV: id, job, at, keep (s)
_CREATE = """
redis.call('HSET', KEYS[1], 'job', ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
redis.call('EXPIRE', KEYS[4], ARGV[4])
"""

# KEYS: record. ARGV: number of the chunk, version now. -> {version when it was begun, whether that is now}
_BEGIN = """
local begun = redis.call('HGET', KEYS[1], 'begun')
local number, version = string.match(begun or '', '(%d+) (%d+)')
if number == ARGV[1] then return {tonumber(version), 0} end
redis.call('HSET', KEYS[1], 'begun', ARGV[1] .. ' ' .. ARGV[2])
return {tonumber(ARGV[2]), 1}
"""

# KEYS: record, ranges. ARGV: number of the chunk, first version, last version, added
_LISTED = """
if redis.call('LLEN', KEYS[2]) ~= tonumber(ARGV[1]) then return end
redis.call('RPUSH', KEYS[2], ARGV[2] .. ' ' .. ARGV[3])
redis.call('HINCRBY', KEYS[1], 'added', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'listed', 1)
if ARGV[4] ~= '0' then
  redis.call('HSETNX', KEYS[1], 'first', ARGV[2])
  redis.call('HSET', KEYS[1], 'last', ARGV[3])
end
"""

# KEYS: record, orders
# ARGV: number of the chunk, versions of it, place of the first id, how many ids there are once these are in, ids
_MATCHED = """
if tonumber(redis.call('HGET', KEYS[1], 'matched') or 0) ~= tonumber(ARGV[1]) then return end
-- What another left half done is written over.
if ARGV[3] == '0' then redis.call('DEL', KEYS[2]) else redis.call('LTRIM', KEYS[2], 0, ARGV[3] - 1) end
for i = 5, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
local count = redis.call('LLEN', KEYS[2])
if count == tonumber(ARGV[4]) then
  redis.call('HSET', KEYS[1], 'orders', count, 'matched', ARGV[1] + 1)
  redis.call('HINCRBY', KEYS[1], 'searched', ARGV[2])
end
"""

# KEYS: record, open, chunks, ranges, orders. ARGV: id, state, error, keep (s)
_FINISH = """
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'error', ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('UNLINK', KEYS[3])
for _, i in ipairs({1, 4, 5}) do redis.call('EXPIRE', KEYS[i], ARGV[4]) end
"""


@dataclass(frozen=True, slots=True)
class Job:
    """An import. `at` is Unix seconds, `total` counts entries, `bad` the lines that were left out.

    `size` is that of its chunks: each is listed whole or not at all.
    """

    list: str
    by: str
    at: float
    total: int
    reason: str = ""
    bad: int = 0
    size: int = CHUNK
    id: str = field(default_factory=lambda: PREFIX + secrets.token_hex(8))

    @property
    def chunks(self) -> int:
        return -(-self.total // self.size)

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a job is.

    Attributes:
        listed: chunks that are listed.
        matched: chunks that are matched backwards.
        added: entries that the job has listed.
        searched: how many of those are matched backwards.
        versions: the first and the last that the job made; None where it made none.
        orders: number of purge orders so far.
        state: "running", "done" or "failed"; "interrupted" while it is nobody's: another controller goes on with it.
        error: why it failed.
    """

    listed: int
    matched: int
    added: int
    searched: int
    versions: tuple[int, int] | None
    orders: int
    state: str
    error: str


class Jobs:
    """Imports in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._open = store.key("{jobs}", "open")
        self._index = store.key("{jobs}", "index")

    async def create(self, job: Job, listed: Sequence[Listed]) -> None:
        """Put a job on record for good. Its entries are there before anyone can begin with it."""
        for some in batched(listed, job.size):
            rows = [[each.signal.type, each.signal.value, each.signal.quality, each.reason] for each in some]
            await self._redis.rpush(self._key("chunks", job.id), json.dumps(rows, separators=(",", ":")))
            # What is staged by a controller that dies before the job is on record goes by itself.
            await self._redis.expire(self._key("chunks", job.id), 3600)
        keys = [self._key("record", job.id), self._open, self._index, self._key("chunks", job.id)]
        await self._store.run_durably(_CREATE, keys, [job.id, job.to_json(), f"{job.at:.6f}", KEEP_SECONDS])

    async def get(self, job_id: str) -> tuple[Job, Advance]:
        """A job and how far it is.

        Raises:
            NotFound: there is none of this id, or no longer.
        """
        found = await self._read([job_id])
        if not found:
            raise NotFound(f"no job {job_id!r}")
        return found[0]

    async def recent(self, limit: int = 100) -> list[tuple[Job, Advance]]:
        """The latest jobs, newest first."""
        await self._redis.zremrangebyscore(self._index, "-inf", time.time() - KEEP_SECONDS)
        return await self._read([each.decode() for each in await self._redis.zrevrange(self._index, 0, limit - 1)])

    async def _read(self, ids: Sequence[str]) -> list[tuple[Job, Advance]]:
        async with self._store.pipeline() as pipe:
            for job_id in ids:
                pipe.hgetall(self._key("record", job_id))
                pipe.zscore(self._open, job_id)
            found = await pipe.execute()
        return [
            (Job.from_json(fields[b"job"]), _advance(fields, lease)) for fields, lease in batched(found, 2) if fields
        ]

    async def claim(self, limit: int, in_hand: Sequence[str]) -> list[str]:
        """Up to `limit` jobs that nobody works on; they are the caller's for LEASE_SECONDS, as are `in_hand`."""
        free = await self._store.run(CLAIM, [self._open], [LEASE_SECONDS, limit, *in_hand])
        return [job_id.decode() for job_id in free]

    async def chunk(self, job: Job, number: int) -> list[Entry]:
        """The entries of one chunk. All bear the time of the job: so it can be told whether it was the job that listed
        them."""
        text = await self._redis.lindex(self._key("chunks", job.id), number)
        rows = json.loads(text) if text else []
        return [
            Entry(job.list, Signal(kind, value, quality), reason or job.reason, job.by, job.at)
            for kind, value, quality, reason in rows
        ]

    async def begin(self, job_id: str, number: int, version: int) -> tuple[int, bool]:
        """A chunk is about to be listed: the version before that, and whether nobody had begun with it."""
        before, new = await self._store.run(_BEGIN, [self._key("record", job_id)], [number, version])
        return int(before), bool(new)

    async def listed(self, job_id: str, number: int, versions: Sequence[int]) -> None:
        """A chunk is listed, which made these versions, without gaps. Said twice, it counts once."""
        keys = [self._key("record", job_id), self._key("ranges", job_id)]
        args = [number, min(versions, default=0), max(versions, default=-1), len(versions)]
        await self._store.run(_LISTED, keys, args)

    async def versions(self, job_id: str, number: int) -> range:
        """The versions that a chunk made."""
        text = await self._redis.lindex(self._key("ranges", job_id), number) or b"0 -1"
        first, _, last = text.partition(b" ")
        return range(int(first), int(last) + 1)

    async def matched(self, job_id: str, number: int, versions: int, before: int, orders: Sequence[str]) -> None:
        """A chunk of so many versions is matched backwards, and led to these orders; `before`: orders there were.

        Said twice, it counts once.
        """
        keys = [self._key("record", job_id), self._key("orders", job_id)]
        for start in range(0, max(1, len(orders)), IDS_AT_ONCE):
            some = orders[start : start + IDS_AT_ONCE]
            await self._store.run(_MATCHED, keys, [number, versions, before + start, before + len(orders), *some])

    async def orders(self, job_id: str) -> list[str]:
        """Ids of all orders so far."""
        found = await self._redis.lrange(self._key("orders", job_id), 0, -1)
        return [order_id.decode() for order_id in found]

    async def finish(self, job_id: str, error: str = "") -> None:
        """It is done, or failed with this error. Nobody works on it any more."""
        keys = [self._key("record", job_id), self._open]
        keys += [self._key(part, job_id) for part in ("chunks", "ranges", "orders")]
        await self._store.run_durably(_FINISH, keys, [job_id, "failed" if error else "done", error, KEEP_SECONDS])

    def _key(self, part: str, job_id: str) -> str:
        return self._store.key("{jobs}", part, job_id)


def _advance(fields: dict[bytes, bytes], lease: float | None) -> Advance:
    state = fields.get(b"state", b"running").decode()
    if state == "running" and lease and lease < time.time():
        state = "interrupted"

    def count(name: bytes) -> int:
        return int(fields.get(name, 0))

    return Advance(
        listed=count(b"listed"),
        matched=count(b"matched"),
        added=count(b"added"),
        searched=count(b"searched"),
        versions=(count(b"first"), count(b"last")) if b"first" in fields else None,
        orders=count(b"orders"),
        state=state,
        error=fields.get(b"error", b"").decode(),
    )
