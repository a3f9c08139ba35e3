"""Updates that are held: nothing of them is applied before a second person approves them."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.operations.guarded import guarded, with_guard
from tests.support.eventually import eventually
from tests.support.seen_images import md5, see, seen_image

from edgeward.errors import Conflict, Forbidden, NotFound
from edgeward.operations import entries, held_updates, imports, lists, takedowns
from edgeward.operations.held_updates import UpdateHeld
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.lists import ListChanges
from edgeward.operations.services import Services
from edgeward.operations.takedowns import Requester, TakedownRequest
from edgeward.store.connection import Store
from edgeward.types import FINAL_IMPORT_STATES, HashList, Mode

LIMITS = {"share": 0.3, "min_images": 1}


@pytest.fixture
async def services(store: Store, tmp_path: Path) -> AsyncIterator[Services]:
    """Services that hold what would block two of the five images that were seen."""
    async with guarded(store, tmp_path, LIMITS) as guarded_services:
        await lists.create(guarded_services, HashList("a"), "ana", "")
        await see(guarded_services, *(seen_image(number) for number in range(1, 6)))
        yield guarded_services


async def imported(services: Services, *numbers: int) -> imports.ImportStatus:
    body = "".join(f"md5:{number:032x}\n" for number in numbers).encode()
    result = await imports.create(services, ImportRequest("a", io.BytesIO(body), "text", reason="order 17"), "ana")
    assert result.status is not None
    return result.status


async def listed(services: Services) -> int:
    """How many entries the list has in the store."""
    return (await services.list_store.counts(["a"]))[1][0]


async def ops(services: Services) -> list[tuple[str, str]]:
    """The latest acts of the audit trail, oldest first, and who did them."""
    return [(each.op, each.who) for each in reversed(await services.audit_trail.latest())]


async def ended(services: Services, job_id: str) -> str:
    """The state in which an import ends."""

    async def is_ended() -> bool:
        return (await imports.get(services, job_id)).state in FINAL_IMPORT_STATES

    await eventually(is_ended)
    return (await imports.get(services, job_id)).state


async def test_a_held_import_does_nothing_until_it_is_approved(services: Services) -> None:
    """It is on record with what it would do; then it lists what was judged, as the one who asked for it."""
    status = await imported(services, 1, 2, 3)
    assert (status.state, await listed(services)) == ("held", 0)
    (held,) = await held_updates.index(services)
    assert (held.id, held.kind, held.list, held.by, held.why) == (status.job.id, "import", "a", "ana", "order 17")
    assert (held.judgement.effect.images, held.judgement.effect.targets, held.hashes) == (3, 3, 3)
    assert (await imports.recent(services, 1))[0].state == "held"
    approved = await held_updates.approve(services, held.id, "bo", "seen them")
    assert (approved.state, approved.judgement.effect.images) == ("approved", 3)
    assert await ended(services, held.id) == "done"
    assert (await listed(services), await held_updates.count(services)) == (3, 0)
    changes = await services.list_store.changes(0)
    assert {each.who for each in changes if each.entry} == {"ana"}
    assert (await ops(services))[-3:] == [("import.create", "ana"), ("update.hold", "ana"), ("update.approve", "bo")]


async def test_nobody_approves_what_he_has_asked_for(services: Services) -> None:
    """Unless the settings allow that. He may reject it."""
    first, second = await imported(services, 1, 2), await imported(services, 3, 4)
    with pytest.raises(Forbidden, match="another token"):
        await held_updates.approve(services, first.job.id, "ana", "")
    alone = with_guard(services, {**LIMITS, "second_person": False})
    await held_updates.approve(alone, first.job.id, "ana", "")
    rejected = await held_updates.reject(services, second.job.id, "ana", "a mistake")
    assert rejected.error == "rejected by ana: a mistake"
    after = await imports.get(services, second.job.id)
    assert (after.state, after.progress.error) == ("failed", "rejected by ana: a mistake")
    assert (await ops(services))[-1] == ("update.reject", "ana")


async def test_one_decision_counts(services: Services) -> None:
    """Of several that are made at the same time one succeeds, and the others learn which."""
    status = await imported(services, 1, 2)
    deciders = [held_updates.approve(services, status.job.id, f"bo{number}", "") for number in range(3)]
    deciders += [held_updates.reject(services, status.job.id, "eve", "") for _ in range(3)]
    done = await asyncio.gather(*deciders, return_exceptions=True)
    assert [type(each) for each in done if isinstance(each, Exception)] == [Conflict] * 5
    (update,) = [each for each in done if not isinstance(each, BaseException)]
    state = await ended(services, status.job.id)
    assert (state, await listed(services)) == (("done", 2) if update.state == "approved" else ("failed", 0))
    with pytest.raises(Conflict, match="decided already"):
        await held_updates.approve(services, status.job.id, "bo", "")


async def test_what_would_do_more_by_now_stays_held(services: Services) -> None:
    """With the new numbers, which the next approval accepts."""
    status = await imported(services, 1, 2, 6, 7)
    await see(services, seen_image(6), seen_image(7))
    with pytest.raises(Conflict, match="would block 4 images"):
        await held_updates.approve(services, status.job.id, "bo", "")
    assert (await held_updates.get(services, status.job.id)).judgement.effect.images == 4
    await held_updates.approve(services, status.job.id, "bo", "")
    assert await ended(services, status.job.id) == "done"


async def test_an_approved_import_whose_list_is_gone_fails(services: Services) -> None:
    """Also where another list has its name by now."""
    status = await imported(services, 1, 2)
    await lists.delete(services, "a", "ana", "")
    with pytest.raises(NotFound):
        await held_updates.approve(services, status.job.id, "bo", "")
    await lists.create(services, HashList("a"), "ana", "")
    await held_updates.approve(services, status.job.id, "bo", "")
    assert (await ended(services, status.job.id), await listed(services)) == ("failed", 0)


async def test_a_held_import_is_rejected_not_cancelled(services: Services) -> None:
    """It has done nothing that could be taken back."""
    status = await imported(services, 1, 2)
    with pytest.raises(Conflict, match="edgeward reject"):
        await imports.cancel(services, status.job.id, "ana", "", 1.0)


async def test_added_entries_are_held(services: Services) -> None:
    """As an import of them alone. Fewer are listed at once."""
    assert len((await entries.add(services, "a", [md5(1)], "ana", "")).entries) == 1
    with pytest.raises(UpdateHeld, match="it would block 2 images of about 5") as held:
        await entries.add(services, "a", [md5(2), md5(3), md5(3)], "ana", "case 7")
    assert (held.value.update.kind, held.value.update.hashes, await listed(services)) == ("import", 2, 1)
    await held_updates.approve(services, held.value.update.id, "bo", "")
    assert (await ended(services, held.value.update.id), await listed(services)) == ("done", 3)
    again = await entries.add(services, "a", [md5(1), md5(2), md5(3)], "ana", "")
    assert (again.known, len(again.entries)) == (3, 3)


async def test_a_policy_that_blocks_more_is_held(services: Services) -> None:
    """Made by a worker once it is approved, with what else was changed meanwhile. One that blocks less is made at
    once."""
    await lists.change(services, "a", ListChanges(mode=Mode.MONITOR), "ana", "")
    await entries.add(services, "a", [md5(1), md5(2)], "ana", "")
    with pytest.raises(UpdateHeld) as held:
        await lists.change(services, "a", ListChanges(mode=Mode.ENFORCE), "ana", "reviewed")
    update = held.value.update
    assert (update.kind, update.values, update.list) == ("list", {"mode": "enforce"}, "a")
    assert (await services.list_store.get_list("a")).mode is Mode.MONITOR
    await lists.change(services, "a", ListChanges(description="new"), "ana", "")
    await held_updates.approve(services, update.id, "bo", "")

    async def is_made() -> bool:
        return (await held_updates.get(services, update.id)).state == "done"

    await eventually(is_made)
    changed = await services.list_store.get_list("a")
    assert (changed.mode, changed.description) == (Mode.ENFORCE, "new")
    last = (await services.list_store.changes(0))[-1]
    assert (last.op, last.who, last.why) == ("list.set", "ana", "reviewed")


async def test_a_rejected_policy_is_never_made(services: Services) -> None:
    """And one whose list is gone fails."""
    await lists.change(services, "a", ListChanges(mode=Mode.OFF), "ana", "")
    await entries.add(services, "a", [md5(1), md5(2)], "ana", "")
    updates = []
    for _ in range(2):
        with pytest.raises(UpdateHeld) as held:
            await lists.change(services, "a", ListChanges(mode=Mode.ENFORCE), "ana", "")
        updates.append(held.value.update.id)
    await held_updates.reject(services, updates[0], "bo", "no")
    assert (await held_updates.get(services, updates[0])).error == "rejected by bo: no"
    await lists.delete(services, "a", "ana", "")
    with pytest.raises(NotFound):
        await held_updates.approve(services, updates[1], "bo", "")


async def test_a_takedown_by_hash_is_held(services: Services) -> None:
    """Whether it lists its hashes or only purges; and it is carried out once it is approved."""
    for list_name in ("a", ""):
        asked = TakedownRequest(signals=(md5(1), md5(2)), list=list_name, why="case 9")
        result = await takedowns.create(services, asked, Requester("ana", "api"))
        takedown = result.status.takedown
        assert (result.status.state, result.order_ids, await listed(services)) == ("held", [], 0)
        if list_name:
            await held_updates.reject(services, takedown.id, "bo", "no")
            (status, _) = await takedowns.get(services, takedown.id)
            assert (status.state, status.progress.error) == ("placed", "rejected by bo: no")
            continue
        await held_updates.approve(services, takedown.id, "bo", "")

        async def is_placed(takedown_id: str = takedown.id) -> bool:
            (status, _) = await takedowns.get(services, takedown_id)
            return status.state == "placed" and status.progress.orders > 0

        await eventually(is_placed)


async def test_only_held_updates_are_decided(services: Services) -> None:
    """An unknown id, and an update that was never held."""
    status = await imported(services, 1)
    for decide in (held_updates.approve, held_updates.reject):
        with pytest.raises(Conflict, match="never held"):
            await decide(services, status.job.id, "bo", "")
        for unknown in ("chg-none", "job-none", "td-none", "else"):
            with pytest.raises(NotFound):
                await decide(services, unknown, "bo", "")


async def test_a_dry_run_says_that_an_import_would_be_held(services: Services) -> None:
    """For the same reasons."""
    body = b"".join(b"md5:%032x\n" % number for number in (1, 2, 3))
    asked = ImportRequest("a", io.BytesIO(body), "text", dry_run=True)
    comparison = (await imports.create(services, asked, "ana")).comparison
    assert comparison is not None
    asked = replace(asked, file=io.BytesIO(body), dry_run=False)
    await imports.create(services, asked, "ana")
    (held,) = await held_updates.index(services)
    assert tuple(comparison.held) == held.judgement.reasons != ()


async def test_a_long_import_is_held_too(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is listed in one step. What is on the list of it already is not judged once more."""
    monkeypatch.setattr(imports, "BATCH_ROWS", 3)
    status = await imported(services, 1, *range(100, 110))
    assert (status.job.is_batch, await ended(services, status.job.id)) == (True, "done")
    held = await imported(services, 1, 2, 3, *range(100, 120))
    assert (held.job.is_batch, held.state) == (True, "held")
    (update,) = await held_updates.index(services)
    assert (update.judgement.effect.images, update.judgement.effect.blocked_already) == (2, 0)
    approved = await held_updates.approve(services, held.job.id, "bo", "")
    assert approved.judgement.effect.images == 2
    assert await ended(services, held.job.id) == "done"
    assert len(services.replica.matcher.entries("a")) == 23
    await lists.change(services, "a", ListChanges(mode=Mode.MONITOR), "ana", "")
    with pytest.raises(UpdateHeld, match="it would block 3 images"):
        await lists.change(services, "a", ListChanges(mode=Mode.ENFORCE), "ana", "")
