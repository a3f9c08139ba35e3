"""Checks of the data of the store."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from tests.lists.entries import entries
from tests.support.eventually import eventually
from tests.support.stored_batches import list_batch

from edgeward.doctor.finding import Health
from edgeward.doctor.store_loss import FIX, NONE_RUNS, check_applied_lists, check_last_refill, check_loss
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.refill import Refill
from edgeward.lists.replication.replica import Replica
from edgeward.lists.replication.store_loss import APPLIED_LISTS_FILE, AppliedListsFile
from edgeward.operations.statements import EMPTIED
from edgeward.sightings.forgotten import ForgottenTargets
from edgeward.store.connection import Store
from edgeward.types import HashList


async def _emptied(store: Store) -> None:
    async for keys in store.scan(f"{store.namespace}:*"):
        await store.redis.delete(*keys)


@pytest.fixture
async def replica(store: Store, tmp_path: Path) -> Replica:
    """A replica that has applied three entries, and recorded that in `tmp_path`."""
    list_store = ListStore(store)
    await list_store.create_list(HashList("a"), "me")
    await list_store.add_entries(entries(3), "me")
    replica = Replica(store, "one", applied_lists=AppliedListsFile(tmp_path / APPLIED_LISTS_FILE))
    await replica.start()
    return replica


async def test_a_loss_is_a_failure_with_its_command(store: Store, replica: Replica, tmp_path: Path) -> None:
    """By the memory of a process, and by what the machine recorded; before, both are well."""
    assert check_loss(replica).health is Health.OK
    assert (await check_applied_lists(tmp_path, store)).health is Health.OK
    await _emptied(store)
    await eventually(lambda: replica.loss, "the loss is noticed")
    for finding in (check_loss(replica), await check_applied_lists(tmp_path, store)):
        assert finding.health is Health.FAIL
        assert "edgeward store refill" in finding.fix
        assert "3 entries" in finding.detail
    await replica.close()


async def test_where_nothing_runs_nothing_is_kept_running(store: Store, replica: Replica, tmp_path: Path) -> None:
    """The fix says what is possible then; with a process that may have the lists, to restart none."""
    await replica.close()
    await _emptied(store)
    finding = await check_applied_lists(tmp_path, store)
    assert finding.health is Health.FAIL
    assert finding.fix == NONE_RUNS
    processes = {"proxy": [os.getpid()], "controller": [], "store": None}
    run = {"pid": os.getpid(), "proxy": "127.0.0.1:1", "admin": "127.0.0.1:2", "processes": processes}
    (tmp_path / "run.json").write_text(json.dumps(run))
    assert (await check_applied_lists(tmp_path, store)).fix == FIX


async def test_entries_of_batches_are_counted(store: Store, replica: Replica, tmp_path: Path) -> None:
    """They are no loss while the store has them, and one when it has not."""
    list_store = ListStore(store)
    batch = await list_batch(list_store, entries(20))
    assert await replica.wait_version(batch.version, 60)
    await replica.close()
    assert (await check_applied_lists(tmp_path, store)).health is Health.OK
    await store.redis.delete(list_store.batches.key("a"))
    finding = await check_applied_lists(tmp_path, store)
    assert (finding.health, "20 entries are missing" in finding.detail) == (Health.FAIL, True)


async def test_an_accepted_loss_is_remembered(store: Store, replica: Replica, tmp_path: Path) -> None:
    """As long as sightings are kept: copies that were cached before are not known."""
    forgotten = ForgottenTargets(store, 100.0, 0.0)
    assert await check_last_refill(store, forgotten, 100.0) == []
    await Refill(store).accept_loss("me", "", [replica.lost_history])
    (finding,) = await check_last_refill(store, forgotten, 100.0)
    assert finding.health is Health.WARN
    assert "Copies that caches stored before are not known" in finding.detail
    assert "edgeward store refill --caches-emptied" in finding.fix
    assert await check_last_refill(store, forgotten, -100.0) == []
    assert (await check_applied_lists(tmp_path, store)).health is Health.OK
    await replica.close()


async def test_caches_that_were_emptied_end_the_warning(store: Store, replica: Replica) -> None:
    """As for `--wait`: then copies from before count as gone. Not after another loss, nor if only the loss is known."""
    forgotten = ForgottenTargets(store, 100.0, 0.0)
    await forgotten.remember_store_loss()
    (finding,) = await check_last_refill(store, forgotten, 100.0)  # before any refill
    assert (finding.health, "--caches-emptied" in finding.fix) == (Health.WARN, True)
    await Refill(store).accept_loss("me", "", [replica.lost_history])
    await forgotten.end_store_loss()
    (finding,) = await check_last_refill(store, forgotten, 100.0)
    assert finding.health is Health.OK
    assert "count as gone since" in finding.detail
    assert EMPTIED in finding.detail
    await asyncio.sleep(0.01)  # the next is later
    await Refill(store).accept_loss("me", "", [replica.lost_history])
    (finding,) = await check_last_refill(store, forgotten, 100.0)
    assert finding.health is Health.WARN
    await replica.close()


async def test_a_first_start_is_no_loss(store: Store, tmp_path: Path) -> None:
    """Nothing was recorded: nothing is known."""
    assert (await check_applied_lists(tmp_path, store)).health is Health.SKIPPED


async def test_what_is_not_known_is_not_well(store: Store, replica: Replica) -> None:
    """While the store does not answer, and before the lists are loaded."""
    finding = check_loss(replica, store_answers=False)
    assert (finding.health, "holds 1 lists with 3 entries" in finding.detail) == (Health.SKIPPED, True)
    assert check_loss(Replica(store, "new")).health is Health.SKIPPED
    await replica.close()
