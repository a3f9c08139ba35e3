"""Entries that were removed are found in the stream of changes."""

from dataclasses import replace

import pytest
from tests.lists.entries import entry
from tests.support.stored_batches import list_batch

from edgeward.background import stream_archive
from edgeward.errors import Unavailable
from edgeward.lists import removed_entries as module
from edgeward.lists.audit_trail import request_from
from edgeward.lists.batches.batch_store import RemovedRow, Undone
from edgeward.lists.list_store import ListStore
from edgeward.lists.removed_entries import find_removed
from edgeward.store.connection import Store
from edgeward.types import Batch, HashList


async def test_a_removal_is_found(list_store: ListStore, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry as it was listed, and who removed it; the last time, if it was removed twice."""
    monkeypatch.setattr(module, "CHANGES_PER_READ", 3)
    one, other = entry("a", 1), entry("a", 2)
    await list_store.add_entries([one, other], "ana", "order 17", "act-0000000000000001")
    await list_store.remove_entry("a", one.id, "bo", "first")
    await list_store.add_entries([one], "cy", "again")
    with request_from("192.0.2.7"):
        await list_store.remove_entry("a", one.id, "dee", "second")
    await list_store.add_entries([entry("a", number) for number in range(10, 20)], "ana")
    found = await find_removed(store, one.id)
    assert found is not None
    assert (found.entry.signal, found.entry.added_by) == (one.signal, "cy")
    removal = found.removal
    assert (removal.op, removal.who, removal.why, removal.origin) == ("entry.remove", "dee", "second", "192.0.2.7")
    assert await find_removed(store, other.id) is None  # it is listed
    assert await find_removed(store, "ab" * 10) is None


async def test_a_deleted_list_has_removed_its_entries(list_store: ListStore, store: Store) -> None:
    """By the deletion that came after the listing, not by that of a later list of the name; not on others."""
    await list_store.create_list(HashList("b"), "ana")
    await list_store.add_entries([entry("b", 1), entry("a", 1)], "ana", "order 17")
    for who in ("bo", "cy"):
        await list_store.delete_list("b", who, "trial is over")
        await list_store.create_list(HashList("b"), "ana")
    found = await find_removed(store, entry("b", 1).id)
    assert found is not None
    assert (found.removal.op, found.removal.who, found.removal.why) == ("list.delete", "bo", "trial is over")
    assert (found.entry.list, found.entry.reason) == ("b", "")
    assert await find_removed(store, entry("a", 1).id) is None


async def test_what_is_archived_is_found(list_store: ListStore, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The removal, or the deletion of its list and the listing before it."""
    monkeypatch.setattr(stream_archive, "ITEMS_PER_BLOCK", 2)
    one, other = entry("a", 1), entry("b", 2)
    await list_store.create_list(HashList("b"), "ana")
    await list_store.add_entries([one, other], "ana")
    await list_store.remove_entry("a", one.id, "bo", "mistake")
    await list_store.delete_list("b", "cy")
    await list_store.add_entries([entry("a", 3)], "ana")
    assert await list_store.archive.move(4e9) == 6
    for each, who in ((one, "bo"), (other, "cy")):
        found = await find_removed(store, each.id)
        assert found is not None
        assert (found.entry.signal, found.removal.who) == (each.signal, who)


async def test_a_search_ends(list_store: ListStore, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many changes not all are read: then it is not known whether there was such an entry."""
    monkeypatch.setattr(module, "SEARCH_SECONDS", -1.0)
    with pytest.raises(Unavailable, match="too long to find what abab"):
        await find_removed(store, "ab" * 10)


async def test_what_batches_took_off_is_found(list_store: ListStore, store: Store) -> None:
    """A batch that withdraws, the undo of one that listed it or one of its rows, a single removal, and the deletion of
    its list: each with the entry as it was. What a batch lists anew, or lists still, is not removed by it."""
    listed = [replace(entry("a", number), source_id=f"s{number}") for number in range(8)]
    old = await list_batch(list_store, listed, act="act-1", why="order 17")
    rows = {
        each.id: ref.row for each in listed for ref, _ in (await list_store.batches.data.find(old, [each.id])).values()
    }
    changed = [entry("a", 1), entry("a", 8), entry("a", 9)]
    new = await list_batch(
        list_store, changed, act="act-2", removes=[(old, [rows[listed[0].id], rows[listed[1].id], rows[listed[2].id]])],
        adds=[(old, [rows[listed[2].id]])], by="bo",
    )  # fmt: skip
    found = await find_removed(store, listed[0].id)
    assert found is not None
    assert (found.entry.source_id, found.entry.added_by, found.entry.reason) == ("s0", "ann", "order 17")
    assert (found.removal.op, found.removal.who, found.removal.version) == ("list.batch_add", "bo", new.version)
    assert await find_removed(store, listed[1].id) is None
    assert await find_removed(store, listed[2].id) is None
    await undo_batch(list_store, old)
    await undo_batch(list_store, new)
    for each in (changed[1], listed[2]):
        found = await find_removed(store, each.id)
        assert found is not None and found.removal.op == "list.batch_undo"
        assert found.removal.batch and found.removal.batch.id == new.id
    other = await list_batch(list_store, [entry("a", 20), entry("a", 21)])
    (row,) = (await list_store.batches.data.find(other, [entry("a", 20).id])).values()
    await list_store.batches.remove_rows("a", [RemovedRow(*row)], other.version, "cy", "single")
    await list_store.batches.drop_undone("a")
    await list_store.delete_list("a", "dee", "trial is over")
    for number, who in ((20, "cy"), (21, "dee"), (4, "ann")):
        found = await find_removed(store, entry("a", number).id)
        assert found is not None and found.removal.who == who
    await list_store.batches.forget_old(4e9)
    assert await find_removed(store, entry("a", 21).id) is None


async def undo_batch(list_store: ListStore, batch: Batch) -> None:
    stored = await list_store.batches.get("a")
    act = replace(await list_store.acts.get(batch.act), undone_by="ann", undone_why="a mistake")
    assert await list_store.batches.undo(act, batch.id, stored.last, Undone(0, 0, 0))
