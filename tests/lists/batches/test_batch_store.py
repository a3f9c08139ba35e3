"""Batches are recorded, undone, taken off and forgotten."""

from dataclasses import replace

import pytest
from tests.lists.entries import entry
from tests.support.stored_batches import list_batch

from edgeward.errors import Conflict, NotFound
from edgeward.lists.batches.batch_store import BatchesChanged, Numbers, RemovedRow, Undone
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types import Batch, HashList


async def undo(list_store: ListStore, batch: Batch, last: int, done: Undone | None = None) -> int:
    act = replace(await list_store.acts.get(batch.act), undone_by="bob", undone_why="a mistake")
    return await list_store.batches.undo(act, batch.id, last, done or Undone(0, 0, 0))


async def test_a_batch_is_committed_once(list_store: ListStore) -> None:
    """As one change, for the batches that it was made for, under its act. A refusal says why, and writes nothing."""
    batches = list_store.batches
    one = await list_batch(list_store, [entry("a", number) for number in range(5)], act="act-1")
    stored = await batches.get("a")
    assert (stored.last, list(stored.batches), stored.removed) == (one.version, [one], {})
    version = await list_store.version()
    assert (await batches.commit(one, 0, Numbers(5, 0, 0))).version == one.version
    other = Batch("b" * 16, "a", "ann", 1.0, act="act-2")
    with pytest.raises(BatchesChanged):
        await batches.commit(other, 0, Numbers(0, 0, 0))
    with pytest.raises(NotFound, match="'none'"):
        await batches.commit(replace(other, list="none"), 0, Numbers(0, 0, 0))
    with pytest.raises(Conflict, match="another caller"):
        await batches.commit(replace(other, act="act-1", by="eve"), one.version, Numbers(0, 0, 0))
    await list_store.undo_some(await list_store.acts.get("act-1"))
    with pytest.raises(Conflict, match="undone"):
        await batches.commit(replace(other, act="act-1"), one.version, Numbers(0, 0, 0))
    assert await list_store.version() == version
    act = await list_store.acts.get("act-1")
    assert (act.rows, act.known, act.withdrawn) == (5, 0, 0)


async def test_an_undo_is_one_change_with_what_it_does(list_store: ListStore) -> None:
    """Recorded in the act, up to the number of entries that are reported. Done once, for the batches as they were."""
    one = await list_batch(list_store, [entry("a", number) for number in range(3)], act="act-1")
    two = await list_batch(list_store, [entry("a", 9)], act="act-1")
    outcomes = [("removed", entry("a", number), "") for number in range(1002)]
    done = Undone(1002, 1, 0, [*outcomes, ("kept", entry("a", 5), "act-2")])
    with pytest.raises(BatchesChanged):
        await undo(list_store, one, one.version, done)
    version = await undo(list_store, one, two.version, done)
    assert version == two.version + 1
    assert await undo(list_store, one, version, done) == 0
    await undo(
        list_store, two, version, Undone(1, 0, 1, [("removed", entry("a", 9), ""), ("restored", entry("a", 6), "")])
    )
    act = await list_store.acts.get("act-1")
    assert (act.removed, act.kept, act.restored, act.version) == (1003, 1, 1, version + 1)
    found = await list_store.acts.outcomes("act-1")
    assert [each.kept_by for each in found] == [*[None] * 1000, "act-2", ""]
    assert [each.restored for each in found][-2:] == [False, True]
    assert [each.undone_version for each in (await list_store.batches.get("a")).batches] == [version, version + 1]


async def test_rows_are_removed_with_their_copies(list_store: ListStore) -> None:
    """A row that was removed already is left out, unless the batches changed since: they may have added it."""
    batches = list_store.batches
    one = await list_batch(list_store, [entry("a", number) for number in range(3)])
    (found,) = (await batches.data.find(one, [entry("a", 1).id])).values()
    copy = replace(found[0], row=2)
    row = RemovedRow(*found, copies=[copy])
    (change,) = await batches.remove_rows("a", [row], one.version, "bob", "why")
    assert (change.row, change.entry, change.who) == (*found, "bob")
    assert (await batches.get("a")).removed == {found[0]: change.version, copy: change.version}
    assert await batches.remove_rows("a", [row], one.version, "bob") == []
    two = await list_batch(list_store, [], list="a", adds=[(one, [found[0].row])])
    with pytest.raises(BatchesChanged):
        await batches.remove_rows("a", [row], one.version, "bob")
    assert len(await batches.remove_rows("a", [row], two.version, "bob")) == 1
    (parsed,) = (await list_store.changes(two.version))[:1]
    assert (parsed.op, parsed.row) == ("entry.remove", found[0])


async def test_batches_work_on_every_kind_of_store(spread: Store) -> None:
    """With Sentinel and on a cluster too. Undone ones, and those of a deleted list, go aside and then are forgotten."""
    list_store = ListStore(spread)
    batches = list_store.batches
    await list_store.create_list(HashList("a"), "me")
    one = await list_batch(list_store, [entry("a", number) for number in range(3)], act="act-1")
    two = await list_batch(list_store, [entry("a", 5)], act="act-2")
    three = await list_batch(list_store, [], list="a", act="act-3", adds=[(one, [0])])
    (found,) = (await batches.data.find(one, [entry("a", 1).id])).values()
    await batches.remove_rows("a", [RemovedRow(*found)], three.version, "bob")
    undone = [await undo(list_store, one, three.version)]
    undone.append(await undo(list_store, two, undone[0]))
    assert await batches.count(["a", "none"]) == [1, 0]
    assert await batches.most_listed("a") == 3
    await batches.drop_undone("a")
    stored = await batches.get("a")
    assert [each.id for each in stored.batches] == [one.id, three.id], "the rows of one are added by three"
    assert [each.id for each in await batches.old_of("a")] == [two.id]
    await batches.discard("a", one.id)
    await batches.discard("a", two.id)
    await list_store.delete_list("a", "ann")
    assert {each.id for each in await batches.all_old()} == {one.id, two.id, three.id}
    assert await batches.data.exists(one.id) and await batches.data.exists(two.id)
    await batches.forget_old(0.0)
    assert len(await batches.all_old()) == 3
    await batches.forget_old(4e9)
    assert await batches.all_old() == []
    assert not (await batches.data.exists(one.id) or await batches.data.exists(two.id))
