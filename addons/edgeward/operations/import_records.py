"""Imports are recorded durably: to be carried out at once, or held until a second person approves them."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from edgeward.imports.batch_rows import PIECE_ROWS
from edgeward.imports.import_jobs import ImportJob
from edgeward.imports.reading import Reading
from edgeward.imports.row_masks import NO_MASKS, RowMasks
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.operations.guard import NO_EFFECT, Judgement, note_held
from edgeward.operations.services import Services
from edgeward.store.connection import STORE_AWAY
from edgeward.types import Signal


class ImportContents(NamedTuple):
    """What an import lists and takes off. `pieces`: of one that is listed as a batch, in place of `hashes`; `masks`:
    rows besides."""

    hashes: Iterable[ParsedHash] = ()
    withdrawn: Iterable[Signal] = ()
    sources: Iterable[str] = ()
    pieces: Iterable[bytes] = ()
    masks: RowMasks = NO_MASKS


async def record(
    services: Services,
    job: ImportJob,
    contents: ImportContents,
    judgement: Judgement = NO_EFFECT,
    reading: Reading | None = None,
) -> None:
    """Record the job that lists the hashes, and takes off the list what the file withdraws. Held, it waits for a
    person."""
    reading = reading or Reading()
    reading.begin("recording", job.total + job.withdrawals)
    # The act first: from now on the import can be undone, and is of this very list.
    await services.list_store.acts.declare(job.id, job.list, job.by, job.reason)
    held = judgement.to_json() if judgement.is_held else ""
    # Once this returns the job is durable: if this controller dies, another lists its entries.
    try:
        hashes, withdrawn = _counted(contents.hashes, reading), _counted(contents.withdrawn, reading)
        pieces = _counted(contents.pieces, reading, PIECE_ROWS)
        await services.import_jobs.create(job, hashes, withdrawn, contents.sources, pieces, held, contents.masks)
    except BaseException:
        # What was staged would fill the store for an hour. If the store is away, it expires then.
        with suppress(*STORE_AWAY):
            if await services.import_jobs.discard(job.id):
                await services.list_store.acts.withdraw(job.id)
        raise
    services.import_worker.wake()
    numbers = {"total": job.total, "withdrawals": job.withdrawals, "sources": job.sources}
    await services.audit_trail.note("import.create", job.by, job.reason, job=job.id, list=job.list, **numbers)
    if held:
        await note_held(services, job.id, job.list, job.by, judgement)


def _counted[T](items: Iterable[T], reading: Reading, of_each: int = 1) -> Iterator[T]:
    """The items, counted as they are recorded."""
    for item in items:
        reading.check()
        reading.done = min(reading.done + of_each, reading.total or reading.done + of_each)
        yield item
