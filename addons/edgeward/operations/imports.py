"""Imports: files of hashes that are listed in the background, as they can be long. Created, found, and waited for."""

import asyncio
import io
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import batched
from typing import Any

from edgeward.background.polling import Polling
from edgeward.errors import Conflict, InvalidValue
from edgeward.hashing.signal_registry import listable_types
from edgeward.imports.batch_rows import staged_pieces
from edgeward.imports.import_jobs import ImportJob, new_job_id
from edgeward.imports.import_progress import ImportProgress
from edgeward.imports.judged_policy import judged_policy
from edgeward.imports.reading import ReadFile, Reading, ReadRequest, read_into
from edgeward.imports.row_masks import RowMasks
from edgeward.imports.source_acts import new_source_act
from edgeward.imports.spool import Spool, SpoolCounts
from edgeward.lists.formats.compression import MAGIC_BYTES, compression_of
from edgeward.lists.formats.hash_files import BadLines
from edgeward.operations import caches, entries, import_records, undo
from edgeward.operations.entry_effect import Effect, effect_of_all
from edgeward.operations.guard import HASHES_PER_SEARCH, Judgement, judge, not_listed
from edgeward.operations.import_comparison import Comparison, compare
from edgeward.operations.import_records import ImportContents
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.list_limits import limits_in_words
from edgeward.operations.matchability import NotMatching, not_matching_by_type
from edgeward.operations.order_totals import add_up
from edgeward.operations.services import Services
from edgeward.operations.store import refuse_changes_after_loss
from edgeward.operations.synchronization import Synchronization, synchronize
from edgeward.operations.undo import UndoResult
from edgeward.operations.unjudged_responses import wait_judged
from edgeward.operations.waiting import ChangeStatus, PurgeStatus, wait_applied
from edgeward.purging.orders import in_placing_order
from edgeward.purging.unjudged_orders import Unjudged
from edgeward.types import FINAL_IMPORT_STATES, HashList, ImportState, ListKind, Signal

POLL_SECONDS = (0.01, 0.25)
"""Pause between two looks at an import: the first, and the longest."""
BATCH_ROWS = 5000
"""From so many rows on an import is listed as a batch: its entries are not kept in the memory of every process."""
MEMORY_BYTES = 4 * 1024 * 1024
"""A file of up to this size is not kept on disk, so that an entry can be listed whatever happens to state_dir."""


@dataclass(frozen=True, slots=True)
class ImportStatus:
    """An import and its progress.

    `owed`: by cache, how many of its purge orders are neither carried out nor refused; None if that was not asked for.
    `refused`: by cache, how many of them it refused.
    `absent`: the caches among both that no live controller has in its settings.
    `purge`: what became of the orders that followed from it, where the caches were waited for, and the import did not
    fail. `owed` and `refused` count besides what was ordered before for the entries that it found on the list.
    `change`: whether every process has applied the current lists, where it was waited for.
    """

    job: ImportJob
    progress: ImportProgress
    owed: Mapping[str, int] | None = None
    refused: Mapping[str, int] = field(default_factory=dict)
    absent: Sequence[str] = ()
    purge: PurgeStatus | None = None
    change: ChangeStatus | None = None

    @property
    def state(self) -> ImportState:
        return ImportState(self.progress.state)

    @property
    def listed(self) -> int:
        """How many of the job's entries are on the list, added by it or known before."""
        return min(self.job.total, self.progress.chunks_listed * self.job.size)

    @property
    def known(self) -> int:
        """How many of them were on the list before."""
        return self.listed - self.progress.added

    @property
    def purged_nothing(self) -> bool:
        """Whether it has ended, and all its hashes were on the list before and were not to be purged again."""
        ended = self.state in FINAL_IMPORT_STATES
        return ended and self.known == self.job.total and not self.job.purge_again


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What was in a file, and the import of it.

    Attributes:
        file: what it holds.
        comparison: with the list; of a dry run only.
        status: None after a dry run.
        not_matching: which of the hashes match nothing, and why.
        profile: the profile of the list by which it was read; empty if there is none, or the request says how.
        profile_saved: whether the list has this request's profile now.
        synchronization: the file beside what its source has listed; None if the request names no source.
    """

    file: ReadFile
    comparison: Comparison | None
    status: ImportStatus | None
    not_matching: Sequence[NotMatching] = ()
    profile: Mapping[str, object] = field(default_factory=dict)
    profile_saved: bool = False
    synchronization: Synchronization | None = None


def check_type(signal_type: str) -> str:
    """The type of lines that do not say it. Raises InvalidValue if lists can't have entries of it."""
    if signal_type not in listable_types():
        raise InvalidValue(f"unknown signal type {signal_type!r}; known: {', '.join(listable_types())}", "type")
    return signal_type


async def create(
    services: Services,
    request: ImportRequest,
    who: str,
    timeout: float | None = None,
    reading: Reading | None = None,
) -> ImportResult:
    """Read a file and record the import of its hashes, or after a dry run say what it would do.

    Args:
        timeout: seconds to wait until all is listed and every cache has carried out what followed; None does not wait.
        reading: how far it is, for others to see.

    Raises:
        NotFound: the list does not exist.
        InvalidValue: the quality is too low, or the type unknown.
        UserError: the file can't be read, or its format is not known.
        BadLines: the file has bad rows, and they are not to be left out. Nothing is listed.
        NoDiskSpace: state_dir has no room for what was read.
        Abandoned: it was cancelled before it was recorded.
        LargeRemoval: too much would be withdrawn.
    """
    refuse_changes_after_loss(services)
    hash_list = await services.list_store.get_list(request.list)
    entries.check_quality(services, request.quality)
    if request.signal_type is not None:
        check_type(request.signal_type)
    profile = {} if request.profile else hash_list.import_profile
    request, reading = request.with_profile(profile) if profile else request, reading or Reading()
    comparison, status, synchronization = None, None, None
    async with _spool(services, request) as spool:
        file = await _read(services, request, spool, reading)
        masks = request.masks
        file = replace(file, counts=file.counts._replace(masked=(masks.added, masks.taken_off)))
        if request.source:
            file, synchronization = await synchronize(services, request, spool, file, reading)
        if request.dry_run:
            replaces = await _is_batch(services, hash_list, file.counts)
            comparison = await compare(services, hash_list, spool, file.counts, reading, masks)
            comparison = replace(comparison, replaces=replaces)
        else:
            judgement = await _judge(services, hash_list, spool, masks, file.counts.total, reading)
            job = await _job(services, request, hash_list, spool, file, who)
            await import_records.record(services, job, _contents(job, spool)._replace(masks=masks), judgement, reading)
    reading.begin("done")
    if not request.dry_run:
        status = await get(services, job.id, timeout)
    saved = request.save_profile and not request.dry_run
    if saved:
        await services.list_store.change_list(
            request.list, lambda old: old.changed(import_profile=request.profile), who, "profile of its imports"
        )
    unmatched = await not_matching_by_type(services, file.counts.by_type, request.list)
    return ImportResult(file, comparison, status, unmatched, profile, saved, synchronization)


@asynccontextmanager
async def _spool(services: Services, request: ImportRequest) -> AsyncIterator[Spool]:
    """A spool for one file: in memory if the file is small, else in state_dir."""
    file = request.file
    small = file.seek(0, io.SEEK_END) <= MEMORY_BYTES
    file.seek(0)
    small = small and not compression_of(file.read(MAGIC_BYTES))
    file.seek(0)
    spool = Spool(None if small else services.config.state_dir.absolute(), request.list)
    try:
        yield spool
    finally:
        await asyncio.to_thread(spool.close)


async def _read(services: Services, request: ImportRequest, spool: Spool, reading: Reading) -> ReadFile:
    """In a thread: a million rows take many seconds. Raises BadLines."""
    reading.begin("reading", request.file.seek(0, io.SEEK_END))
    request.file.seek(0)
    min_quality = services.config.hashing.min_quality
    asked = ReadRequest(request.format, request.options, request.signal_type, request.quality, min_quality)
    thread = asyncio.ensure_future(asyncio.to_thread(read_into, spool, request.file, asked, reading))
    try:
        file = await asyncio.shield(thread)
    except asyncio.CancelledError:
        # The thread uses the spool until it sees that.
        reading.cancelled.set()
        await asyncio.wait([thread])
        raise
    if file.bad and not request.skip_bad and not request.dry_run:
        raise BadLines(list(file.bad), file.bad_count, file.file_format.unit)
    return file


async def get(services: Services, job_id: str, timeout: float | None = None) -> ImportStatus:
    """An import: now (None), or when it has ended and no cache owes anything, at most `timeout` seconds.

    Raises:
        NotFound: there is no such import.
    """
    deadline = time.monotonic() + (timeout or 0.0)
    polling = Polling(*POLL_SECONDS)
    while True:
        job, progress = await services.import_jobs.get(job_id)
        if progress.state in (*FINAL_IMPORT_STATES, ImportState.HELD) or time.monotonic() >= deadline:
            break
        await polling.pause()
    # An import that has not ended by the deadline still says what is owed so far.
    remaining = max(0.0, deadline - time.monotonic())
    # Besides its own orders those for hosts where sightings turned out to be lost after it had listed its hashes.
    late = await services.orders.lost.of_list(job.list, job.at, job.at)
    ids = in_placing_order({*await services.import_jobs.orders(job_id), *late})
    missing = Counter(await services.orders.wait_done(ids, await caches.carried_out_by(services), remaining))
    absent = (await caches.others(services)).absent
    missing += Counter(await services.orders.wait_done(ids, absent, 0.0))
    refused = await services.orders.count_refused(ids, list(missing))
    owed = missing - Counter(refused)
    if timeout is None or progress.state in (ImportState.FAILED, ImportState.HELD):
        return ImportStatus(job, progress, owed, refused, [name for name in absent if missing[name]])
    unjudged = await wait_judged(services, max(0.0, deadline - time.monotonic()))
    change = await wait_applied(services.list_store, await services.list_store.version())
    status = ImportStatus(job, progress, owed, refused, [name for name in absent if missing[name]], None, change)
    # What was ordered for known entries before is still owed, and is no purge of this import.
    earlier = set(ids) if status.purged_nothing else await services.import_jobs.earlier(job_id)
    return replace(
        status, purge=await _purge(services, status, [each for each in ids if each not in earlier], unjudged)
    )


async def _purge(services: Services, status: ImportStatus, ids: Sequence[str], unjudged: Unjudged) -> PurgeStatus:
    """What became of the orders that followed from an import itself."""
    ended = status.state in FINAL_IMPORT_STATES
    summary = (await add_up(services, ids)).summary(ended).with_unjudged(unjudged)
    if (of_list := services.replica.matcher.lists.get(status.job.list)) is not None:
        summary = replace(summary, limited=limits_in_words([of_list]))
    if ended and not status.job.purge_again:
        summary = replace(summary, listed_before=status.known, listed_new=status.progress.added)
    return PurgeStatus(summary, ended).inactive(await _effect(services, status.job, bool(ids)))


async def _effect(services: Services, job: ImportJob, has_orders: bool) -> Effect:
    """What an import does, by its own entries: those that were listed before are not known any more."""
    effect = await effect_of_all(services, job.list, ())
    if effect is not Effect.BLOCKS or has_orders:
        return effect
    return await effect_of_all(services, job.list, [each.signal for each in await undo.entries_of(services, job.id)])


async def recent(services: Services, limit: int) -> list[ImportStatus]:
    """The latest imports, newest first, without what caches owe."""
    return [ImportStatus(*each) for each in await services.import_jobs.recent(limit)]


async def _judge(
    services: Services, hash_list: HashList, spool: Spool, masks: RowMasks, total: int, reading: Reading
) -> Judgement:
    """Judge the hashes that are not on the list yet, as far as this process knows."""
    reading.begin("searching", total)

    async def new() -> AsyncIterator[Sequence[Signal]]:
        chunks = batched(spool.hashes(), HASHES_PER_SEARCH)
        while some := await asyncio.to_thread(next, chunks, ()):
            reading.check()
            yield await not_listed(services, hash_list.name, [each.signal for each in some])
            reading.done += len(some)
        again = masks.signals()
        while signals := await asyncio.to_thread(next, again, ()):
            reading.check()
            yield signals
            reading.done += len(signals)

    return await judge(services, hash_list, total, new())


async def _job(
    services: Services, request: ImportRequest, hash_list: HashList, spool: Spool, file: ReadFile, who: str
) -> ImportJob:
    counts = file.counts
    of_batch: dict[str, Any] = {"is_batch": True, "parts": counts.parts, "size": max(1, counts.total)}
    return ImportJob(
        request.list,
        who,
        services.store.clock.now(),
        counts.total,
        request.reason,
        file.bad_count,
        purge_again=request.purge_again,
        withdrawals=counts.off,
        sources=counts.sources,
        masks=len(request.masks),
        masked=counts.masked[1],
        policy=judged_policy(hash_list) if services.config.guard.enabled else "",
        **(of_batch if await _is_batch(services, hash_list, counts) else {}),
        id=request.job_id or (new_source_act(request.list, request.source) if request.source else new_job_id()),
    )


def _contents(job: ImportJob, spool: Spool) -> ImportContents:
    """What a file lists and withdraws, as its job has it."""
    if job.is_batch:
        return ImportContents(
            pieces=staged_pieces(spool, job.parts), withdrawn=spool.withdrawn(), sources=spool.sources()
        )
    return ImportContents(spool.hashes(), withdrawn=spool.withdrawn(), sources=spool.sources())


async def _is_batch(services: Services, hash_list: HashList, counts: SpoolCounts) -> bool:
    """Whether an import is listed as one batch: a long one, or any into a list that has batches, as it may list or
    withdraw what is in those."""
    if hash_list.kind is not ListKind.BLOCK:
        return False
    if counts.total + counts.off >= BATCH_ROWS:
        return True
    return (await services.list_store.batches.count([hash_list.name]))[0] > 0


async def cancel(services: Services, job_id: str, who: str, why: str, timeout: float) -> UndoResult:
    """Stop an import at the next chunk, and take back what it has done: see `undo.undo`.

    Raises:
        NotFound: there is no such import.
        Conflict: it has ended.
    """
    _, progress = await services.import_jobs.get(job_id)
    if progress.state == ImportState.HELD:
        raise Conflict(f"{job_id} is held, and has done nothing: `edgeward reject {job_id}` ends it")
    if progress.state in FINAL_IMPORT_STATES and not progress.cancelled_by:
        raise Conflict(f"{job_id} has ended: `edgeward undo {job_id}` takes back what it has done")
    await services.import_jobs.note_cancelled(job_id, who)
    await services.audit_trail.note("import.cancel", who, why, job=job_id)
    return await undo.undo(services, job_id, who, why, timeout, is_judged=False)
