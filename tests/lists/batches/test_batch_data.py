"""The data of batches in a real store."""

from tests.lists.entries import entry
from tests.support.batches import packed_batch

from edgeward.lists.batches.batch_data import BatchData
from edgeward.store.connection import Store
from edgeward.types import Entry, RowRef, Signal
from edgeward.types.batches import adds_field


async def test_data_are_read_as_they_were_written(store: Store) -> None:
    """In their order, and gone once they are discarded."""
    old, _ = packed_batch([entry(number=number) for number in range(3)], by="me", at=1.0)
    batch, written = packed_batch([entry(number=number) for number in range(3000)], adds=[(old, [0, 2])])
    data = BatchData(store)
    assert not await data.exists(batch.id)
    await data.write(batch.id, written.items())
    assert [pair async for pair in data.read(batch)] == list(written.items())
    name = adds_field(old.id)
    assert [await data.has_row(name, batch.id, row) for row in (0, 1, 2, 3, 99)] == [True, False, True, False, False]
    assert not await data.has_row(adds_field("other"), batch.id, 0)
    assert await data.value(batch.id, "rows:9:9") is None
    await data.discard(batch.id)
    assert not await data.exists(batch.id)


async def test_entries_are_found_by_their_ids(store: Store) -> None:
    """With the number of their row; ids that no row has are left out."""
    entries = [Entry("a", Signal("md5", f"{number:032x}"), source_id=f"s{number}") for number in range(2500)]
    entries += [Entry("a", Signal("pdq", f"{number:064x}", 50)) for number in range(10)]
    batch, written = packed_batch(entries, by="me", at=1.0, act="act-1")
    data = BatchData(store)
    await data.write(batch.id, written.items())
    wanted = [entries[number] for number in (0, 1234, 2499, 2505)]
    found = await data.find(batch, [*(each.id for each in wanted), "f" * 20])
    assert found.keys() == {each.id for each in wanted}
    for each in wanted:
        ref, entry_found = found[each.id]
        assert (entry_found.signal, entry_found.source_id, entry_found.act) == (each.signal, each.source_id, "act-1")
        part = batch.part_of(ref.row)
        assert (part.type, ref.batch) == (each.signal.type, batch.id)
    assert len({ref for ref, _ in found.values()}) == 4
    assert all(isinstance(ref, RowRef) for ref, _ in found.values())
