"""Durable jobs in Redis: what to do, the progress, and which of several workers does it.

{NAME}:record:<id>  hash: the job as JSON, and its progress
{NAME}:index        id -> when the job was created, Unix seconds
{NAME}:open         id -> when its lease ends, by the lease clock: jobs that are not finished
{NAME}:held         id -> when it was held, Unix seconds: jobs that wait for a person, and that no worker may take
{NAME}:clock        the lease clock, see store/lease_clock.py; it goes on with each `claim`
{NAME}:key:<key>    "<id> <digest>": the job that was created under an idempotency key
{NAME}:<list>:<id>  lists that belong to a job, if its room has any

A worker leases a job for LEASE_SECONDS and renews the lease while it works. The lease of a worker that died ends, and
another worker takes the job, whatever happens to the clock of the store.

Nothing of a job on record expires: if the store's clock were set forwards, it would go at once. Only what is staged
for a job that is not on record does, and whether it is whole is looked at when the job is recorded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from edgeward.errors import NotFound, StoreUnavailable
from edgeward.store.connection import Arg, Store
from edgeward.store.lease_clock import lease_clock

STAGED_SECONDS = 3600
"""How long what is staged for a job is kept if the job is not recorded, nor discarded: its controller died."""
LEASE_SECONDS = 5.0
"""If a worker dies, another takes its jobs after this time."""
CLAIM_SECONDS, MAX_CLAIM_GAP = 1.0, 2.5
"""About the time between two claims of any workers, and the longest that the lease clock takes for such."""

# One script, so that a job is never open without its record or what was staged for it, and no two jobs get the same
# idempotency key.
# KEYS: record, open, index, held, then the idempotency key if there is one, then staged lists
# ARGV: id, time, name of the JSON's field, JSON, digest ("": no idempotency key), why it is held ("": it is not), then
# the lengths of the staged lists
# -> nil; "<id> <digest>" of the job with the idempotency key; or 0 if something staged is gone
_CREATE = """
if redis.call('HEXISTS', KEYS[1], 'discarded') == 1 then return redis.error_reply('DISCARDED the job was given up') end
local first_list = 5
if ARGV[5] ~= '' then
  local known = redis.call('GET', KEYS[5])
  if known then return known end
  first_list = 6
end
if redis.call('HEXISTS', KEYS[1], ARGV[3]) == 0 then
  for i = first_list, #KEYS do
    if redis.call('LLEN', KEYS[i]) ~= tonumber(ARGV[7 + i - first_list]) then return 0 end
  end
end
if ARGV[5] ~= '' then redis.call('SET', KEYS[5], ARGV[1] .. ' ' .. ARGV[5]) end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
if ARGV[6] == '' then
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
else
  redis.call('HSET', KEYS[1], 'held', ARGV[6])
  redis.call('ZADD', KEYS[4], ARGV[2], ARGV[1])
end
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
for i = first_list, #KEYS do redis.call('PERSIST', KEYS[i]) end
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
# Earlier releases wrote lists that expire: those of a job that is open do not.
# KEYS: open, lease clock. ARGV: lease in seconds, limit, number of ids that the caller leaves to others, these, number
# of names of lists, these with what stands before an id, then the ids that it holds
_CLAIM = (
    lease_clock(MAX_CLAIM_GAP, CLAIM_SECONDS)
    + """
local now, time = lease_clock(KEYS[2])
set_lease_clock(KEYS[2], now, time)
local lease_end = now + ARGV[1]
local left, count = {}, tonumber(ARGV[3])
for i = 4, 3 + count do left[ARGV[i]] = true end
local lists = tonumber(ARGV[4 + count])
for i = 5 + count + lists, #ARGV do redis.call('ZADD', KEYS[1], 'XX', lease_end, ARGV[i]) end
local free = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2] + count)) do
  if #free < tonumber(ARGV[2]) and not left[id] then free[#free + 1] = id end
end
for _, id in ipairs(free) do
  redis.call('ZADD', KEYS[1], lease_end, id)
  for i = 5 + count, 4 + count + lists do redis.call('PERSIST', ARGV[i] .. id) end
end
return free
"""
)

# KEYS: open. ARGV: id
_LEAVE = "return redis.call('ZADD', KEYS[1], 'XX', 0, ARGV[1])"

# Once: a worker that was frozen, and whose job another has finished, does not overwrite how it ended.
# KEYS: record, open, then lists to remove. ARGV: id, then fields and values
_FINISH = """
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return end
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = 3, #KEYS do redis.call('UNLINK', KEYS[i]) end
"""

# One of all who decide on a held job: the first. Of the others nothing is written.
# KEYS: record, held, open, then lists to remove. ARGV: id, "1": it is opened to workers, then fields and values
_DECIDE = """
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return 0 end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
if ARGV[2] == '1' then redis.call('ZADD', KEYS[3], 0, ARGV[1]) end
for i = 4, #KEYS do redis.call('UNLINK', KEYS[i]) end
return 1
"""

# KEYS: record, held. ARGV: id, why it is held
_NOTE_HELD = """
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then redis.call('HSET', KEYS[1], 'held', ARGV[2]) end
"""

# KEYS: record, open, index, held, then lists and the idempotency key if there is one. ARGV: id
_FORGET = """
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('UNLINK', KEYS[1])
for i = 5, #KEYS do redis.call('UNLINK', KEYS[i]) end
"""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it is in the store.

    Attributes:
        job: its JSON.
        fields: its progress: all other fields of the record.
        lease_end: by the lease clock; 0 where no worker has had the job yet, None where it is finished.
        lengths: number of items in each of its lists.
        clock: the lease clock, as the last `claim` of any worker set it.
        held_at: when it was held, Unix seconds, if it still waits for a person; else None.
    """

    job: bytes
    fields: Mapping[bytes, bytes]
    lease_end: float | None
    lengths: Mapping[str, int]
    clock: float = field(default=0.0, compare=False)
    held_at: float | None = None

    @property
    def is_interrupted(self) -> bool:
        """Whether the worker that had it is silent: another takes it over."""
        return bool(self.lease_end) and (self.lease_end or 0.0) < self.clock


class JobStore:
    """The jobs of one kind.

    Args:
        name: begins their keys, as a {hash tag}: all keys of a kind are on one node of a cluster.
        noun: what a job is called in error messages.
        json_field: the field of a record that holds the job's JSON.
        lists: names of the lists that belong to a job.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        noun: str,
        json_field: str,
        lists: Sequence[str] = (),
    ) -> None:
        self._store, self._noun, self._json_field = store, noun, json_field
        self._hash_tag = f"{{{name}}}"
        self._lists = tuple(lists)
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._open = self.key("open")
        self._held = self.key("held")
        self._index = self.key("index")
        self._clock = self.key("clock")

    def key(self, *parts: str) -> str:
        """A key of these jobs: key("orders", id) is that of the list "orders" of a job."""
        return self._store.key(self._hash_tag, *parts)

    def record(self, job_id: str) -> str:
        """The key of a job's record, for scripts that note progress."""
        return self.key("record", job_id)

    async def create(
        self,
        job_id: str,
        job: str,
        at: float,
        key: str = "",
        digest: str = "",
        staged: Mapping[str, int] | None = None,
        held: str = "",
    ) -> tuple[str, str] | None:
        """Record a job and open it to workers. It is safe when this returns (see `Store.run_durably`).

        Args:
            job: its JSON.
            at: when it was asked for, Unix seconds.
            key: an idempotency key; "" is none. If a job has it already, nothing is written.
            digest: tells whether two jobs with the same key ask for the same.
            staged: by the name of a list, how many items were staged for the job.
            held: why no worker may take it before `release`, as JSON; "": it is opened to them.

        Returns:
            (id, digest) of the job that has the key already, else None.

        Raises:
            StoreUnavailable: the job was written, but not confirmed in time; or what was staged is not there any more,
                and nothing was written.
        """
        staged = staged or {}
        keys = [self.record(job_id), self._open, self._index, self._held]
        keys += [self.key("key", key)] if key else []
        keys += [self.key(name, job_id) for name in staged]
        args: list[Arg] = [job_id, f"{at:.6f}", self._json_field, job, digest if key else "", held, *staged.values()]
        known = await self._store.run_durably(_CREATE, keys, args)
        if known is None:
            return None
        if isinstance(known, int):
            raise StoreUnavailable(
                f"the store has lost what was written for the {self._noun}, or its clock was set forwards: try again"
            )
        known_id, _, known_digest = known.decode().partition(" ")
        return known_id, known_digest

    async def stage(self, job_id: str, name: str, items: Sequence[str | bytes]) -> None:
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
                pipe.zscore(self._held, job_id)
                for key in self._list_keys(job_id):
                    pipe.llen(key)
            pipe.hget(self._clock, "clock")
            *answers, clock = await pipe.execute()
        found: list[JobRecord] = []
        for fields, lease_end, held_at, *lengths in batched(answers, 3 + len(self._lists)):
            if job := fields.pop(self._json_field.encode(), None):
                by_list = dict(zip(self._lists, lengths, strict=True))
                found.append(JobRecord(job, fields, lease_end, by_list, float(clock or 0), held_at))
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
        return await self.read([each.decode() for each in await self._redis.zrevrange(self._index, 0, limit - 1)])

    async def claim(self, limit: int, held: Sequence[str], left: Sequence[str] = ()) -> list[str]:
        """Lease up to `limit` jobs that no worker has, and return their ids. The leases of `held` are renewed.

        `left`: jobs that the caller leaves to others.
        """
        prefixes = self._list_keys("")
        args: list[Arg] = [LEASE_SECONDS, limit, len(left), *left, len(prefixes), *prefixes, *held]
        free = await self._store.run(_CLAIM, [self._open, self._clock], args)
        return [job_id.decode() for job_id in free]

    async def leave(self, job_id: str) -> None:
        """End the lease of a job that this release can't carry out: a worker of a later one takes it at once."""
        await self._store.run(_LEAVE, [self._open], [job_id])

    async def release(self, job_id: str, fields: Mapping[str, str], to_workers: bool = True) -> bool:
        """Release a held job durably, and write these fields to its record in the same step.

        Returns:
            Whether it was held: if not, somebody else has decided, and nothing is written.
        """
        return await self._decide(job_id, fields, to_workers, ())

    async def reject(self, job_id: str, fields: Mapping[str, str], remove: Sequence[str] = ()) -> bool:
        """Close a held job durably, so that it is never carried out; see `finish` and `release`."""
        return await self._decide(job_id, fields, False, remove)

    async def _decide(self, job_id: str, fields: Mapping[str, str], opens: bool, remove: Sequence[str]) -> bool:
        keys = [self.record(job_id), self._held, self._open, *(self.key(name, job_id) for name in remove)]
        args: list[Arg] = [job_id, int(opens), *(text for pair in fields.items() for text in pair)]
        return bool(await self._store.run_durably_even_if_full(_DECIDE, keys, args))

    async def note_held(self, job_id: str, held: str) -> None:
        """Write anew why a job is held, if it still is."""
        await self._store.run_durably(_NOTE_HELD, [self.record(job_id), self._held], [job_id, held])

    async def held_ids(self, limit: int) -> list[str]:
        """Ids of the held jobs, oldest first, at most `limit`."""
        return [job_id.decode() for job_id in await self._redis.zrange(self._held, 0, limit - 1)]

    async def count_held(self) -> int:
        """How many jobs wait for a person."""
        return int(await self._redis.zcard(self._held))

    async def finish(self, job_id: str, fields: Mapping[str, str], remove: Sequence[str] = ()) -> None:
        """Close a job durably: no worker gets it any more. A job that is closed already stays as it is.

        Args:
            fields: written to its record in the same step.
            remove: those of its lists that are not needed any more.
        """
        keys = [self.record(job_id), self._open, *(self.key(name, job_id) for name in remove)]
        args: list[Arg] = [job_id, *(text for pair in fields.items() for text in pair)]
        # It frees memory.
        await self._store.run_durably_even_if_full(_FINISH, keys, args)

    async def finished_before(self, at: float, limit: int) -> list[str]:
        """Ids of finished jobs that were created before `at` (Unix seconds), oldest first: of the `limit` oldest."""
        ids = await self._redis.zrangebyscore(self._index, "-inf", at, start=0, num=limit)
        async with self._store.pipeline() as pipe:
            for job_id in ids:
                pipe.zscore(self._open, job_id)
                pipe.zscore(self._held, job_id)
            scores = await pipe.execute()
        return [
            job_id.decode()
            for job_id, lease_end, held_at in zip(ids, scores[::2], scores[1::2], strict=True)
            if lease_end is None and held_at is None
        ]

    async def open_ids(self, limit: int) -> list[str]:
        """Ids of jobs that are not finished, at most `limit`."""
        return [job_id.decode() for job_id in await self._redis.zrange(self._open, 0, limit - 1)]

    async def count_open(self) -> int:
        """How many jobs are not finished."""
        return int(await self._redis.zcard(self._open))

    async def forget(self, job_id: str, key: str = "") -> None:
        """Remove all that is stored of a job in one step, also if its record is gone already.

        `key`: its idempotency key, if it has one.
        """
        keys = [self.record(job_id), self._open, self._index, self._held, *self._list_keys(job_id)]
        keys += [self.key("key", key)] if key else []
        await self._store.run(_FORGET, keys, [job_id])

    def _list_keys(self, job_id: str) -> list[str]:
        return [self.key(name, job_id) for name in self._lists]
