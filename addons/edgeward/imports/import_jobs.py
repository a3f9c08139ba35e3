"""Imports in the store: the entries that are to be listed, in chunks, and how far that is. All state is here, so that
any controller can continue another one's job, and nothing is counted twice.

{jobs}:record:<id>  hash: the job as JSON, and its progress (see background/job_store.py)
{jobs}:chunks:<id>  list: the entries in chunks, as JSON, until all are listed; of a batch in pieces (batch_rows.py)
{jobs}:withdrawals:<id>  list: ids of the entries that the file withdraws, in chunks, as JSON; of a batch the hashes
{jobs}:masks:<id>   list: masks of rows that a rollback lists again or takes off (row_masks.py)
{jobs}:sources:<id> list: the source ids of which it withdraws all entries, in chunks, as JSON
{jobs}:ranges:<id>  list: for each chunk that is listed, the first and the last version of its changes
{jobs}:orders:<id>  list: ids of the purge orders that followed from them
{jobs}:earlier:<id> list: ids of those of them that did not follow from this import: its known entries led to them. An
                    id may be there twice
"""

import asyncio
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import batched
from typing import Any, Self

from edgeward.background.job_store import JobRecord, JobStore
from edgeward.background.readable_records import readable
from edgeward.errors import NotFound
from edgeward.imports import job_scripts
from edgeward.imports.import_progress import ImportProgress
from edgeward.imports.row_masks import NO_MASKS, RowMasks, StagedMask, read_mask
from edgeward.imports.staged_entries import entry_of, staged_row
from edgeward.lists import withdrawals
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.lists.list_store import CHUNK_SIZE
from edgeward.lists.relisting import list_again
from edgeward.store.connection import Store
from edgeward.types import Entry, Signal, entry_id
from edgeward.types.later_releases import check_version

ID_PREFIX = "job-"
KEEP_SECONDS = 30 * 86400
"""How long a finished import is on record, counted from when it was asked for."""
JOBS_PER_ROUND = 1000
ORDERS_PER_CALL = 1000
"""Ids of orders that one script call writes: it must not hold up the store."""
LISTS = ("chunks", "withdrawals", "sources", "masks", "ranges", "orders", "earlier")
STAGED = ("chunks", "withdrawals", "sources", "masks")
OPEN_JOBS_READ = 1000
"""Open jobs among which a job looks for earlier ones of its list."""
SOURCES_PER_CHUNK = 10_000
WITHDRAWING_VERSION, BATCH_VERSION = 2, 3
"""The versions of records that have withdrawals, and that are listed as a batch: an earlier release would leave them
out, or can't read what is staged."""


def new_job_id() -> str:
    return ID_PREFIX + secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class ImportJob:
    """An import. `at` is Unix seconds, `total` counts entries, `bad` the lines that were left out.

    `size` is the number of entries in a chunk: each chunk is listed whole or not at all. `purge_again`: what is on the
    list already is matched and purged again. `withdrawals` counts the hashes that the file withdraws, `sources` the
    source ids of which it withdraws everything.

    An import that `is_batch` is listed as one batch (types/batches.py), in one step; then it has one chunk, and `parts`
    says of the rows that are staged how many there are of each signal type and number of bytes. `masks` of other rows
    may be staged too; `masked` is how many of `withdrawals` they take off. `policy` is that of its list by which it was
    judged (judged_policy.py), "" if it was not.
    """

    list: str
    by: str
    at: float
    total: int
    reason: str = ""
    bad: int = 0
    size: int = CHUNK_SIZE
    purge_again: bool = False
    withdrawals: int = 0
    sources: int = 0
    is_batch: bool = False
    parts: Sequence[Sequence[Any]] = ()
    masks: int = 0
    masked: int = 0
    policy: str = ""
    id: str = field(default_factory=new_job_id)

    @property
    def chunks(self) -> int:
        return -(-self.total // self.size)

    @property
    def withdraws(self) -> bool:
        """Whether it takes anything off the list."""
        return bool(self.withdrawals or self.sources)

    @property
    def withdrawal_chunks(self) -> int:
        return -(-(self.withdrawals - self.masked) // withdrawals.CHUNK_SIZE)

    @property
    def source_chunks(self) -> int:
        return -(-self.sources // SOURCES_PER_CHUNK)

    def to_json(self) -> str:
        needs = {"needs": BATCH_VERSION if self.is_batch else WITHDRAWING_VERSION}
        needs = needs if self.is_batch or self.withdraws else {}
        return json.dumps(asdict(self) | needs, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """A job as stored. Raises LaterRelease if only a later release can carry it out."""
        data = json.loads(text)
        check_version(data, "an import")
        data["parts"] = tuple(map(tuple, data.get("parts", ())))
        return cls(**{each.name: data[each.name] for each in fields(cls) if each.name in data})


class ImportJobs:
    """Imports in the store."""

    def __init__(self, store: Store) -> None:
        self.job_store = JobStore(store, "jobs", "job", "job", lists=LISTS)
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    async def create(
        self,
        job: ImportJob,
        hashes: Iterable[ParsedHash],
        withdrawn: Iterable[Signal] = (),
        sources: Iterable[str] = (),
        pieces: Iterable[bytes] = (),
        held: str = "",
        masks: RowMasks = NO_MASKS,
    ) -> None:
        """Record a job durably. What it is to do is written first, so that no worker can begin without it.

        The iterables are read in another thread, chunk by chunk.

        Args:
            hashes: what is to be listed.
            withdrawn: what is to be taken off the list.
            sources: ids that the source gave: all that has one is taken off the list.
            pieces: of an import that is listed as a batch, in place of `hashes`.
            held: why a person must approve it first, as JSON; "": it may begin.
            masks: rows that it lists again or takes off besides.

        Raises:
            STORE_AWAY: the store is full or away. See `discard`.
        """
        off: Iterator[object] = (entry_id(job.list, signal) for signal in withdrawn)
        if job.is_batch:
            off = ([signal.type, signal.value] for signal in withdrawn)
            count = await self._stage_pieces(job.id, iter(pieces))
        else:
            count = await self._stage(job.id, "chunks", map(staged_row, hashes), job.size)
        staged = {
            "chunks": count,
            "withdrawals": await self._stage(job.id, "withdrawals", off, withdrawals.CHUNK_SIZE),
            "sources": await self._stage(job.id, "sources", iter(sources), SOURCES_PER_CHUNK),
            "masks": await self._stage_pieces(job.id, (each.encode() for each in masks.staged()), "masks"),
        }
        await self.job_store.create(job.id, job.to_json(), job.at, staged=staged, held=held)

    async def _stage(self, job_id: str, name: str, items: Iterator[object], size: int) -> int:
        """Write items in chunks of `size`, and return how many chunks."""
        chunks = batched(items, size)

        def next_chunk() -> str:
            some = next(chunks, None)
            return json.dumps(some, separators=(",", ":")) if some else ""

        count = 0
        while text := await asyncio.to_thread(next_chunk):
            await self.job_store.stage(job_id, name, [text])
            count += 1
        return count

    async def _stage_pieces(self, job_id: str, pieces: Iterator[bytes], name: str = "chunks") -> int:
        count = 0
        while piece := await asyncio.to_thread(next, pieces, b""):
            await self.job_store.stage(job_id, name, [piece])
            count += 1
        return count

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

    async def held(self, limit: int) -> list[tuple[ImportJob, ImportProgress]]:
        """The jobs that wait for a person, oldest first."""
        return readable("job", await self.job_store.read(await self.job_store.held_ids(limit)), _parse)

    async def chunk(self, job: ImportJob, number: int) -> list[Entry]:
        """The entries of one chunk. All bear the time and the id of the job: that tells whether it was this job that
        listed them."""
        text = await self._redis.lindex(self.job_store.key("chunks", job.id), number)
        rows = json.loads(text) if text else []
        like = Entry(job.list, Signal("", ""), job.reason, job.by, job.at, job.id)
        return [entry_of(like, row) for row in rows]

    async def piece(self, job_id: str, number: int) -> bytes:
        """One of the pieces of an import that is listed as a batch. Raises NotFound: it is not there any more."""
        found = await self._redis.lindex(self.job_store.key("chunks", job_id), number)
        if found is None:
            raise NotFound(f"the rows of the import {job_id} are not in the store any more")
        return bytes(found)

    async def mask(self, job_id: str, number: int) -> StagedMask:
        """One of the masks of an import. Raises NotFound: it is not there any more."""
        found = await self._redis.lindex(self.job_store.key("masks", job_id), number)
        if found is None:
            raise NotFound(f"the rows of the import {job_id} are not in the store any more")
        return read_mask(found)

    async def withdrawals(self, job: ImportJob, number: int) -> list[str]:
        """The ids of the entries of one chunk of withdrawn hashes."""
        if job.is_batch:
            return [entry_id(job.list, signal) for signal in await self.withdrawn_signals(job, number)]
        return await self._strings("withdrawals", job, number)

    async def withdrawn_signals(self, job: ImportJob, number: int) -> list[Signal]:
        """One chunk of the withdrawn hashes of an import that is listed as a batch."""
        text = await self._redis.lindex(self.job_store.key("withdrawals", job.id), number)
        return [Signal(signal_type, value) for signal_type, value in json.loads(text)] if text else []

    async def sources(self, job: ImportJob, number: int) -> list[str]:
        """One chunk of withdrawn source ids."""
        return await self._strings("sources", job, number)

    async def _strings(self, name: str, job: ImportJob, number: int) -> list[str]:
        text = await self._redis.lindex(self.job_store.key(name, job.id), number)
        return [str(each) for each in json.loads(text)] if text else []

    async def lists_any(self, job: ImportJob, ids: Iterable[str]) -> set[str]:
        """Those of these ids of entries that the job lists, new or known. Reads every chunk that it has."""
        wanted, found = set(ids), set[str]()
        for number in range(job.chunks):
            if not wanted:
                break
            listed = {each.id for each in await self.chunk(job, number)}
            found |= wanted & listed
            wanted -= listed
        return found

    async def has_earlier(self, job: ImportJob) -> bool:
        """Whether an import of the same list that was asked for before is not finished, and the order of the two
        matters: one of them withdraws."""
        records = await self.job_store.read(await self.job_store.open_ids(OPEN_JOBS_READ))
        return any(
            each.list == job.list and (each.at, each.id) < (job.at, job.id) and (each.withdraws or job.withdraws)
            for each, _ in readable("job", records, _parse)
        )

    async def note_withdrawn(self, job_id: str, number: int, total: int, name: str = "withdrawal_chunks") -> None:
        """A chunk of withdrawals is carried out, and the job has taken `total` entries off the list so far. Noted
        twice, it counts once. `name`: of the count of such chunks."""
        await self._store.run(job_scripts.NOTE_WITHDRAWN, [self.job_store.record(job_id)], [name, number, total])

    async def note_cancelled(self, job_id: str, who: str) -> None:
        """Who cancelled a job; the first counts."""
        await self._redis.hsetnx(self.job_store.record(job_id), "cancelled_by", who)

    async def begin(self, job_id: str, number: int, version: int) -> tuple[int, bool]:
        """Note that a chunk is about to be listed, with the lists at `version`.

        Returns:
            The version of the lists when the chunk was first begun, and whether that was by this call.
        """
        before, is_first = await self._store.run(job_scripts.BEGIN, [self.job_store.record(job_id)], [number, version])
        return int(before), bool(is_first)

    async def note_batch(self, job_id: str, batch_id: str) -> str:
        """The import is going to be this batch, which is not committed yet. Returns the one that it was to be before,
        or ""."""
        before = await self._redis.hget(self.job_store.record(job_id), "batch")
        await self._redis.hset(self.job_store.record(job_id), "batch", batch_id)
        return (before or b"").decode()

    async def note_prepared(self, job_id: str, rows: int) -> None:
        """So many rows of the batch are ready to be listed."""
        await self._redis.hset(self.job_store.record(job_id), "prepared", rows)

    async def note_listed(self, job_id: str, number: int, versions: Sequence[int], added: int | None = None) -> None:
        """A chunk is listed, which made these versions, without gaps. Noted twice, it counts once. `added`: how many
        entries it added; None: as many as versions."""
        keys = [self.job_store.record(job_id), self.job_store.key("ranges", job_id)]
        added = len(versions) if added is None else added
        args = [number, min(versions, default=0), max(versions, default=-1), added]
        await self._store.run(job_scripts.NOTE_LISTED, keys, args)

    async def list_again(self, job: ImportJob, ids: Sequence[str]) -> None:
        """List these entries again, which are on the list already, and note at which version that was."""
        if changes := await list_again(self._store, job.list, ids, job.by, job.reason):
            await self._store.run(job_scripts.NOTE_AGAIN, [self.job_store.record(job.id)], [changes[-1].version])

    async def versions(self, job_id: str, number: int) -> range:
        """The versions that a chunk made."""
        text = await self._redis.lindex(self.job_store.key("ranges", job_id), number) or b"0 -1"
        first, _, last = text.partition(b" ")
        return range(int(first), int(last) + 1)

    async def note_matched(self, job_id: str, number: int, added: int, before: int, orders: Sequence[str]) -> None:
        """A chunk is matched against all sightings. Noted twice, it counts once.

        Args:
            added: how many entries it added.
            before: how many orders the job had before.
            orders: ids of the orders that followed from it.
        """
        keys = [self.job_store.record(job_id), self.job_store.key("orders", job_id)]
        for start in range(0, max(1, len(orders)), ORDERS_PER_CALL):
            some = orders[start : start + ORDERS_PER_CALL]
            await self._store.run(
                job_scripts.NOTE_MATCHED, keys, [number, added, before + start, before + len(orders), *some]
            )

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

    async def reject(self, job_id: str, why: str) -> bool:
        """Close a held job durably: it has failed, for this reason. Returns whether it was held until now."""
        return await self.job_store.reject(job_id, {"state": "failed", "error": why}, remove=STAGED)

    async def finish(self, job_id: str, error: str = "") -> None:
        """Close a job durably: it is done, or failed with this error."""
        state = "failed" if error else "done"
        await self.job_store.finish(job_id, {"state": state, "error": error}, remove=STAGED)


def _parse(record: JobRecord) -> tuple[ImportJob, ImportProgress]:
    return ImportJob.from_json(record.job), ImportProgress.of(record)
