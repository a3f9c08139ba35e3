"""Imports: files of hashes, recorded as jobs, waited for or not."""

import asyncio
import gzip
import io
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.list_entries import entry_count
from tests.support.services import carry_out

from edgeward.errors import Conflict, InvalidValue, NotFound, UserError
from edgeward.imports.import_jobs import ImportJob
from edgeward.imports.import_progress import ImportProgress
from edgeward.imports.reading import Abandoned, Reading
from edgeward.lists.formats.hash_files import BadLines, ParsedHash
from edgeward.operations import import_requests, imports, lists, undo
from edgeward.operations.entry_effect import Effect
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.imports import ImportStatus
from edgeward.operations.order_totals import ReceiptState
from edgeward.operations.services import Services
from edgeward.operations.statements import statement
from edgeward.retromatch import lost_purges
from edgeward.types import (
    FINAL_IMPORT_STATES,
    Delivery,
    Fingerprint,
    HashList,
    ListKind,
    Mode,
    Sighting,
    Signal,
    Target,
)

TEXT = b"md5:9e107d9d372bb6826bd81d3542a419d6\nmd5:12\nmd5:9e107d9d372bb6826bd81d3542a419d6\n"
SHA256 = Signal("sha256", "ab" * 32)
TARGET = Target("http", "photos.example", "/a.jpg")
IMAGE = Fingerprint("ab" * 32, "image/jpeg", 9, (SHA256,))


def _asked(body: bytes = TEXT, **changed: Any) -> ImportRequest:
    return ImportRequest("a", io.BytesIO(body), "text", reason="order 17", **changed)


async def test_a_file_is_read(services: Services) -> None:
    """Each hash once, bad lines by number; a dry run lists nothing."""
    await lists.create(services, HashList("a"), "ana", "")
    result = await imports.create(services, _asked(dry_run=True), "ana")
    counts = result.file.counts
    assert (counts.total, [line.number for line in result.file.bad], counts.repeated) == (1, [2], 1)
    assert result.status is None
    assert await imports.recent(services, 10) == []


async def test_a_file_that_can_not_be_read_is_an_error(services: Services) -> None:
    """Its list does not exist, it is not text, or nothing could match its hashes by their quality or type."""
    with pytest.raises(NotFound, match="'a'"):
        await imports.create(services, _asked(), "ana")
    await lists.create(services, HashList("a"), "ana", "")
    with pytest.raises(UserError, match="UTF-8"):
        await imports.create(services, _asked(b"\xff"), "ana")
    with pytest.raises(InvalidValue, match=r"^quality: 49"):
        await imports.create(services, _asked(quality=49), "ana")
    with pytest.raises(InvalidValue, match=r"^type: .*'crc'"):
        await imports.create(services, _asked(signal_type="crc"), "ana")


async def test_bad_lines_list_nothing_unless_skipped(services: Services) -> None:
    """Without `skip_bad` there is no job; with it the others are listed, and the job counts the bad ones."""
    await lists.create(services, HashList("a"), "ana", "")
    with pytest.raises(BadLines, match="line 2"):
        await imports.create(services, _asked(), "ana")
    assert await imports.recent(services, 10) == []
    done = (await imports.create(services, _asked(skip_bad=True), "ana", timeout=60.0)).status
    assert done is not None
    job = done.job
    assert (job.list, job.by, job.total, job.reason, job.bad) == ("a", "ana", 1, "order 17", 1)
    assert (done.state, done.progress.added, done.listed, done.known) == ("done", 1, 1, 0)
    (entry,) = services.replica.matcher.entries("a").values()
    assert (entry.reason, entry.added_by) == ("order 17", "ana")
    again = (await imports.create(services, _asked(skip_bad=True), "bo", timeout=60.0)).status
    assert again is not None
    assert (again.listed, again.known) == (1, 1)
    assert [(each.job.by, each.owed) for each in await imports.recent(services, 10)] == [("bo", None), ("ana", None)]


def test_the_last_chunk_is_not_a_whole_one() -> None:
    """Progress counts chunks: no more entries are listed than there are."""
    progress = ImportProgress(2, 0, 900, 0, None, 0, "running", "")
    status = ImportStatus(ImportJob("a", "ana", 1.5, 1200, size=1000), progress)
    assert (status.listed, status.known) == (1200, 300)


async def _job(services: Services) -> ImportJob:
    await lists.create(services, HashList("a"), "ana", "")
    job = ImportJob("a", "ana", time.time(), 1)
    await services.import_jobs.create(job, [ParsedHash(SHA256)])
    return job


async def test_without_waiting_the_answer_is_immediate(services: Services) -> None:
    """A job that was never begun is running, and owes nothing yet."""
    await services.import_worker.close()
    status = await imports.get(services, (await _job(services)).id)
    assert (status.state, status.listed, status.known, status.owed) == ("running", 0, 0, {})


async def test_a_job_names_the_caches_that_owe(services: Services) -> None:
    """It says which cache owes how many orders, and which refuses how many."""
    await services.sightings.write([Sighting(TARGET, IMAGE, time.time(), 0)])
    job = await _job(services)
    services.import_worker.wake()

    async def is_done() -> bool:
        return (await imports.get(services, job.id, timeout=0.05)).state == "done"

    await eventually(is_done, "the end of the job")
    status = await imports.get(services, job.id)
    assert (status.progress.orders, status.owed, status.refused) == (1, {"inner": 1, "outer": 1}, {})
    await carry_out(services, Delivery.REFUSED, cache="inner")
    status = await imports.get(services, job.id)
    assert (status.owed, status.refused) == ({"outer": 1}, {"inner": 1})
    await carry_out(services)
    status = await imports.get(services, job.id, timeout=60.0)
    assert (status.owed, status.refused, list(status.absent)) == ({}, {"inner": 1}, [])


async def test_a_statement_is_of_what_the_import_ordered(services: Services) -> None:
    """A purge of an entry that was listed before is none of it, though its copy may be cached again. What a cache still
    owes of such a purge is named. Purged again, or with a new hash, it is of that."""
    await services.sightings.write([Sighting(TARGET, IMAGE, time.time(), 0)])
    await lists.create(services, HashList("a"), "ana", "")
    text = f"sha256:{SHA256.value}\n".encode()

    async def imported(body: bytes, **changed: Any) -> ImportStatus:
        created = (await imports.create(services, _asked(body, **changed), "ana")).status
        assert created

        async def is_done() -> bool:
            return (await imports.get(services, created.job.id)).state == "done"

        await eventually(is_done, "the end of the import")
        return await imports.get(services, created.job.id, 0.05)

    first = await imported(text)
    assert first.purge and first.purge.orders == 1
    again = await imported(text)
    assert again.purge and (again.owed, again.purge.orders) == ({"inner": 1, "outer": 1}, 0)
    await carry_out(services)
    again = await imported(text)
    assert again.purge and (again.owed, again.purge.orders, again.purge.summary.copies) == ({}, 0, 0)
    said = statement(again.purge.summary)
    assert said.endswith(": nothing was purged: 1 hash was listed already; --purge-again purges its copies again."), (
        said
    )
    more = await imported(text + b"md5:9e107d9d372bb6826bd81d3542a419d6\n")
    assert more.purge and more.purge.orders == 0
    said = statement(more.purge.summary)
    assert ": nothing matched: no copy was seen. Not purged again: 1 hash was listed already;" in said
    asked = await imported(text, purge_again=True)
    assert asked.purge and asked.owed == {"inner": 1, "outer": 1}
    assert "listed already" not in statement(asked.purge.summary)


async def test_a_job_names_the_caches_that_nobody_has(services: Services) -> None:
    """They owe its orders, and no controller carries them out."""
    await services.orders.ensure_group("old")
    two_minutes_ago = f"{services.store.clock.now() - 120:.3f}"
    await services.store.redis.hset(services.store.key("{purges}", "nodes"), "old", two_minutes_ago)
    await services.sightings.write([Sighting(TARGET, IMAGE, time.time(), 0)])
    job = await _job(services)
    services.import_worker.wake()

    async def has_ordered() -> bool:
        return (await imports.get(services, job.id, timeout=0.05)).progress.orders == 1

    await eventually(has_ordered, "the order of the job")
    await carry_out(services)
    for timeout in (None, 0.05):
        status = await imports.get(services, job.id, timeout=timeout)
        assert (status.owed, list(status.absent)) == ({"old": 1}, ["old"])


async def test_a_job_ends_when_every_cache_has_carried_out_its_orders(services: Services) -> None:
    """Waited for until then, it owes nothing."""
    await services.sightings.write([Sighting(TARGET, IMAGE, time.time(), 0)])
    job = await _job(services)
    services.import_worker.wake()

    async def is_done() -> bool:
        return (await imports.get(services, job.id, timeout=0.05)).state == "done"

    await eventually(is_done, "the end of the job")
    await carry_out(services, cache="inner")
    assert (await imports.get(services, job.id)).owed == {"outer": 1}
    await carry_out(services)
    status = await imports.get(services, job.id, timeout=60.0)
    assert (status.owed, status.refused) == ({}, {})


async def test_an_import_that_failed_says_nothing_of_copies(services: Services) -> None:
    """Its list was deleted before it began: that no copy was seen is not known, as nothing was looked for."""
    await services.import_worker.close()
    job = await _job(services)
    await lists.delete(services, "a", "ana", "")
    await services.import_worker.start()
    status = await imports.get(services, job.id, timeout=60.0)
    assert (status.state, status.listed, status.purge, status.owed) == ("failed", 0, None, {})


async def test_an_unknown_job_is_named(services: Services) -> None:
    """Waiting for it makes no difference."""
    with pytest.raises(NotFound, match="job-none"):
        await imports.get(services, "job-none", timeout=60.0)


PHOTODNA = "\n".join(f"photodna:{number:02x}" + "3c" * 143 for number in range(1, 4)).encode()


@pytest.mark.parametrize(
    ("policy", "body", "effect"),
    [
        (HashList("a", mode=Mode.MONITOR), TEXT, Effect.MONITORS),
        (HashList("a", mode=Mode.OFF), TEXT, Effect.OFF),
        (HashList("a", ListKind.ALLOW), TEXT, Effect.PROTECTS),
        (HashList("a"), PHOTODNA, Effect.CANNOT_MATCH),
    ],
)
async def test_an_import_that_blocks_nothing_says_so(
    services: Services, policy: HashList, body: bytes, effect: Effect
) -> None:
    """Nothing was looked for: that no copy was seen is not known."""
    await lists.create(services, policy, "ana", "")
    status = (await imports.create(services, _asked(body, skip_bad=True), "ana", timeout=60.0)).status
    assert status is not None
    assert status.purge is not None
    assert (status.purge.summary.state, status.purge.summary.effect) == (ReceiptState.INACTIVE, effect)


async def test_an_import_of_which_one_entry_blocks(services: Services) -> None:
    """That one was looked for."""
    await lists.create(services, HashList("a"), "ana", "")
    status = (await imports.create(services, _asked(PHOTODNA + b"\n" + TEXT, skip_bad=True), "ana", 60.0)).status
    assert status is not None
    assert status.purge is not None
    assert status.purge.summary.state is ReceiptState.NOTHING


async def test_an_import_purges_hosts_of_lost_sightings_rarely(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many entries it has: at its beginning, and once more after them all. All of it is counted once."""
    monkeypatch.setattr(lost_purges, "LOST_PURGE_SECONDS", 600.0)
    await lists.create(services, HashList("a"), "ana", "")
    await services.sightings.forgotten.remember_lost({Target("http", f"h{n}.test", "/"): 1 for n in range(3)})
    body = "\n".join(f"md5:{number:032x}" for number in range(4000)).encode()
    created = await imports.create(services, ImportRequest("a", io.BytesIO(body), "text"), "ana")
    assert created.status
    job_id = created.status.job.id

    async def matched() -> bool:
        listed = (await imports.get(services, job_id)).listed == 4000
        return listed and await services.retromatch.version() == await services.list_store.version()

    async def ended() -> bool:
        return (await imports.get(services, job_id)).state in FINAL_IMPORT_STATES

    await eventually(matched, "all is listed and matched")
    assert len(await services.orders.recent(1000)) == 3
    monkeypatch.setattr(lost_purges, "LOST_PURGE_SECONDS", 0.0)
    await eventually(ended, "the end of the import")
    await carry_out(services)
    status = await imports.get(services, job_id, 60.0)
    placed = await services.orders.recent(1000)
    assert len(placed) <= 9 < 3 * status.job.chunks
    assert status.purge and status.purge.orders == len(placed)
    assert status.purge.summary.forgotten == {}
    assert status.owed == {}


def file_of(*rows: dict[str, Any]) -> ImportRequest:
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    return ImportRequest("a", io.BytesIO(body), reason="delta")


async def done(services: Services, request: ImportRequest) -> ImportStatus:
    status = (await imports.create(services, request, "ana", timeout=60.0)).status
    assert status is not None and status.state == "done", status
    return status


async def test_an_import_withdraws_and_is_undone(services: Services) -> None:
    """Source ids and tags are listed; what a delta withdraws goes; its undo leaves the list as it was before."""
    await lists.create(services, HashList("a"), "ana", "")

    def row(number: int, **more: Any) -> dict[str, Any]:
        return {"type": "md5", "value": f"{number:032x}", **more}

    await done(services, file_of(*(row(n, source_id=f"s{n}", tags=["A1"]) for n in range(1, 6))))
    before = {each.id: each async for some in services.list_store.scan("a") for each in some}
    assert {(each.source_id, each.tags) for each in before.values()} == {(f"s{n}", ("A1",)) for n in range(1, 6)}
    delta = [row(1, withdrawn=True), row(2, withdrawn=True), row(9, withdrawn=True), row(3), row(7, source_id="s7")]
    status = await done(services, file_of(*delta))
    assert (status.job.withdrawals, status.progress.withdrawn, status.progress.added, status.known) == (3, 2, 1, 1)
    after = {each.id: each async for some in services.list_store.scan("a") for each in some}
    assert {each.signal.value for each in after.values()} == {f"{n:032x}" for n in (3, 4, 5, 7)}
    undone = await undo.undo(services, status.job.id, "ann", "a mistake")
    assert (undone.act.removed, undone.act.restored) == (1, 2)
    assert {each.id: each async for some in services.list_store.scan("a") for each in some} == before
    assert len(services.replica.matcher.entries("a")) == 5


async def test_an_import_is_cancelled(services: Services) -> None:
    """It stops, and what it had listed is taken back. One that has ended is undone instead."""
    await lists.create(services, HashList("a"), "ana", "")
    await services.import_worker.close()
    body = "".join(f"md5:{number:032x}\n" for number in range(1, 3001)).encode()
    created = (await imports.create(services, ImportRequest("a", io.BytesIO(body)), "ana")).status
    assert created is not None
    real, listed = services.import_jobs.note_listed, asyncio.Event()

    async def slowly(*args: Any) -> None:
        await real(*args)
        listed.set()
        await asyncio.Event().wait()

    services.import_jobs.note_listed = slowly  # type: ignore[method-assign]
    await services.import_worker.start()
    await listed.wait()
    result = await imports.cancel(services, created.job.id, "ann", "the wrong file", 30.0)
    assert (result.act.removed, bool(result.act.done_at)) == (1000, True)
    assert await entry_count(services.list_store, "a") == 0
    await services.import_worker.close()
    services.import_jobs.note_listed = real  # type: ignore[method-assign]
    await services.import_worker.start()

    async def has_ended() -> bool:
        return (await imports.get(services, created.job.id)).state == "failed"

    await eventually(has_ended)
    status = await imports.get(services, created.job.id)
    assert (status.progress.cancelled_by, status.progress.error.partition(":")[0]) == ("ann", "cancelled by ann")
    assert await entry_count(services.list_store, "a") == 0
    other = await done(services, ImportRequest("a", io.BytesIO(TEXT[:37])))
    with pytest.raises(Conflict, match=f"edgeward undo {other.job.id}"):
        await imports.cancel(services, other.job.id, "ann", "", 30.0)


async def test_the_profile_of_a_list(services: Services) -> None:
    """It is kept with the list, and read by where the next import says nothing; not after a dry run."""
    await lists.create(services, HashList("a"), "ana", "")
    body = b"id;hash\n7;" + b"ab" * 16 + b"\n"

    def asked(**changed: Any) -> ImportRequest:
        return ImportRequest("a", io.BytesIO(body), **changed)

    options = import_requests.read_options("md5=col2,source_id=id", ";", True, "")
    result = await imports.create(services, asked(format="csv", options=options, dry_run=True, save_profile=True), "a")
    assert not result.profile_saved
    assert (await services.list_store.get_list("a")).import_profile == {}
    result = await imports.create(services, asked(format="csv", options=options, save_profile=True), "ana")
    assert result.profile_saved and result.profile == {}
    result = await imports.create(services, asked(), "ana", timeout=60.0)
    assert result.profile == (await services.list_store.get_list("a")).import_profile
    assert result.status and result.status.known == 1
    (entry,) = services.replica.matcher.entries("a").values()
    assert (entry.signal.type, entry.source_id) == ("md5", "7")


async def test_a_file_that_breaks_off_leaves_nothing(services: Services, tmp_path: Path) -> None:
    """Nor one that is given up while it is read: no job, no act, and no file in state_dir."""
    await lists.create(services, HashList("a"), "ana", "")
    rows = random.Random(3).randbytes(16 * 40_000)
    body = gzip.compress(b"".join(b"md5:%s\n" % rows[at : at + 16].hex().encode() for at in range(0, len(rows), 16)))
    with pytest.raises(UserError, match="gzip"):
        await imports.create(services, ImportRequest("a", io.BytesIO(body[:-100])), "ana")
    reading = Reading()
    task = asyncio.create_task(imports.create(services, ImportRequest("a", io.BytesIO(body)), "ana", reading=reading))

    async def has_begun() -> bool:
        return reading.done > 0

    await eventually(has_begun)
    reading.cancelled.set()
    with pytest.raises(Abandoned):
        await task
    assert await imports.recent(services, 10) == []
    for left in (services.store.key("{blocklist}", "act", "*"), services.store.key("{jobs}", "chunks", "*")):
        assert await services.store.redis.keys(left) == []
    assert not list(tmp_path.glob(".import-*"))
