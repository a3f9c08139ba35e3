"""What the scripts of batches write into the stream of changes; test_batch_store.py has what they do."""

import json
from dataclasses import replace

from tests.lists.entries import entry
from tests.support.stored_batches import list_batch

from edgeward.lists.audit_trail import request_from
from edgeward.lists.batches.batch_store import RemovedRow, Undone
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store


async def test_each_change_is_on_record(list_store: ListStore, store: Store) -> None:
    """Who, from where, why, the list as it was, the batch, and the numbers of entries."""
    with request_from("192.0.2.7"):
        batch = await list_batch(list_store, [entry("a", number) for number in range(3)], act="act-1")
    (found,) = (await list_store.batches.data.find(batch, [entry("a", 1).id])).values()
    await list_store.batches.remove_rows("a", [RemovedRow(*found)], batch.version, "cy", "single")
    act = replace(await list_store.acts.get("act-1"), undone_by="bob", undone_why="a mistake")
    await list_store.batches.undo(act, batch.id, batch.version, Undone(2, 0, 1))
    added, removed, undone = [fields for _, fields in await store.redis.xrange(list_store.stream)][-3:]
    assert (added[b"op"], added[b"who"], added[b"from"], added[b"why"]) == (
        *(b"list.batch_add", b"ann", b"192.0.2.7", b"a reason"),
    )
    assert added[b"numbers"] == b"3 0 0"
    assert json.loads(added[b"batch"])["id"] == batch.id
    assert json.loads(added[b"was"])["name"] == "a"
    assert (removed[b"op"], removed[b"who"], removed[b"row"].decode()) == (b"entry.remove", b"cy", str(found[0]))
    assert (undone[b"op"], undone[b"who"], undone[b"why"]) == (b"list.batch_undo", b"bob", b"a mistake")
    assert undone[b"numbers"] == b"2 0 1"
