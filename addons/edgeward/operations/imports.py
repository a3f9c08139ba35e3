"""Imports: files of hashes that are listed in the background, as they can be long. Created, found, and waited for."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from edgeward.background.polling import Polling
from edgeward.errors import InvalidValue
from edgeward.hashing.signal_registry import listable_types
from edgeward.imports.import_jobs import ImportJob, ImportProgress
from edgeward.lists.formats import hash_files
from edgeward.lists.formats.hash_files import BadLine, BadLines, Format, ParsedFile
from edgeward.operations import caches, entries, undo
from edgeward.operations.entry_effect import Effect, effect_of_all
from edgeward.operations.matchability import NotMatching, not_matching
from edgeward.operations.order_totals import add_up
from edgeward.operations.services import Services
from edgeward.operations.store import refuse_changes_after_loss
from edgeward.operations.unjudged_responses import wait_judged
from edgeward.operations.waiting import ChangeStatus, PurgeStatus, wait_applied
from edgeward.purging.orders import in_placing_order
from edgeward.purging.unjudged_orders import Unjudged
from edgeward.store.connection import STORE_AWAY
from edgeward.types import FINAL_IMPORT_STATES, ImportState

POLL_SECONDS = (0.01, 0.25)
"""Pause between two looks at an import: the first, and the longest."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """A file of hashes to list.

    Attributes:
        signal_type: of lines that do not say it.
        quality: of hashes that can have one, and whose lines do not say it.
        reason: for the audit trail, and of entries whose lines do not say it.
        skip_bad: leave out bad lines; without it, nothing is listed if there is one.
        dry_run: only say what is in the file.
        purge_again: match and purge again what is on the list already.
    """

    list: str
    body: bytes
    format: Format
    signal_type: str | None = None
    quality: int | None = None
    reason: str = ""
    skip_bad: bool = False
    dry_run: bool = False
    purge_again: bool = False


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
        total: number of distinct hashes.
        bad: the lines that can't be listed.
        repeated: how many lines repeat the hash of an earlier line.
        status: None after a dry run.
        not_matching: which of the hashes match nothing, and why.
    """

    total: int
    bad: Sequence[BadLine]
    repeated: int
    status: ImportStatus | None
    not_matching: Sequence[NotMatching] = ()


def check_type(signal_type: str) -> str:
    """The type of lines that do not say it. Raises InvalidValue if lists can't have entries of it."""
    if signal_type not in listable_types():
        raise InvalidValue(f"unknown signal type {signal_type!r}; known: {', '.join(listable_types())}", "type")
    return signal_type


async def create(services: Services, request: ImportRequest, who: str, timeout: float | None = None) -> ImportResult:
    """Read a file and record the import of its hashes.

    Args:
        timeout: seconds to wait until all is listed and every cache has carried out what followed; None does not wait.

    Raises:
        NotFound: the list does not exist.
        InvalidValue: the quality is too low, or the type unknown.
        UserError: the file is not UTF-8, or a CSV without the header.
        BadLines: the file has bad lines, and they are not to be left out. Nothing is listed.
    """
    refuse_changes_after_loss(services)
    await services.list_store.get_list(request.list)
    entries.check_quality(services, request.quality)
    if request.signal_type is not None:
        check_type(request.signal_type)
    parsed = await _parse(services, request)
    status = None if request.dry_run else await get(services, await _record(services, request, parsed, who), timeout)
    unmatched = await not_matching(services, [each.signal for each in parsed.listed], request.list)
    return ImportResult(len(parsed.listed), parsed.bad, parsed.repeated, status, unmatched)


async def get(services: Services, job_id: str, timeout: float | None = None) -> ImportStatus:
    """An import: now (None), or when it has ended and no cache owes anything, at most `timeout` seconds.

    Raises:
        NotFound: there is no such import.
    """
    deadline = time.monotonic() + (timeout or 0.0)
    polling = Polling(*POLL_SECONDS)
    while True:
        job, progress = await services.import_jobs.get(job_id)
        if progress.state in FINAL_IMPORT_STATES or time.monotonic() >= deadline:
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
    if timeout is None or progress.state == ImportState.FAILED:
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


async def _parse(services: Services, request: ImportRequest) -> ParsedFile:
    """In a thread: a million lines take seconds."""
    min_quality = services.config.hashing.min_quality
    given = (request.body, request.format, request.signal_type, request.quality, min_quality)
    return await asyncio.to_thread(hash_files.read, *given)


async def _record(services: Services, request: ImportRequest, parsed: ParsedFile, who: str) -> str:
    """Record the job that lists the hashes, and return its id. Raises BadLines."""
    if parsed.bad and not request.skip_bad:
        raise BadLines(parsed.bad)
    now, total, bad = services.store.clock.now(), len(parsed.listed), len(parsed.bad)
    job = ImportJob(request.list, who, now, total, request.reason, bad, purge_again=request.purge_again)
    # The act first: from now on the import can be undone, and is of this very list.
    await services.list_store.acts.declare(job.id, job.list, job.by, job.reason)
    # Once this returns the job is durable: if this controller dies, another lists its entries.
    try:
        await services.import_jobs.create(job, parsed.listed)
    except BaseException:
        # What was staged would fill the store for an hour. If the store is away, it expires then.
        with suppress(*STORE_AWAY):
            if await services.import_jobs.discard(job.id):
                await services.list_store.acts.withdraw(job.id)
        raise
    services.import_worker.wake()
    await services.audit_trail.note("import.create", who, request.reason, job=job.id, list=job.list, total=job.total)
    return job.id
