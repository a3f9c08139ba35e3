"""The batches that a store lost are written back from the files of a machine."""

from tests.lists.entries import entry
from tests.support.stored_batches import list_batch

from edgeward.lists.batches.batch_store import RemovedRow
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.batch_refill import BatchRefill
from edgeward.lists.replication.replica import Replica
from edgeward.store.connection import Store


async def test_what_is_missing_is_written_once(store: Store, list_store: ListStore, replica: Replica) -> None:
    """Batches with their rows, versions and single removals; one that is there stays as it is. Nothing is written to
    a list that is gone."""
    batches = list_store.batches
    lost = await list_batch(list_store, [entry("a", number) for number in range(20)])
    kept = await list_batch(list_store, [entry("a", number) for number in range(20, 30)])
    (row,) = (await batches.data.find(lost, [entry("a", 3).id])).values()
    (change,) = await batches.remove_rows("a", [RemovedRow(*row)], kept.version, "ann")
    assert await replica.wait_version(change.version, 60)
    before, data = await batches.get("a"), dict([item async for item in batches.data.read(lost)])
    await store.redis.hdel(batches.key("a"), lost.id, "")
    await store.redis.delete(batches.data.key(lost.id), batches.removed_key("a"))
    updates = replica._updates.batches
    refill = BatchRefill(store, replica.matcher, batches, updates, replica.preparation.files)
    assert await refill.write_back("a") == 19
    assert await batches.get("a") == before._replace(last=kept.version)
    assert dict([item async for item in batches.data.read(lost)]) == data
    assert await refill.write_back("a") == 0
    await list_store.delete_list("a", "ann")
    assert await refill.write_back("a") == 0
    assert (await batches.get("a")).batches == []
