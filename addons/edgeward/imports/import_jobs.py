"""Imports in the store: the entries that are to be listed, in chunks, and how far that is. All state is here, so that
any controller can continue another one's job, and nothing is counted twice.

{jobs}:record:<id>  hash: the job as JSON, and its progress (see background/job_store.py)
{jobs}:chunks:<id>  list: the entries in chunks, as JSON, until all are listed
{jobs}:ranges:<id>  list: for each chunk that is listed, the first and the last version of its changes
{jobs}:orders:<id>  list: ids of the purge orders that followed from them
{jobs}:earlier:<id> list: ids of those of them that did not follow from this import: its known entries led to them. An
                    id may be there twice
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import batched
from typing import Any, Self

from edgeward.background.job_store import JobRecord, JobStore
from edgeward.background.readable_records import readable
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.lists.list_store import CHUNK_SIZE
from edgeward.lists.relisting import list_again
from edgeward.store.connection import Store
from edgeward.types import Entry, Signal
from edgeward.types.later_releases import check_version

ID_PREFIX = "job-"
KEEP_SECONDS = 30 * 86400
"""How long a finished import is on record, counted from when it was asked for."""
JOBS_PER_ROUND = 1000
ORDERS_PER_CALL = 1000
"""Ids of orders that one script call writes: it must not hold up the store."""

# Says whether another controller began the chunk before, and may have listed it without noting so.
# KEYS: record. ARGV: number of the chunk, version now. -> {version when the chunk was begun, 1 if that is now}
_BEGIN = """
local begun = redis.call('HGET', KEYS[1], 'begun')
local number, version = string.match(begun or '', '(%d+) (%d+)')
if number == ARGV[1] then return {tonumber(version), 0} end
redis.call('HSET', KEYS[1], 'begun', ARGV[1] .. ' ' .. ARGV[2])
return {tonumber(ARGV[2]), 1}
"""

# KEYS: record, ranges. ARGV: number of the chunk, first version, last version, entries added
_NOTE_LISTED = """
if redis.call('LLEN', KEYS[2]) ~= tonumber(ARGV[1]) then return end
redis.call('RPUSH', KEYS[2], ARGV[2] .. ' ' .. ARGV[3])
redis.call('HINCRBY', KEYS[1], 'added', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'listed', 1)
if ARGV[4] ~= '0' then
  redis.call('HSETNX', KEYS[1], 'first', ARGV[2])
  redis.call('HSET', KEYS[1], 'last', ARGV[3])
end
"""

# KEYS: record. ARGV: version of the lists
_NOTE_AGAIN = """
if tonumber(redis.call('HGET', KEYS[1], 'again') or 0) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'again', ARGV[1])
end
"""

# KEYS: record, orders
# ARGV: number of the chunk, number of its versions, position of the first id, number of ids when all are in, ids
_NOTE_MATCHED = """
if tonumber(redis.call('HGET', KEYS[1], 'matched') or 0) ~= tonumber(ARGV[1]) then return end
-- What another controller left half done is written over.
if ARGV[3] == '0' then redis.call('DEL', KEYS[2]) else redis.call('LTRIM', KEYS[2], 0, ARGV[3] - 1) end
for i = 5, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
local count = redis.call('LLEN', KEYS[2])
if count == tonumber(ARGV[4]) then
  redis.call('HSET', KEYS[1], 'orders', count, 'matched', ARGV[1] + 1)
  redis.call('HINCRBY', KEYS[1], 'searched', ARGV[2])
end
"""


@dataclass(frozen=True, slots=True)
class ImportJob:
    """An import. `at` is Unix seconds, `total` counts entries, `bad` the lines that were left out.

    `size` is the number of entries in a chunk: each chunk is listed whole or not at all. `purge_again`: what is on the
    list already is matched and purged again.
    """

    list: str
    by: str
    at: float
    total: int
    reason: str = ""
    bad: int = 0
    size: int = CHUNK_SIZE
    purge_again: bool = False
    id: str = field(default_factory=lambda: ID_PREFIX + secrets.token_hex(8))

    @property
    def chunks(self) -> int:
        return -(-self.total // self.size)

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """A job as stored. Raises LaterRelease if only a later release can carry it out."""
        data = json.loads(text)
        check_version(data, "an import")
        return cls(**{each.name: data[each.name] for each in fields(cls) if each.name in data})


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is.

    Attributes:
        chunks_listed: number of chunks that are listed.
        chunks_matched: number of chunks that are matched against all sightings.
        added: number of entries that the job has added.
        entries_matched: how many of those are matched against all sightings.
        versions: the first and the last version of the lists that the job made; None if it made none yet.
        orders: number of purge orders so far.
        again: the highest version of the lists at which it has listed something again; 0: it has not.
        state: "running", "done" or "failed"; "interrupted" while no controller has it: another one takes it over.
        error: why it failed.
    """

    chunks_listed: int
    chunks_matched: int
    added: int
    entries_matched: int
    versions: tuple[int, int] | None
    orders: int
    state: str
    error: str
    again: int = 0


class ImportJobs:
    """Imports in the store."""

    def __init__(self, store: Store) -> None:
        self.job_store = JobStore(store, "jobs", "job", "job", lists=("chunks", "ranges", "orders", "earlier"))
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    async def create(self, job: ImportJob, hashes: Sequence[ParsedHash]) -> None:
        """Record a job durably. Its entries are written first, so that no worker can begin without them.

        Raises:
            STORE_AWAY: the store is full or away. See `discard`.
        """
        chunks = 0
        for some in batched(hashes, job.size):
            rows = [[each.signal.type, each.signal.value, each.signal.quality, each.reason] for each in some]
            await self.job_store.stage(job.id, "chunks", [json.dumps(rows, separators=(",", ":"))])
            chunks += 1
        await self.job_store.create(job.id, job.to_json(), job.at, staged={"chunks": chunks})

    async def discard(self, job_id: str) -> bool:
        """Remove the entries of a job that could not be recorded. Returns whether it is not on record."""
        return await self.job_store.discard(job_id)

    async def forget_before(self, at: float) -> None:
        """Forget finished imports that were asked for before `at`, Unix seconds."""
        while ids := await self.job_store.finished_before(at, JOBS_PER_ROUND):
            for job_id in ids:
                await self.job_store.forget(job_id)

    async def get(self, job_id: str) -> tuple[ImportJob, ImportProgress]:
        """A job and its progress.

        Raises:
            NotFound: there is none of this id, or no longer.
        """
        return _parse(await self.job_store.get(job_id))

    async def recent(self, limit: int = 100) -> list[tuple[ImportJob, ImportProgress]]:
        """The latest jobs, newest first."""
        return readable("job", await self.job_store.recent(limit), _parse)

    async def chunk(self, job: ImportJob, number: int) -> list[Entry]:
        """The entries of one chunk. All bear the time and the id of the job: that tells whether it was this job that
        listed them."""
        text = await self._redis.lindex(self.job_store.key("chunks", job.id), number)
        rows = json.loads(text) if text else []
        return [
            Entry(job.list, Signal(signal_type, value, quality), reason or job.reason, job.by, job.at, job.id)
            for signal_type, value, quality, reason, *_ in rows
        ]

    async def begin(self, job_id: str, number: int, version: int) -> tuple[int, bool]:
        """Note that a chunk is about to be listed, with the lists at `version`.

        Returns:
            The version of the lists when the chunk was first begun, and whether that was by this call.
        """
        before, is_first = await self._store.run(_BEGIN, [self.job_store.record(job_id)], [number, version])
        return int(before), bool(is_first)

    async def note_listed(self, job_id: str, number: int, versions: Sequence[int]) -> None:
        """A chunk is listed, which made these versions, without gaps. Noted twice, it counts once."""
        keys = [self.job_store.record(job_id), self.job_store.key("ranges", job_id)]
        args = [number, min(versions, default=0), max(versions, default=-1), len(versions)]
        await self._store.run(_NOTE_LISTED, keys, args)

    async def list_again(self, job: ImportJob, ids: Sequence[str]) -> None:
        """List these entries again, which are on the list already, and note at which version that was."""
        if changes := await list_again(self._store, job.list, ids, job.by, job.reason):
            await self._store.run(_NOTE_AGAIN, [self.job_store.record(job.id)], [changes[-1].version])

    async def versions(self, job_id: str, number: int) -> range:
        """The versions that a chunk made."""
        text = await self._redis.lindex(self.job_store.key("ranges", job_id), number) or b"0 -1"
        first, _, last = text.partition(b" ")
        return range(int(first), int(last) + 1)

    async def note_matched(self, job_id: str, number: int, versions: int, before: int, orders: Sequence[str]) -> None:
        """A chunk is matched against all sightings. Noted twice, it counts once.

        Args:
            versions: how many versions it made.
            before: how many orders the job had before.
            orders: ids of the orders that followed from it.
        """
        keys = [self.job_store.record(job_id), self.job_store.key("orders", job_id)]
        for start in range(0, max(1, len(orders)), ORDERS_PER_CALL):
            some = orders[start : start + ORDERS_PER_CALL]
            await self._store.run(_NOTE_MATCHED, keys, [number, versions, before + start, before + len(orders), *some])

    async def orders(self, job_id: str) -> list[str]:
        """Ids of all orders so far."""
        found = await self._redis.lrange(self.job_store.key("orders", job_id), 0, -1)
        return [order_id.decode() for order_id in found]

    async def note_earlier(self, job_id: str, orders: Sequence[str]) -> None:
        """These orders of the job did not follow from it: entries that were on the list before led to them."""
        for some in batched(orders, ORDERS_PER_CALL):
            await self._redis.rpush(self.job_store.key("earlier", job_id), *some)

    async def earlier(self, job_id: str) -> set[str]:
        """Ids of those of the orders that did not follow from the job."""
        found = await self._redis.lrange(self.job_store.key("earlier", job_id), 0, -1)
        return {order_id.decode() for order_id in found}

    async def finish(self, job_id: str, error: str = "") -> None:
        """Close a job durably: it is done, or failed with this error."""
        state = "failed" if error else "done"
        await self.job_store.finish(job_id, {"state": state, "error": error}, remove=("chunks",))


def _parse(record: JobRecord) -> tuple[ImportJob, ImportProgress]:
    fields = record.fields
    state = fields.get(b"state", b"running").decode()
    if state == "running" and record.is_interrupted:
        state = "interrupted"

    def count(name: bytes) -> int:
        return int(fields.get(name, 0))

    progress = ImportProgress(
        chunks_listed=count(b"listed"),
        chunks_matched=count(b"matched"),
        added=count(b"added"),
        entries_matched=count(b"searched"),
        versions=(count(b"first"), count(b"last")) if b"first" in fields else None,
        orders=count(b"orders"),
        state=state,
        error=fields.get(b"error", b"").decode(),
        again=count(b"again"),
    )
    return ImportJob.from_json(record.job), progress
