"""Imports that are listed as batches: in one step, and taken back in one."""

import random
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.imports.controller import Controller
from tests.support.eventually import eventually

from edgeward.background import job_worker
from edgeward.imports.batch_rows import staged_pieces
from edgeward.imports.import_jobs import ImportJob
from edgeward.imports.judged_policy import judged_policy
from edgeward.imports.spool import Spool
from edgeward.lists.batches.batch_store import Undone
from edgeward.lists.formats import WithdrawnSource
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.lists.replication import batch_preparation
from edgeward.lists.replication.replica import Replica
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, Mode, Signal

ROWS = 2500


@pytest.fixture
async def controller(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Controller]:
    """One whose replica, retromatch worker and import worker run."""
    monkeypatch.setattr(job_worker, "TICK_SECONDS", 0.05)
    made = Controller(store)
    await made.list_store.create_list(HashList("bad"), "tester")
    async with AsyncExitStack() as stack:
        for part in (made.replica, made.retromatch):
            await part.start()
            stack.push_async_callback(part.close)
        worker = made.import_worker()
        await worker.start()
        stack.push_async_callback(worker.close)
        yield made


def hashes(count: int, seed: int = 1, source: str = "") -> list[ParsedHash]:
    """Half of them PDQs, half MD5s."""
    chance = random.Random(seed)
    signals = [
        Signal("pdq", chance.randbytes(32).hex(), 80) if number % 2 else Signal("md5", chance.randbytes(16).hex())
        for number in range(count)
    ]
    return [ParsedHash(each, "", f"{source}{number}" if source else "") for number, each in enumerate(signals)]


async def run(controller: Controller, rows: Iterable[ParsedHash | WithdrawnSource], why: str = "x") -> ImportJob:
    """Import rows as a batch, and wait until that is done."""
    job = await recorded(controller, rows, why)
    await eventually(lambda: finished(controller, job))
    _, progress = await controller.jobs.get(job.id)
    assert (progress.state, progress.error) == ("done", "")
    return job


async def recorded(controller: Controller, rows: Iterable[ParsedHash | WithdrawnSource], why: str = "x") -> ImportJob:
    """Record the import of rows as a batch."""
    spool = Spool(None, "bad")
    for row in rows:
        spool.add(row)
    counts = spool.finish()
    job = ImportJob(
        "bad", "importer", 1.0, counts.total, why, size=max(1, counts.total), withdrawals=counts.withdrawn,
        sources=counts.sources, is_batch=True, parts=counts.parts,
    )  # fmt: skip
    await controller.list_store.acts.declare(job.id, job.list, job.by, job.reason)
    await controller.jobs.create(job, (), spool.withdrawn(), spool.sources(), staged_pieces(spool, counts.parts))
    spool.close()
    return job


async def finished(controller: Controller, job: ImportJob) -> bool:
    return (await controller.jobs.get(job.id))[1].state in ("done", "failed")


async def test_an_import_is_one_change(controller: Controller) -> None:
    """All entries act at once, with what the file says of each; and the job says how many it added."""
    rows = hashes(ROWS, source="s")
    before = await controller.list_store.version()
    job = await run(controller, rows, "daily list")
    assert await controller.list_store.version() == before + 1
    entries = controller.replica.matcher.entries("bad")
    assert len(entries) == ROWS
    found = {entry.signal: entry for entry in entries.values()}
    assert found.keys() == {row.signal for row in rows}
    assert all(found[row.signal].source_id == row.source_id for row in rows)
    assert {(entry.act, entry.reason, entry.added_by) for entry in found.values()} == {
        (job.id, "daily list", "importer")
    }
    _, progress = await controller.jobs.get(job.id)
    assert (progress.added, progress.chunks_listed, progress.chunks_matched) == (ROWS, 1, 1)


async def test_a_second_import_of_the_same_adds_what_is_new(controller: Controller) -> None:
    """Known rows are not stored again, and changed ones replace those of before."""
    first = hashes(ROWS, source="s")
    await run(controller, first)
    changed = ParsedHash(first[0].signal, "", "another id")
    job = await run(controller, [changed, *first[1:], *hashes(10, seed=2)])
    entries = controller.replica.matcher.entries("bad")
    assert len(entries) == ROWS + 10
    assert {entry.source_id for entry in entries.values() if entry.signal == changed.signal} == {"another id"}
    batch = (await controller.list_store.batches.get("bad")).batches[-1]
    assert (batch.act, batch.rows) == (job.id, 11)
    _, progress = await controller.jobs.get(job.id)
    assert progress.added == 10


async def test_withdrawals_are_part_of_the_step(controller: Controller) -> None:
    """Hashes and source ids that a file withdraws are off the list with the version that lists the others."""
    first = hashes(ROWS, source="s")
    await run(controller, first)
    before = await controller.list_store.version()
    new = hashes(5, seed=3)
    off = ParsedHash(first[7].signal, withdrawn=True)
    job = await run(controller, [*new, off, WithdrawnSource(1, "s8"), WithdrawnSource(2, "s9")])
    assert await controller.list_store.version() == before + 1
    left = {entry.signal for entry in controller.replica.matcher.entries("bad").values()}
    assert left == {row.signal for row in [*first, *new]} - {first[number].signal for number in (7, 8, 9)}
    assert (await controller.list_store.acts.get(job.id)).withdrawn == 3


async def test_an_undo_in_the_middle_leaves_each_value_once(controller: Controller) -> None:
    """Of three imports that say something else of a value, as the last one says. What a fourth withdraws stays off,
    whatever is undone that had taken off an earlier copy."""
    batches, matcher = controller.list_store.batches, controller.replica.matcher
    one = [ParsedHash(row.signal, "", "old") for row in hashes(4)]
    await run(controller, one)
    middle = await run(controller, [ParsedHash(row.signal, "", "middle") for row in one])
    last = await run(controller, [ParsedHash(one[0].signal, "", "last"), ParsedHash(one[1].signal, "", "middle")])
    gone = await run(controller, [ParsedHash(one[2].signal, withdrawn=True), *hashes(1, seed=4)])

    async def undo(job: ImportJob) -> None:
        stored = await batches.get("bad")
        act = replace(await controller.list_store.acts.get(job.id), undone_by="ann")
        (batch,) = [each for each in stored.batches if each.act == job.id]
        version = await batches.undo(act, batch.id, stored.last, Undone(0, 0, 0))
        assert await controller.replica.wait_version(version, 60)

    def listed() -> list[str]:
        return [found.source_id if (found := by_signal.get(row.signal)) else "" for row in one]

    await undo(middle)
    by_signal = {entry.signal: entry for entry in matcher.entries("bad").values()}
    assert len(matcher.entries("bad")) == sum(matcher.counts().values()) == 4
    assert listed() == ["last", "", "", "old"], "the last one adds the second, and says nothing of it"
    await undo(last)
    await undo(gone)
    by_signal = {entry.signal: entry for entry in matcher.entries("bad").values()}
    assert listed() == ["old"] * 4


async def test_a_machine_that_can_not_keep_it_fails_the_import(
    controller: Controller, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which says where and why, and changes nothing: every process applies what is listed next, that one too."""
    monkeypatch.setattr(batch_preparation, "RETRY_SECONDS", 0.01)
    directory = tmp_path / "batches"
    directory.write_text("")
    other = Replica(store, "full", batch_files=BatchFiles(directory))
    await other.start()
    version = await controller.list_store.version()
    job = await recorded(controller, hashes(ROWS))
    await eventually(lambda: finished(controller, job))
    _, progress = await controller.jobs.get(job.id)
    assert progress.state == "failed"
    assert progress.error.startswith("full can't get ready for so many entries: the files of batches can't be written")
    assert (await controller.list_store.batches.get("bad")).batches == []
    assert await controller.list_store.version() == version
    await controller.list_store.add_entries([Entry("bad", Signal("md5", "1" * 32))], "me")
    assert await other.wait_version(version + 1, 60.0)
    await other.close()


@pytest.mark.parametrize("is_batch", [True, False])
async def test_a_list_that_is_enforced_meanwhile_gets_nothing(controller: Controller, is_batch: bool) -> None:
    """The import was judged for a list that was off."""
    rows = hashes(5)
    spool = Spool(None, "bad")
    for row in rows:
        spool.add(row)
    counts = spool.finish()
    policy = judged_policy(HashList("bad", mode=Mode.OFF))
    parts = {"is_batch": True, "parts": counts.parts} if is_batch else {}
    job = ImportJob("bad", "importer", 1.0, counts.total, policy=policy, **parts)  # type: ignore[arg-type]
    await controller.list_store.acts.declare(job.id, job.list, job.by, job.reason)
    await controller.jobs.create(job, () if is_batch else rows, pieces=staged_pieces(spool, job.parts))
    await eventually(lambda: finished(controller, job))
    _, progress = await controller.jobs.get(job.id)
    assert (progress.state, "was changed while the import was under way" in progress.error) == ("failed", True)
    assert not controller.replica.matcher.entries("bad")
