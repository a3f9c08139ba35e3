"""The batches of the store act in the matcher of a replica."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.lists.entries import entry, image
from tests.support.stored_batches import list_batch

from edgeward.errors import Unavailable
from edgeward.lists.batches.batch_store import RemovedRow
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.batch_preparation import BatchPreparation
from edgeward.lists.replication.batch_updates import BatchUpdates
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.matcher import Matcher
from edgeward.store.connection import Store
from edgeward.types import HashList, RowRef


async def between() -> None:
    pass


@pytest.fixture
async def updates(store: Store, list_store: ListStore, tmp_path: Path) -> AsyncIterator[BatchUpdates]:
    """Those of a matcher that has the list "a"."""
    matcher = Matcher()
    matcher.set_list(HashList("a"))
    preparation = BatchPreparation("one", BatchFiles(tmp_path), store, list_store.membership, between)
    one = BatchUpdates(matcher, list_store.batches, preparation)
    one.matcher = matcher  # type: ignore[attr-defined]
    yield one
    await one.close()


def matcher_of(updates: BatchUpdates) -> Matcher:
    found: Matcher = updates.matcher  # type: ignore[attr-defined]
    return found


async def test_batches_act_once_their_files_are_there(updates: BatchUpdates, list_store: ListStore) -> None:
    """They are built; a row that was removed by itself is off."""
    batch = await list_batch(list_store, [entry(number=number) for number in range(5)])
    rows = [RemovedRow(RowRef(batch.id, 0), entry(number=99))]
    await list_store.batches.remove_rows("a", rows, batch.version, "me")
    assert await updates.load("a", keep_others=False) == ([], 0)
    index = matcher_of(updates).batches("a")
    assert len(index) == 4
    on = [number for number in range(5) if matcher_of(updates).verdict(image(entry(number=number))).blocks]
    assert len(on) == 4
    assert updates.acting("a") == 1
    updates.forget("a")
    assert updates.acting("a") == 0


async def test_damaged_files_are_built_again(updates: BatchUpdates, list_store: ListStore, tmp_path: Path) -> None:
    """Whichever of them it is; a directory that can't be written to is an error."""
    await list_batch(list_store, [entry(number=number) for number in range(5)])
    await updates.load("a", keep_others=False)
    for name in ("*.segment", "*.sqlite"):
        (path,) = tmp_path.glob(name)
        path.write_bytes(path.read_bytes()[:100])
        again = Matcher()
        again.set_list(HashList("a"))
        store = list_store.batches.store
        preparation = BatchPreparation("two", BatchFiles(tmp_path), store, list_store.membership, between)
        other = BatchUpdates(again, list_store.batches, preparation)
        await other.load("a", keep_others=False)
        assert again.verdict(image(entry(number=3))).blocks
        await other.close()
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    preparation = BatchPreparation("three", BatchFiles(blocked), store, list_store.membership, between)
    third = BatchUpdates(Matcher(), list_store.batches, preparation)
    with pytest.raises((Unavailable, OSError)):
        await third.load("a", keep_others=False)
    await third.close()


async def test_what_the_store_lost_goes_on(updates: BatchUpdates, list_store: ListStore) -> None:
    """If others are to be kept; else the matcher has what the store has."""
    batch = await list_batch(list_store, [entry(number=1), entry(number=2)])
    await updates.load("a", keep_others=False)
    await list_store.batches.store.redis.delete(list_store.batches.key("a"))
    assert await updates.load("a", keep_others=True) == ([], 2)
    assert [each.id for each in updates.of("a").batches] == [batch.id]
    assert matcher_of(updates).verdict(image(entry(number=1))).blocks
    await updates.load("a", keep_others=False)
    assert not matcher_of(updates).verdict(image(entry(number=1))).blocks
