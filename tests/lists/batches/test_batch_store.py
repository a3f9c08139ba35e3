"""The batches of lists in a real store: committed, undone, removed row by row, dropped and forgotten."""

import pytest
from tests.lists.entries import entry
from tests.support.batches import packed_batch
from tests.support.stored_batches import list_batch

from edgeward.errors import Conflict, NotFound
from edgeward.lists.batches.batch_store import BatchesChanged, Numbers, RemovedRow, Undone
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types import Batch, HashList, ListKind, RowRef


@pytest.fixture
async def list_store(store: Store) -> ListStore:
    made = ListStore(store)
    await made.create_list(HashList("a"), "me")
    return made


async def test_a_batch_is_one_change(list_store: ListStore) -> None:
    """Its record has the batch; committed twice, it is one."""
    batch, data = packed_batch([entry(number=number) for number in range(5)], by="me", at=1.0, act="act-1")
    await list_store.batches.data.write(batch.id, data.items())
    before = await list_store.version()
    first = await list_store.batches.commit(batch, 0, Numbers(5, 0, 0))
    again = await list_store.batches.commit(batch, 0, Numbers(5, 0, 0))
    assert (first.version, again.version) == (before + 1, before + 1)
    (change,) = await list_store.changes(before)
    assert (change.op, change.batch, change.who) == ("list.batch_add", first.batch, "me")
    stored = await list_store.batches.get("a")
    assert (stored.last, list(stored.batches), stored.removed) == (before + 1, [first.batch], {})
    assert (await list_store.acts.get("act-1")).rows == 5
    assert await list_store.batches.count(["a", "b"]) == [1, 0]


async def test_what_changed_meanwhile_refuses_a_batch(list_store: ListStore) -> None:
    """Other batches of the list, or an act that is undone, another caller's, or of a list that was deleted."""
    old = await list_batch(list_store, [entry(number=1)])
    batch, _ = packed_batch([entry(number=2)], by="me", at=1.0, act="act-1")
    with pytest.raises(BatchesChanged):
        await list_store.batches.commit(batch, old.version - 1, Numbers(1, 0, 0))
    await list_store.acts.declare("act-1", "a", "other", "")
    with pytest.raises(Conflict, match="another caller's"):
        await list_store.batches.commit(batch, old.version, Numbers(1, 0, 0))
    await list_store.acts.declare("act-2", "a", "me", "")
    await list_store.delete_list("a", "me")
    second, _ = packed_batch([entry(number=2)], by="me", at=1.0, act="act-2")
    with pytest.raises(NotFound):
        await list_store.batches.commit(second, 0, Numbers(1, 0, 0))
    # A list of that name that was made since is another one.
    await list_store.create_list(HashList("a", ListKind.ALLOW), "me")
    with pytest.raises(NotFound):
        await list_store.batches.commit(second, 0, Numbers(1, 0, 0))
    assert (await list_store.batches.get("a")).batches == []


async def test_an_undo_counts_once(list_store: ListStore) -> None:
    """It is refused for other batches than those that it was computed for."""
    batch = await list_batch(list_store, [entry(number=1), entry(number=2)], act="act-1")
    act = await list_store.acts.get("act-1")
    done = Undone(2, 0, 0, [("removed", entry(number=1), "")])
    with pytest.raises(BatchesChanged):
        await list_store.batches.undo(act, batch.id, batch.version - 1, done)
    version = await list_store.batches.undo(act, batch.id, batch.version, done)
    assert version == batch.version + 1
    assert await list_store.batches.undo(act, batch.id, version, done) == 0
    assert (await list_store.acts.get("act-1")).removed == 2
    (stored,) = (await list_store.batches.get("a")).batches
    assert (stored.undone, stored.undone_version) == (True, version)


async def test_an_undone_batch_stays_while_another_adds_its_rows(list_store: ListStore) -> None:
    """Then it leaves the record of its list, and can be read by its id until it is forgotten."""
    first = await list_batch(list_store, [entry(number=1), entry(number=2)], act="act-1")
    second = await list_batch(list_store, [], act="act-2", list="a", adds=[(first, [0])])
    act = await list_store.acts.get("act-1")
    await list_store.batches.undo(act, first.id, second.version, Undone(1, 1, 0))
    needed = (await list_store.batches.get("a")).needed()
    assert [each.id for each in needed] == [first.id, second.id]
    await list_store.batches.drop_undone("a")
    assert len((await list_store.batches.get("a")).batches) == 2
    last = (await list_store.batches.get("a")).last
    await list_store.batches.undo(await list_store.acts.get("act-2"), second.id, last, Undone(1, 0, 0))
    await list_store.batches.drop_undone("a")
    assert (await list_store.batches.get("a")).batches == []
    assert {each.id for each in await list_store.batches.old_of("a")} == {first.id, second.id}
    assert await list_store.batches.data.exists(first.id)
    await list_store.batches.forget_old(list_store.clock.now() + 1)
    assert list(await list_store.batches.all_old()) == []
    assert not await list_store.batches.data.exists(first.id)


async def test_rows_are_removed_once(list_store: ListStore) -> None:
    """Until a later batch may have listed them again."""
    batch = await list_batch(list_store, [entry(number=1), entry(number=2)])
    rows = [RemovedRow(RowRef(batch.id, 0), entry(number=1)), RemovedRow(RowRef("gone", 0), entry(number=9))]
    (change,) = await list_store.batches.remove_rows("a", rows, batch.version, "me", "by mistake")
    assert (change.op, change.row, change.entry) == ("entry.remove", RowRef(batch.id, 0), entry(number=1))
    assert await list_store.batches.remove_rows("a", rows, batch.version, "me") == []
    assert (await list_store.batches.get("a")).removed == {RowRef(batch.id, 0): change.version}
    (read,) = await list_store.changes(batch.version)
    assert (read.op, read.row) == ("entry.remove", RowRef(batch.id, 0))
    with pytest.raises(BatchesChanged):
        await list_store.batches.remove_rows("a", rows, batch.version - 1, "me")


async def test_a_deleted_list_has_no_batches(list_store: ListStore) -> None:
    """What they were can be read until it is forgotten."""
    batch = await list_batch(list_store, [entry(number=1)])
    await list_store.delete_list("a", "me")
    assert (await list_store.batches.get("a")).last == 0
    assert [each.id for each in await list_store.batches.all_old()] == [batch.id]
    await list_store.batches.discard("a", batch.id)
    assert await list_store.batches.data.exists(batch.id)


async def test_a_batch_that_can_not_be_read_stops_no_other(list_store: ListStore, store: Store) -> None:
    """Of a later release, or damaged: both are told apart."""
    batch = await list_batch(list_store, [entry(number=1)])
    later = Batch("b2", "a", "me", 1.0).to_json()[:-1] + ',"needs":99}'
    await store.redis.hset(list_store.batches.key("a"), mapping={"b2": f"7 0 {later}", "b3": "x"})
    stored = await list_store.batches.get("a")
    assert [each.id for each in stored.batches] == [batch.id]
    assert sorted(each.is_later for each in stored.unreadable) == [False, True]
