"""The batches of a list as they would be, and as they were."""

from dataclasses import replace

from tests.lists.entries import entry
from tests.support.stored_batches import list_batch

from edgeward.lists.batches.batch_store import RemovedRow, Undone
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.matching.batches.batch_index import BatchState
from edgeward.matching.batches.listed_rows import ListedRows
from edgeward.matching.batches.row_sets import entries_of
from edgeward.types import Batch


def numbers(state: BatchState, rows: ListedRows) -> list[int]:
    return sorted(int(each.signal.value, 16) for each in entries_of(state, rows))


async def undo(list_store: ListStore, batch: Batch) -> int:
    stored = await list_store.batches.get("a")
    act = replace(await list_store.acts.get(batch.act), undone_by="ann")
    return await list_store.batches.undo(act, batch.id, stored.last, Undone(0, 0, 0))


async def test_states_of_two_versions(list_store: ListStore, replica: Replica) -> None:
    """Of any two, also before batches that are undone and off the record by now, and of single removals."""
    batches, states = list_store.batches, replica.batch_states
    one = await list_batch(list_store, [entry("a", number) for number in range(5)], act="act-1")
    (row,) = (await batches.data.find(one, [entry("a", 3).id])).values()
    (removal,) = await batches.remove_rows("a", [RemovedRow(*row)], one.version, "ann")
    two = await list_batch(list_store, [entry("a", number) for number in range(10, 13)], act="act-2")
    effect = await states.effect_of_undo(await batches.get("a"), two, [entry("a", 11)], 10)
    assert (effect.removed, effect.kept, effect.restored) == (2, 1, 0)
    undone = await undo(list_store, two)
    three = await list_batch(list_store, [entry("a", 11), entry("a", 12)], act="act-3")
    await batches.drop_undone("a")
    assert [each.id for each in await batches.old_of("a")] == [two.id]
    expected = {
        (one.version - 1, one.version): ([], [0, 1, 2, 3, 4]),
        (one.version, removal.version): ([3], []),
        (removal.version, two.version): ([], [10, 11, 12]),
        (two.version, undone): ([10, 11, 12], []),
        (two.version, three.version): ([10], []),
        (undone, three.version): ([], [11, 12]),
        (one.version - 1, three.version): ([], [0, 1, 2, 4, 11, 12]),
        (three.version, three.version): ([], []),
    }
    for (first, last), (removed, added) in expected.items():
        found = await states.between("a", first, last)
        got = numbers(found.before, found.removed), numbers(found.after, found.added)
        assert got == (removed, added), (first, last)
    stored, state = await states.now("a")
    assert (stored.last, numbers(state, state.listed)) == (three.version, [0, 1, 2, 4, 11, 12])
