"""The batch of an import: what is new of its rows, beside the list as a matcher has it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.batches import written_batch

from edgeward.imports.batch_maker import BatchMaker, MadeBatch
from edgeward.imports.batch_rows import staged_pieces
from edgeward.imports.import_jobs import ImportJob, ImportJobs
from edgeward.imports.spool import Spool
from edgeward.lists.batches.batch_data import BatchData
from edgeward.lists.formats import WithdrawnSource
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.matcher import Matcher
from edgeward.store.connection import Store
from edgeward.types import Batch, Entry, HashList, RowRef, Signal


def signal(number: int) -> Signal:
    return Signal("md5", f"{number:032x}")


def row(number: int, source_id: str = "") -> ParsedHash:
    return ParsedHash(signal(number), "", source_id)


class Imports:
    """A list with one batch of 0 to 9, where each has a source's id, and 5 was removed; and the single entry 20."""

    def __init__(self, store: Store, directory: Path) -> None:
        self.jobs, self.data, self.matcher = ImportJobs(store), BatchData(store), Matcher()
        files = BatchFiles(directory)
        entries = [Entry("a", signal(n), "", "ann", 1.0, "job-0", f"s{n}") for n in range(10)]
        self.old = written_batch(files, entries, version=1)
        self.row_of = {}
        self.matcher.set_list(HashList("a"))
        steps = self.matcher.set_batches_steps("a", [self.old], {}, files)
        for _ in steps:
            pass
        index = self.matcher.batches("a")
        self.row_of = {int(index.entry_at(self.old.id, n).signal.value, 16): n for n in range(10)}
        self.matcher.remove_rows("a", [RowRef(self.old.id, self.row_of[5])])
        self.matcher.add_entry(Entry("a", signal(20)))

    async def make(self, *rows: ParsedHash | WithdrawnSource, purge_again: bool = False) -> MadeBatch:
        spool = Spool(None, "a")
        for each in rows:
            spool.add(each)
        counts = spool.finish()
        job = ImportJob(
            "a", "me", 2.0, counts.total, size=max(1, counts.total), is_batch=True, parts=counts.parts,
            withdrawals=counts.withdrawn, sources=counts.sources, purge_again=purge_again,
        )  # fmt: skip
        await self.jobs.create(job, (), spool.withdrawn(), spool.sources(), staged_pieces(spool, counts.parts))
        return await BatchMaker(job, "new", self.jobs, self.data, self.matcher, self.check).make()

    async def check(self) -> None:
        """Nobody cancels."""

    async def marked(self, batch: Batch, name: Callable[[str], str]) -> set[int]:
        """The numbers whose old rows are in a mask of a batch."""
        rows = {
            number: await self.data.has_row(name(self.old.id), "new", place) for number, place in self.row_of.items()
        }
        return {number for number, is_in in rows.items() if is_in}


@pytest.fixture
def imports(store: Store, tmp_path: Path) -> Imports:
    return Imports(store, tmp_path)


async def test_known_rows_are_marked_and_others_are_its_own(imports: Imports) -> None:
    """One that says something else replaces the old one; one that was removed is new; a single entry is known."""
    made = await imports.make(row(1, "s1"), row(2, "changed"), row(5, "s5"), row(20), row(30))
    assert tuple(made.numbers) == (2, 3, 0)
    assert made.batch.rows == 4
    assert await imports.marked(made.batch, lambda each: f"adds:{each}") == {1}
    assert await imports.marked(made.batch, lambda each: f"removes:{each}") == {2, 5}
    assert (made.batch.adds, made.batch.removes) == ({imports.old.id: 1}, {imports.old.id: 2})
    found = await imports.data.find(made.batch, [Entry("a", signal(number)).id for number in (2, 5, 20, 30, 1)])
    assert sorted(int(entry.signal.value, 16) for _, entry in found.values()) == [2, 5, 20, 30]


async def test_what_is_withdrawn_is_marked_once(imports: Imports) -> None:
    """By hash, by the id of its source, or by both; what is not listed is not counted."""
    off = [ParsedHash(signal(number), withdrawn=True) for number in (1, 2, 5, 77)]
    made = await imports.make(*off, WithdrawnSource(1, "s2"), WithdrawnSource(2, "s3"), WithdrawnSource(3, "none"))
    assert made.numbers.withdrawn == 3
    assert await imports.marked(made.batch, lambda each: f"removes:{each}") >= {1, 2, 3}
    assert (made.batch.rows, made.batch.adds) == (0, {})


async def test_to_purge_again_all_are_its_own(imports: Imports) -> None:
    """So that all are matched again."""
    made = await imports.make(row(1, "s1"), row(30), purge_again=True)
    assert tuple(made.numbers) == (1, 1, 0)
    assert (made.batch.rows, made.batch.adds) == (2, {})
    assert await imports.marked(made.batch, lambda each: f"removes:{each}") == {1}


async def test_whoever_cancels_it_ends_it(imports: Imports, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked meanwhile raises."""

    async def cancelled(_: Imports) -> None:
        raise KeyError("cancelled")

    monkeypatch.setattr(Imports, "check", cancelled)
    with pytest.raises(KeyError):
        await imports.make(row(30))
