"""Undo: all that one act listed is gone everywhere, and what still blocks is named."""

import asyncio
import io
import time

import pytest

from edgeward.background import job_worker
from edgeward.errors import Conflict, NotFound, UserError
from edgeward.imports.import_jobs import ImportJob
from edgeward.lists import list_store
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.operations import entries, imports, lists, removals, takedowns, undo
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.services import Services
from edgeward.operations.takedowns import Requester, TakedownRequest
from edgeward.types import Entry, HashList, ImportState, Signal

MD5 = Signal("md5", "cd" * 16)
SHA256 = Signal("sha256", "ab" * 32)


@pytest.fixture(autouse=True)
async def _list(services: Services) -> None:
    await lists.create(services, HashList("a"), "ana", "")


async def test_an_act_is_undone_everywhere(services: Services) -> None:
    """When it returns, no live process blocks by what the act listed; other acts are untouched."""
    other = await entries.add(services, "a", [Signal("md5", "11" * 16)], "ana", "")
    added = await entries.add(services, "a", [MD5, SHA256], "ana", "case 7")
    status = await undo.get(services, added.act)
    assert (status.listed, status.more, status.act.by, status.act.why) == (2, False, "ana", "case 7")
    result = await undo.undo(services, added.act, "bo", "wrong photo")
    assert result.change.active
    assert {each.entry.signal for each in result.outcomes} == {MD5, SHA256}
    assert (result.act.removed, result.act.undone_by) == (2, "bo")
    assert result.act.undone_why == f"undo of {added.act}: wrong photo"
    assert (result.still.blocking, result.still.checked) == ([], 2)
    assert list(services.replica.matcher.entries("a").values()) == list(other.entries)
    assert (await undo.get(services, added.act)).listed == 0


async def test_undone_again_it_says_the_same(services: Services) -> None:
    """Whoever asks later learns who undid it, and when; nothing is changed."""
    added = await entries.add(services, "a", [MD5], "ana", "")
    first = await undo.undo(services, added.act, "bo", "")
    again = await undo.undo(services, added.act, "cyd", "")
    assert (again.act, again.outcomes) == (first.act, first.outcomes)


async def test_what_another_act_lists_still_blocks(services: Services) -> None:
    """It stays, and the result names the act and the entry."""
    first = await entries.add(services, "a", [MD5], "ana", "")
    second = await entries.add(services, "a", [MD5], "bo", "")
    assert (second.known, second.act == first.act) == (1, False)
    result = await undo.undo(services, first.act, "ana", "")
    assert [(each.entry.signal, each.kept_by) for each in result.outcomes] == [(MD5, second.act)]
    assert entries.find(services, result.outcomes[0].entry.id).added_by == "bo"
    assert [match.entry.act for match, _ in result.still.blocking] == [second.act]
    assert (result.still.checked, result.still.unchecked) == (1, 0)
    assert (await undo.undo(services, second.act, "bo", "")).act.removed == 1


async def test_several_requests_can_be_one_act(services: Services) -> None:
    """Images of one command share its act, and go together. Nothing is added to it after its undo."""
    first = await entries.add(services, "a", [MD5], "ana", "")
    second = await entries.add(services, "a", [SHA256], "ana", "", act=first.act)
    assert second.act == first.act
    assert (await undo.undo(services, first.act, "ana", "")).act.removed == 2
    with pytest.raises(Conflict, match="is undone"):
        await entries.add(services, "a", [MD5], "ana", "", act=first.act)


async def test_the_listing_of_a_takedown_is_undone(services: Services) -> None:
    """By the takedown's own id. A takedown that listed nothing has nothing to undo."""
    requester = Requester("webhook:host", "webhook")
    taken = await takedowns.create(services, TakedownRequest(signals=(MD5,), list="a"), requester)
    takedown_id = taken.status.takedown.id
    on_list: dict[str, Entry] = dict(services.replica.matcher.entries("a"))
    assert [each.act for each in on_list.values()] == [takedown_id]
    result = await undo.undo(services, takedown_id, "ana", "")
    assert (result.act.removed, result.act.by) == (1, "webhook:host")
    without_list = await takedowns.create(services, TakedownRequest(signals=(MD5,)), requester)
    with pytest.raises(UserError, match="listed nothing"):
        await undo.undo(services, without_list.status.takedown.id, "ana", "")


async def test_an_import_is_undone(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the job's id, however long it is; what was on the list before stays."""
    monkeypatch.setattr(list_store, "UNDO_CHUNK_SIZE", 20)
    kept = await entries.add(services, "a", [MD5], "ana", "")
    lines = "\n".join([f"md5:{MD5.value}", *(f"md5:{number:032x}" for number in range(1, 100))])
    created = await imports.create(services, ImportRequest("a", io.BytesIO(lines.encode()), "text"), "bo", 60.0)
    assert created.status
    assert created.status.state is ImportState.DONE
    result = await undo.undo(services, created.status.job.id, "ana", "")
    assert (result.act.removed, result.act.kept) == (99, 1)
    assert list(services.replica.matcher.entries("a").values()) == list(kept.entries)


async def test_a_kept_entry_of_a_long_act_is_named(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many entries were removed before it."""
    monkeypatch.setattr(list_store, "MAX_REPORTED", 50)
    kept = await entries.add(services, "a", [SHA256], "ana", "")
    lines = "\n".join([*(f"md5:{number:032x}" for number in range(1, 100)), f"sha256:{SHA256.value}"])
    created = await imports.create(services, ImportRequest("a", io.BytesIO(lines.encode()), "text"), "bo", 60.0)
    assert created.status
    result = await undo.undo(services, created.status.job.id, "ana", "")
    assert [match.entry.act for match, _ in result.still.blocking] == [kept.act]
    assert (len(result.outcomes), result.still.checked, result.still.unchecked) == (51, 51, 49)


async def test_an_import_that_has_not_begun_lists_nothing_after_its_undo(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker fails the job, and says that it is undone."""
    monkeypatch.setattr(job_worker, "TICK_SECONDS", 0.05)
    await services.import_worker.close()
    job = ImportJob("a", "bo", time.time(), 1)
    await services.import_jobs.create(job, [ParsedHash(MD5)])
    assert (await undo.undo(services, job.id, "ana", "")).act.removed == 0
    await services.import_worker.start()
    ended = await imports.get(services, job.id, 60.0)
    assert (ended.state, "is undone" in ended.progress.error) == (ImportState.FAILED, True)
    assert not services.replica.matcher.entries("a")


async def test_ids_that_are_no_acts(services: Services) -> None:
    """An unknown id is NotFound. An entry's id names the entry's act; an import without a record can't be undone."""
    added = await entries.add(services, "a", [MD5], "ana", "")
    with pytest.raises(NotFound, match=f"is an entry, not an act: the act that listed it is {added.act}"):
        await undo.undo(services, added.entries[0].id, "ana", "")
    for unknown in ("act-0123456789abcdef", "td-1", "job-1"):
        with pytest.raises(NotFound, match=unknown):
            await undo.undo(services, unknown, "ana", "")
    for ask in (undo.undo(services, "act-0123456789abcdef", "ana", ""), undo.get(services, "act-0123456789abcdef")):
        with pytest.raises(NotFound, match="nothing is listed by it"):
            await ask
    job = ImportJob("a", "bo", time.time(), 1)
    await services.import_jobs.create(job, [ParsedHash(MD5)])
    await services.import_jobs.finish(job.id)
    with pytest.raises(UserError, match="too old"):
        await undo.undo(services, job.id, "ana", "")


async def test_a_long_undo_goes_on_in_the_background(services: Services) -> None:
    """At the end of the time the result says that it is not done."""
    added = await entries.add(services, "a", [MD5], "ana", "")
    await services.undo_worker.close()
    result = await undo.undo(services, added.act, "ana", "", timeout=0.05)
    assert (result.act.done_at, result.act.removed) == (0.0, 0)
    await services.undo_worker.start()
    assert (await undo.undo(services, added.act, "ana", "")).act.removed == 1


async def test_an_act_whose_record_is_lost_is_found_by_its_entries(services: Services) -> None:
    """A store that lost its data gets its lists back from the memory of a process: what an act listed can still be
    undone."""
    added = await entries.add(services, "a", [MD5, SHA256], "ana", "case 7")
    other = await entries.add(services, "a", [Signal("md5", "11" * 16)], "ana", "")
    record, ids = services.list_store.acts.keys(added.act)
    await services.store.redis.delete(record, ids)
    result = await undo.undo(services, added.act, "bo", "")
    assert (result.act.removed, result.act.by, result.act.why) == (2, "ana", "case 7")
    assert list(services.replica.matcher.entries("a").values()) == list(other.entries)


async def test_who_only_asks_for_an_act_writes_nothing(services: Services) -> None:
    """An act without a record is shown by its entries, to however many at once, and counted once."""
    added = await entries.add(services, "a", [MD5, SHA256], "ana", "case 7")
    record, ids = services.list_store.acts.keys(added.act)
    await services.store.redis.delete(record, ids)
    shown = await asyncio.gather(*(undo.get(services, added.act) for _ in range(4)))
    assert {(each.listed, each.more, each.act.by, each.act.why) for each in shown} == {(2, False, "ana", "case 7")}
    assert shown[0].act.at == added.entries[0].added_at
    assert await services.store.redis.exists(record, ids) == 0


async def test_an_entry_whose_act_is_lost_can_be_removed(services: Services) -> None:
    """With others of the act left, and as the last one."""
    added = await entries.add(services, "a", [MD5, SHA256], "ana", "")
    await services.store.redis.delete(*services.list_store.acts.keys(added.act))
    removed = await removals.of_entry(services, added.entries[0].id, "a", "ana", "")
    assert removed.remaining is not None
    assert (removed.remaining.act.id, removed.remaining.listed) == (added.act, 1)
    await services.store.redis.delete(*services.list_store.acts.keys(added.act))
    assert (await removals.of_entry(services, added.entries[1].id, "a", "ana", "")).remaining is None
