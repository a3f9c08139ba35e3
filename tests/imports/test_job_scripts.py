"""What the scripts of imports guarantee: a step that is noted twice counts once."""

import time

from edgeward.imports.import_jobs import ImportJob, ImportJobs
from edgeward.store.connection import Store


async def test_steps_count_once(store: Store) -> None:
    """Also if a worker that was frozen notes a chunk after another one has gone on."""
    jobs = ImportJobs(store)
    job = ImportJob("bad", "me", time.time(), 0, withdrawals=1, sources=1)
    await jobs.create(job, [])
    for number, total in ((0, 5), (0, 9), (1, 10), (0, 5)):
        await jobs.note_withdrawn(job.id, number, total)
    await jobs.note_withdrawn(job.id, 0, 17, name="source_chunks")
    _, progress = await jobs.get(job.id)
    assert (progress.withdrawn, progress.withdrawal_chunks, progress.source_chunks) == (17, 2, 1)
    for _ in range(2):
        await jobs.note_listed(job.id, 0, [4, 5])
        await jobs.note_matched(job.id, 0, 2, 0, ["o"])
    _, progress = await jobs.get(job.id)
    assert (progress.added, progress.chunks_listed, progress.versions) == (2, 1, (4, 5))
    assert (progress.entries_matched, progress.orders) == (2, 1)
    assert await jobs.begin(job.id, 1, 9) == (9, True)
    assert await jobs.begin(job.id, 1, 12) == (9, False)
