"""Imports in the store: the entries that are to be listed, in chunks, and how far that is. All state is here, so that
any controller can continue another one's job, and nothing is counted twice.

{jobs}:record:<id>  hash: the job as JSON, and its progress (see background/job_store.py)
{jobs}:chunks:<id>  list: the entries in chunks, as JSON, until all are listed
{jobs}:withdrawals:<id>  list: ids of the entries that the file withdraws, in chunks, as JSON
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
from edgeward.imports import job_scripts
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
LISTS = ("chunks", "withdrawals", "sources", "ranges", "orders", "earlier")
STAGED = ("chunks", "withdrawals", "sources")
OPEN_JOBS_READ = 1000
"""Open jobs among which a job looks for earlier ones of its list."""
SOURCES_PER_CHUNK = 10_000
WITHDRAWING_VERSION = 2
"""The version of records that has withdrawals: an earlier release would leave them out."""
"""Ids of orders that one script call writes: it must not hold up the store."""


def new_job_id() -> str:
    return ID_PREFIX + secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class ImportJob:
    """An import. `at` is Unix seconds, `total` counts entries, `bad` the lines that were left out.

    `size` is the number of entries in a chunk: each chunk is listed whole or not at all. `purge_again`: what is on the
    list already is matched and purged again. `withdrawals` counts the hashes that the file withdraws, `sources` the
    source ids of which it withdraws everything.
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
        return -(-self.withdrawals // withdrawals.CHUNK_SIZE)

    @property
    def source_chunks(self) -> int:
        return -(-self.sources // SOURCES_PER_CHUNK)

    def to_json(self) -> str:
        needs = {"needs": WITHDRAWING_VERSION} if self.withdraws else {}
        return json.dumps(asdict(self) | needs, separators=(",", ":"))

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
        withdrawn: number of entries that it has taken off the list.
        withdrawal_chunks: number of chunks of withdrawn hashes that are carried out.
        source_chunks: number of chunks of withdrawn source ids that are carried out.
        cancelled_by: who cancelled it; "" if nobody did.
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
    withdrawn: int = 0
    withdrawal_chunks: int = 0
    source_chunks: int = 0
    cancelled_by: str = ""


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
    ) -> None:
        """Record a job durably. What it is to do is written first, so that no worker can begin without it.

        The iterables are read in another thread, chunk by chunk.

        Args:
            hashes: what is to be listed.
            withdrawn: what is to be taken off the list.
            sources: ids that the source gave: all that has one is taken off the list.

        Raises:
            STORE_AWAY: the store is full or away. See `discard`.
        """
        ids = (entry_id(job.list, signal) for signal in withdrawn)
        staged = {
            "chunks": await self._stage(job.id, "chunks", (_row(each) for each in hashes), job.size),
            "withdrawals": await self._stage(job.id, "withdrawals", ids, withdrawals.CHUNK_SIZE),
            "sources": await self._stage(job.id, "sources", iter(sources), SOURCES_PER_CHUNK),
        }
        await self.job_store.create(job.id, job.to_json(), job.at, staged=staged)

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
        return [_entry(job, *row) for row in rows]

    async def withdrawals(self, job: ImportJob, number: int) -> list[str]:
        """The ids of the entries of one chunk of withdrawn hashes."""
        return await self._strings("withdrawals", job, number)

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

    async def note_withdrawn(self, job_id: str, number: int, total: int, of_sources: bool = False) -> None:
        """A chunk of withdrawals is carried out, and the job has taken `total` entries off the list so far. Noted
        twice, it counts once."""
        name = "source_chunks" if of_sources else "withdrawal_chunks"
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

    async def note_listed(self, job_id: str, number: int, versions: Sequence[int]) -> None:
        """A chunk is listed, which made these versions, without gaps. Noted twice, it counts once."""
        keys = [self.job_store.record(job_id), self.job_store.key("ranges", job_id)]
        args = [number, min(versions, default=0), max(versions, default=-1), len(versions)]
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
            await self._store.run(
                job_scripts.NOTE_MATCHED, keys, [number, versions, before + start, before + len(orders), *some]
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

    async def finish(self, job_id: str, error: str = "") -> None:
        """Close a job durably: it is done, or failed with this error."""
        state = "failed" if error else "done"
        await self.job_store.finish(job_id, {"state": state, "error": error}, remove=STAGED)


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
        withdrawn=count(b"withdrawn"),
        withdrawal_chunks=count(b"withdrawal_chunks"),
        source_chunks=count(b"source_chunks"),
        cancelled_by=fields.get(b"cancelled_by", b"").decode(),
    )
    return ImportJob.from_json(record.job), progress


def _row(parsed: ParsedHash) -> list[object]:
    """One entry to list, as it is staged. Earlier releases read the first four, and pass over the rest."""
    signal = parsed.signal
    row: list[object] = [signal.type, signal.value, signal.quality, parsed.reason]
    return [*row, parsed.source_id, parsed.tags] if parsed.source_id or parsed.tags else row


def _entry(
    job: ImportJob,
    signal_type: str,
    value: str,
    quality: int | None,
    reason: str,
    source_id: str = "",
    tags: Sequence[str] = (),
    *_: object,
) -> Entry:
    signal = Signal(signal_type, value, quality)
    return Entry(job.list, signal, reason or job.reason, job.by, job.at, job.id, source_id, tuple(tags))
