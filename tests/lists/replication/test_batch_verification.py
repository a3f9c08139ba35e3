"""Segments that have lost bits are noticed, and built again from the store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.matching.examples import image
from tests.support.eventually import eventually
from tests.support.stored_batches import list_batch

from edgeward import metrics
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import batch_merging, batch_verification
from edgeward.lists.replication.replica import Replica
from edgeward.matching.batches import batch_index
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.segments.segment_file import PAGE_BYTES
from edgeward.store.connection import Store
from edgeward.types import Entry, Signal

ROWS = [Entry("a", Signal("md5", f"{number + 1:032x}")) for number in range(50)]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (batch_verification, batch_merging):
        monkeypatch.setattr(module, "PAUSE_SECONDS", 0.05)


@pytest.fixture
async def replica(store: Store, tmp_path: Path) -> AsyncIterator[Replica]:
    made = Replica(store, "one", batch_files=BatchFiles(tmp_path))
    yield made
    await made.close()


def lose_bits(directory: Path, suffix: str = "segment") -> list[Path]:
    """All bytes of the arrays become 0; length and header stay."""
    damaged = []
    for path in directory.glob(f"*.{suffix}"):
        with path.open("r+b") as file:  # in place: a process that has it mapped would end if it became shorter
            file.seek(PAGE_BYTES)
            file.write(bytes(path.stat().st_size - PAGE_BYTES))
        damaged.append(path)
    return damaged


async def matches_all(replica: Replica) -> bool:
    found = [await replica.matcher.matches_async(image(each.signal)) for each in ROWS]
    return all(found)


async def test_a_small_segment_is_compared_when_it_is_opened(
    list_store: ListStore, replica: Replica, tmp_path: Path
) -> None:
    """So it is built again before the first image is judged."""
    await list_batch(list_store, ROWS, BatchFiles(tmp_path))
    assert lose_bits(tmp_path)
    await replica.start()
    assert replica.ready and await matches_all(replica)


async def test_a_large_one_is_compared_soon(
    list_store: ListStore, replica: Replica, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted, and built again; meanwhile images are judged by `policy.not_ready`. Another process of the machine
    that has it open goes over to the new file too, and does not remove that."""
    monkeypatch.setattr(batch_index, "VERIFIED_BYTES", 0)
    await list_batch(list_store, ROWS, BatchFiles(tmp_path))
    (path,) = lose_bits(tmp_path)
    before = metrics.batch_files_damaged._value.get()
    other = Replica(store, "two", batch_files=BatchFiles(tmp_path))
    for each in (replica, other):
        await each.start()
    for each in (replica, other):

        async def is_whole(one: Replica = each) -> bool:
            return one.ready and await matches_all(one)

        await eventually(is_whole, "the new files")
    assert metrics.batch_files_damaged._value.get() - before == 1
    assert path.is_file()
    await other.close()


async def test_a_merged_one_is_given_up(
    list_store: ListStore, replica: Replica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The segments of its batches say the same; it is made again."""
    monkeypatch.setattr(batch_index, "VERIFIED_BYTES", 0)
    half = len(ROWS) // 2
    for some in (ROWS[:half], ROWS[half:]):
        await list_batch(list_store, some, BatchFiles(tmp_path))
    await replica.start()

    def is_merged() -> bool:
        return all(len(each) == 1 for each in replica.matcher.batches("a").state.segments.values())

    await eventually(is_merged)
    await replica.close()
    (path,) = lose_bits(tmp_path, "merged")
    again = Replica(replica._store, "again", batch_files=BatchFiles(tmp_path))
    await again.start()

    async def is_whole() -> bool:
        return not path.exists() and await matches_all(again)

    await eventually(is_whole, "the merged segment to go")
    await again.close()
