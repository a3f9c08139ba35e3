"""Which records are forgotten when, on a real store whose clock steps."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import STORE_TIMEOUT_MS
from tests.support.controllers import settings
from tests.support.eventually import eventually
from tests.support.stepping_store import SteppingStore
from tests.support.stored_batches import list_batch

from edgeward.background import stream_archive
from edgeward.background.consumer_group import ConsumerGroup
from edgeward.controller.composition import compose
from edgeward.errors import NotFound
from edgeward.imports.import_jobs import ImportJob
from edgeward.lists.batches.batch_store import RemovedRow, Undone
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.operations import old_records
from edgeward.operations.old_records import OldRecords
from edgeward.operations.services import Services
from edgeward.retromatch.progress import Progress
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, ListKind, Signal

DAY = 86400.0
SIGNALS = [Signal("md5", f"{number:032x}") for number in range(3)]


async def records(services: Services, job: ImportJob) -> dict[str, bool]:
    """Which of the records that `make_records` made are there."""
    try:
        await services.import_jobs.get(job.id)
        has_import = True
    except NotFound:
        has_import = False
    try:
        await services.list_store.acts.get("act-1")
        has_act = True
    except NotFound:
        has_act = False
    deleted = [each async for some in services.list_store.scan("fine", deleted=True) for each in some]
    progress = await Progress(services.store).orders_of([1])
    return {"import": has_import, "act": has_act, "deleted": bool(deleted), "progress": progress == [["1-0"]]}


async def make_records(services: Services) -> ImportJob:
    """A finished import, an act that is undone, a deleted allowlist, and what the first change led to."""
    lists = services.list_store
    await lists.create_list(HashList("bad"), "me")
    await lists.create_list(HashList("fine", ListKind.ALLOW), "me")
    await lists.add_entries([Entry("fine", SIGNALS[0])], "me")
    await lists.add_entries([Entry("bad", SIGNALS[0])], "me", "", "act-1")
    await lists.undo_some(await lists.acts.get("act-1"))
    await lists.acts.finish_undo("act-1")
    await lists.delete_list("fine", "me")
    await Progress(services.store).record_matched({1: ["1-0"]})
    job = ImportJob("bad", "me", services.store.clock.now(), len(SIGNALS), size=2)
    await services.import_jobs.create(job, [ParsedHash(signal) for signal in SIGNALS])
    return job


async def all_are_matched(services: Services) -> None:
    """As the controllers would, of which none runs here."""
    group = ConsumerGroup(services.store, services.list_store.stream, "retro")
    await group.ensure()
    while items := await group.take("tests", 100, 1):
        await group.acknowledge([item_id for item_id, _ in items])


async def test_nothing_goes_because_the_stores_clock_was_set_forwards(stepping: SteppingStore, tmp_path: Path) -> None:
    """Neither by itself nor by a controller. Once the clock is trusted, what is old goes, and what is open stays."""
    store = await Store.connect(stepping.url, "steps", STORE_TIMEOUT_MS)
    services = compose(settings("unix:///unused", tmp_path), store, "tests")
    old = OldRecords(
        services.orders.clock,
        services.list_store,
        services.import_jobs,
        services.held_changes,
        services.takedowns,
        services.retromatch,
        services.audit_trail,
        keep_audit_days=365.0,
    )
    await old.forget_old()
    job = await make_records(services)
    await stepping.step_and_wait(store, 100 * DAY)
    store.clock._wall_clock = lambda: time.time() + 100 * DAY
    await old.forget_old()
    assert all((await records(services, job)).values())
    assert [len(await services.import_jobs.chunk(job, number)) for number in range(2)] == [2, 1]
    # A day later.
    await store.redis.hdel(store.key("{purges}", "clock"), "stepped")
    await old.forget_old()
    assert await records(services, job) == {"import": True, "act": False, "deleted": True, "progress": True}
    await services.import_jobs.finish(job.id)
    await all_are_matched(services)
    await old.forget_old()
    found = await records(services, job)
    assert found == {"import": False, "act": False, "deleted": False, "progress": True}
    await services.retromatch.forget_old(store.clock.now() + 2 * DAY)
    assert await Progress(store).orders_of([1]) == [None]
    await store.close()


async def test_old_changes_go_to_the_archive(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the lists, once they are retromatched, and of other acts. They are forgotten after audit.keep_days."""
    monkeypatch.setattr(stream_archive, "ITEMS_PER_BLOCK", 10)
    monkeypatch.setattr(old_records, "DAY_SECONDS", 0.0)
    lists, trail = services.list_store, services.audit_trail
    old = OldRecords(
        services.orders.clock,
        lists,
        services.import_jobs,
        services.held_changes,
        services.takedowns,
        services.retromatch,
        trail,
        keep_audit_days=1.0,
    )
    await lists.create_list(HashList("bad"), "me")
    await lists.add_entries([Entry("bad", Signal("md5", f"{number:032x}")) for number in range(1, 25)], "me")
    for number in range(12):
        await trail.note("token.create", f"who-{number}")
    whole = await lists.changes(0)

    async def matched() -> bool:
        return await services.retromatch.version() == whole[-1].version

    await eventually(matched)
    await old.forget_old()
    redis = services.store.redis
    assert await redis.xlen(lists.stream) == 5, "two blocks were moved"
    assert await redis.xlen(services.store.key("{audit}", "records")) == 2
    # With days of no seconds all of the archive is old by now.
    assert await lists.changes(0) == whole[20:]
    assert await trail.archive.after("0-0", 100) == await redis.xrange(services.store.key("{audit}", "records"))


async def test_undone_batches_are_forgotten_after_the_audit_trail(services: Services) -> None:
    """First they are off the record of their list, and no process takes that for a loss; then their rows go."""
    lists, batches = services.list_store, services.list_store.batches
    await lists.create_list(HashList("bad"), "me")
    undone = await list_batch(lists, [Entry("bad", each) for each in SIGNALS], act="act-1")
    kept = await list_batch(lists, [Entry("bad", Signal("md5", "f" * 32))], act="act-2")
    (row,) = (await batches.data.find(undone, [Entry("bad", SIGNALS[0]).id])).values()
    await batches.remove_rows("bad", [RemovedRow(*row)], kept.version, "me")
    act = replace(await lists.acts.get("act-1"), undone_by="me")
    version = await batches.undo(act, undone.id, kept.version, Undone(2, 0, 0))
    assert await services.replica.wait_version(version, 60)
    for keep_days, is_kept in ((1.0, True), (0.0, False)):
        await OldRecords(
            services.orders.clock,
            lists,
            services.import_jobs,
            services.held_changes,
            services.takedowns,
            services.retromatch,
            services.audit_trail,
            keep_audit_days=keep_days,
        ).forget_old()
        assert [batch.id for batch in (await batches.get("bad")).batches] == [kept.id]
        assert ([batch.id for batch in await batches.old_of("bad")] == [undone.id]) is is_kept
        assert await batches.data.exists(undone.id) is bool((await batches.get("bad")).removed) is is_kept
    await services.replica.compare_with_store()
    assert services.replica.loaded, "it takes that for no loss"
    assert services.replica.loss is None and len(services.replica.matcher.entries("bad")) == 1
