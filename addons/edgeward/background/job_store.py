"""Durable jobs in Redis: what to do, the progress, and which of several workers does it.

{NAME}:record:<id>  hash: the job as JSON, and its progress
{NAME}:index        id -> when the job was created, Unix seconds
{NAME}:open         id -> when its lease ends, Unix seconds: jobs that are not finished
{NAME}:key:<key>    "<id> <digest>": the job that was created under an idempotency key
{NAME}:<list>:<id>  lists that belong to a job, if its room has any

A worker leases a job for LEASE_SECONDS and renews the lease while it works. The lease of a worker that died ends, and
another worker takes the job. All leases are measured by the store's clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

from edgeward.errors import NotFound
from edgeward.store.connection import Arg, Store

STAGED_SECONDS = 3600
"""How long what is staged for a job is kept if the job is not recorded, nor discarded: its controller died."""
LEASE_SECONDS = 5.0
"""If a worker dies, another takes its jobs after this time."""

# One script, so that a job is never open without its record, and no two jobs get the same idempotency key.
# KEYS: record, open, index, then the idempotency key if there is one, then lists that expire
# ARGV: id, time, name of the JSON's field, JSON, digest ("": no idempotency key), seconds until the lists expire
_CREATE = """
if redis.call('HEXISTS', KEYS[1], 'discarded') == 1 then return redis.error_reply('DISCARDED the job was given up') end
local first_list = 4
if ARGV[5] ~= '' then
  local known = redis.call('GET', KEYS[4])
  if known then return known end
  redis.call('SET', KEYS[4], ARGV[1] .. ' ' .. ARGV[5])
  first_list = 5
end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
for i = first_list, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[6]) end
return false
"""

# KEYS: list. ARGV: seconds until it expires, items
_STAGE = """
redis.call('RPUSH', KEYS[1], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""

# A job that is on record after all stays. One that is not never will be, even if the command is still on its way.
# KEYS: record, then lists. ARGV: name of the JSON's field, seconds until it is forgotten
_DISCARD = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end
redis.call('HSET', KEYS[1], 'discarded', '1')
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""

# XX: a job that was finished meanwhile is not opened again by the worker that still holds it.
# KEYS: open. ARGV: lease in seconds, limit, number of ids that the caller leaves to others, these, then the ids that it
# holds
_CLAIM = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local lease_end = now + ARGV[1]
local left, count = {}, tonumber(ARGV[3])
for i = 4, 3 + count do left[ARGV[i]] = true end
for i = 4 + count, #ARGV do redis.call('ZADD', KEYS[1], 'XX', lease_end, ARGV[i]) end
local free = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2] + count)) do
  if #free < tonumber(ARGV[2]) and not left[id] then free[#free + 1] = id end
end
for _, id in ipairs(free) do redis.call('ZADD', KEYS[1], lease_end, id) end
return free
"""

# KEYS: open. ARGV: id
_LEAVE = "return redis.call('ZADD', KEYS[1], 'XX', 0, ARGV[1])"

# Once: a worker that was frozen, and whose job another has finished, does not overwrite how it ended.
# KEYS: record, open, then lists to remove, then lists to keep
# ARGV: id, number of lists to remove, seconds until the rest expires ("": never), then fields and values
_FINISH = """
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return end
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
local last_removed = 2 + tonumber(ARGV[2])
for i = 3, last_removed do redis.call('UNLINK', KEYS[i]) end
if ARGV[3] ~= '' then
  redis.call('EXPIRE', KEYS[1], ARGV[3])
  for i = last_removed + 1, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[3]) end
end
"""

# KEYS: record, open, index, then lists and the idempotency key if there is one. ARGV: id
_FORGET = """
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('UNLINK', KEYS[1])
for i = 4, #KEYS do redis.call('UNLINK', KEYS[i]) end
"""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it is in the store.

    Attributes:
        job: its JSON.
        fields: its progress: all other fields of the record.
        lease_end: Unix seconds; 0 where no worker has had the job yet, None where it is finished.
        lengths: number of items in each of its lists.
    """

    job: bytes
    fields: Mapping[bytes, bytes]
    lease_end: float | None
    lengths: Mapping[str, int]


class JobStore:
    """The jobs of one kind.

    Args:
        name: begins their keys, as a {hash tag}: all keys of a kind are on one node of a cluster.
        noun: what a job is called in error messages.
        json_field: the field of a record that holds the job's JSON.
        lists: names of the lists that belong to a job.
        keep_seconds: how long a finished job is kept; None: until `forget`.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        noun: str,
        json_field: str,
        lists: Sequence[str] = (),
        keep_seconds: int | None = None,
    ) -> None:
        self._store, self._noun, self._json_field = store, noun, json_field
        self._hash_tag = f"{{{name}}}"
        self._lists, self._keep_seconds = tuple(lists), keep_seconds
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._open = self.key("open")
        self._index = self.key("index")

    def key(self, *parts: str) -> str:
        """A key of these jobs: key("orders", id) is that of the list "orders" of a job."""
        return self._store.key(self._hash_tag, *parts)

    def record(self, job_id: str) -> str:
        """The key of a job's record, for scripts that note progress."""
        return self.key("record", job_id)

    async def create(self, job_id: str, job: str, at: float, key: str = "", digest: str = "") -> tuple[str, str] | None:
        """Record a job and open it to workers. It is safe when this returns (see `Store.run_durably`).

        Args:
            job: its JSON.
            at: when it was asked for, Unix seconds.
            key: an idempotency key; "" is none. If a job has it already, nothing is written.
            digest: tells whether two jobs with the same key ask for the same.

        Returns:
            (id, digest) of the job that has the key already, else None.

        Raises:
            StoreUnavailable: the job was written, but not confirmed in time.
        """
        keys = [self.record(job_id), self._open, self._index]
        keys += [self.key("key", key)] if key else []
        keys += self._list_keys(job_id) if self._keep_seconds is not None else []
        args: list[Arg] = [job_id, f"{at:.6f}", self._json_field, job, digest if key else "", self._keep_seconds or ""]
        known = await self._store.run_durably(_CREATE, keys, args)
        if known is None:
            return None
        known_id, _, known_digest = known.decode().partition(" ")
        return known_id, known_digest

    async def stage(self, job_id: str, name: str, items: Sequence[str]) -> None:
        """Append to a list of a job that is not recorded yet."""
        await self._store.run(_STAGE, [self.key(name, job_id)], [STAGED_SECONDS, *items])

    async def discard(self, job_id: str) -> bool:
        """Remove at once what was staged for a job that could not be recorded, also if the store is full.

        Returns whether it was: a job that is on record after all stays as it is. One that was discarded is never
        recorded later.
        """
        keys = [self.record(job_id), *self._list_keys(job_id)]
        return bool(await self._store.run_even_if_full(_DISCARD, keys, [self._json_field, STAGED_SECONDS]))

    async def read(self, job_ids: Sequence[str]) -> list[JobRecord]:
        """The records of these jobs, in order. Unknown ids are left out, and so are records without a job: progress
        that was noted after the job had expired."""
        async with self._store.pipeline() as pipe:
            for job_id in job_ids:
                pipe.hgetall(self.record(job_id))
                pipe.zscore(self._open, job_id)
                for key in self._list_keys(job_id):
                    pipe.llen(key)
            answers = await pipe.execute()
        found: list[JobRecord] = []
        for fields, lease_end, *lengths in batched(answers, 2 + len(self._lists)):
            if job := fields.pop(self._json_field.encode(), None):
                found.append(JobRecord(job, fields, lease_end, dict(zip(self._lists, lengths, strict=True))))
        return found

    async def get(self, job_id: str) -> JobRecord:
        """The record of a job.

        Raises:
            NotFound: there is none of this id, or no longer.
        """
        found = await self.read([job_id])
        if not found:
            raise NotFound(f"no {self._noun} has the ID {job_id!r}")
        return found[0]

    async def recent(self, limit: int) -> list[JobRecord]:
        """The latest jobs, newest first."""
        if self._keep_seconds is not None:
            await self._redis.zremrangebyscore(self._index, "-inf", self._store.clock.now() - self._keep_seconds)
        return await self.read([each.decode() for each in await self._redis.zrevrange(self._index, 0, limit - 1)])

    async def claim(self, limit: int, held: Sequence[str], left: Sequence[str] = ()) -> list[str]:
        """Lease up to `limit` jobs that no worker has, and return their ids. The leases of `held` are renewed.

        `left`: jobs that the caller leaves to others.
        """
        free = await self._store.run(_CLAIM, [self._open], [LEASE_SECONDS, limit, len(left), *left, *held])
        return [job_id.decode() for job_id in free]

    async def leave(self, job_id: str) -> None:
        """End the lease of a job that this release can't carry out: a worker of a later one takes it at once."""
        await self._store.run(_LEAVE, [self._open], [job_id])

    async def finish(self, job_id: str, fields: Mapping[str, str], remove: Sequence[str] = ()) -> None:
        """Close a job durably: no worker gets it any more. A job that is closed already stays as it is.

        Args:
            fields: written to its record in the same step.
            remove: those of its lists that are not needed any more.
        """
        keys = [self.record(job_id), self._open, *(self.key(name, job_id) for name in remove)]
        keys += [self.key(name, job_id) for name in self._lists if name not in remove]
        args: list[Arg] = [job_id, len(remove), "" if self._keep_seconds is None else self._keep_seconds]
        args += [text for pair in fields.items() for text in pair]
        # It frees memory.
        await self._store.run_durably_even_if_full(_FINISH, keys, args)

    async def finished_before(self, at: float, limit: int) -> list[str]:
        """Ids of finished jobs that were created before `at` (Unix seconds), oldest first: of the `limit` oldest."""
        ids = await self._redis.zrangebyscore(self._index, "-inf", at, start=0, num=limit)
        async with self._store.pipeline() as pipe:
            for job_id in ids:
                pipe.zscore(self._open, job_id)
            leases = await pipe.execute()
        return [job_id.decode() for job_id, lease_end in zip(ids, leases, strict=True) if lease_end is None]

    async def forget(self, job_id: str, key: str = "") -> None:
        """Remove all that is stored of a job in one step, also if its record is gone already.

        `key`: its idempotency key, if it has one.
        """
        keys = [self.record(job_id), self._open, self._index, *self._list_keys(job_id)]
        keys += [self.key("key", key)] if key else []
        await self._store.run(_FORGET, keys, [job_id])

    def _list_keys(self, job_id: str) -> list[str]:
        return [self.key(name, job_id) for name in self._lists]
