"""Rows of batches that are taken off the lists: one by one, and many in one step."""

from collections.abc import AsyncIterator

import pytest
from tests.lists.entries import entries
from tests.support.stored_batches import list_batch

from edgeward.lists import row_removals as module
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.lists.row_removals import RowRemovals
from edgeward.matching.batches.row_sets import rows_of_act
from edgeward.store.connection import Store

TIMEOUT = 30.0


@pytest.fixture
async def removals(store: Store, list_store: ListStore, replica: Replica) -> AsyncIterator[RowRemovals]:
    yield RowRemovals(store, ListStore(store, replica.membership), replica.batch_states)


async def test_single_rows_are_removed(list_store: ListStore, replica: Replica, removals: RowRemovals) -> None:
    """Each is a change of the lists with its entry, and is listed nowhere afterwards. A second time there is none."""
    listed = entries(20)
    await list_batch(list_store, listed, act="act-1")
    ids = [each.id for each in listed[:3]]
    changes = await removals.remove("a", [*ids, "0" * 20], "bob", "a mistake")
    assert sorted(each.entry.id for each in changes if each.entry) == sorted(ids)
    assert {(each.op, each.who, each.why) for each in changes} == {("entry.remove", "bob", "a mistake")}
    assert await replica.wait_version(changes[-1].version, TIMEOUT)
    assert set(replica.matcher.entries("a")) == {each.id for each in listed[3:]}
    assert await removals.remove("a", ids, "bob") == []


async def test_many_rows_are_removed_in_one_step(
    list_store: ListStore, replica: Replica, removals: RowRemovals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one version of the lists. A row that is a single entry too goes, but is not counted; other acts' stay."""
    monkeypatch.setattr(module, "MAX_SINGLE", 5)
    mine, others = entries(30), entries(10)
    await list_batch(list_store, mine, act="act-1")
    batch = await list_batch(list_store, others, act="act-2")
    await list_store.add_entries(mine[:1], "cat", "", "act-3")
    version = await list_store.version()
    singles = list(mine[:1])
    would = await removals.choose("a", lambda state: rows_of_act(state, "act-1"), singles, 10)
    assert (would.total, len(would.entries), await list_store.version()) == (29, 10, version)
    done = await removals.remove_chosen("a", lambda state: rows_of_act(state, "act-1"), singles, 10, "bob", "why")
    assert (done.total, done.version, batch.version) == (29, version + 1, version - 1)
    assert await replica.wait_version(done.version, TIMEOUT)
    assert set(replica.matcher.entries("a")) == {mine[0].id, *(each.id for each in others)}
    assert (await removals.choose("a", lambda state: rows_of_act(state, "act-1"), [], 10)).total == 0
