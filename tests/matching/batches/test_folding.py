"""Which rows are listed, compared with a model that applies one row after the other."""

import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.matching.batches.examples import History, entries

from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.folding import NOTHING, Folded, fold
from edgeward.matching.batches.open_batch import OpenBatch
from edgeward.matching.time_slicing import run_to_end
from edgeward.types import RowRef

DRAWN = st.integers(0, 1 << 30)


class Folding:
    """Folds a history anew, and upon the last fold."""

    def __init__(self, history: History) -> None:
        self.history, self.last = history, NOTHING
        self._opened: dict[str, OpenBatch] = {}

    def check(self) -> None:
        history = self.history
        for batch in history.batches:
            if batch.id not in self._opened:
                self._opened[batch.id] = history.files.open(batch)
        anew = run_to_end(fold(history.batches, history.removed, self._opened, NOTHING))
        self.last = run_to_end(fold(history.batches, history.removed, self._opened, self.last))
        assert rows_of(anew) == history.listed()
        assert rows_of(self.last) == history.listed()


def rows_of(folded: Folded) -> set[RowRef]:
    return {
        RowRef(batch.id, row)
        for batch in folded.batches
        for row in folded.listed.numbers(batch.id, 0, batch.rows).tolist()
    }


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["add", "add", "undo", "redo", "remove"]), DRAWN), min_size=4, max_size=12))
def test_what_is_listed_is_what_batches_say_in_order(steps: list[tuple[str, int]]) -> None:
    """After any history of batches, undoing and single removals, folded anew or upon the last fold."""
    files = BatchFiles.temporary()
    folding = Folding(History(files))
    history = folding.history
    for kind, seed in steps:
        chance = random.Random(seed)
        refs = list(history.rows)
        if kind == "add":
            picked = chance.sample(refs, chance.randrange(len(refs) + 1) // 2)
            middle = chance.randrange(len(picked) + 1)
            removes = picked[:middle] + picked[-2:]
            history.add(entries(chance.choice((0, 1, 7, 8, 19)), chance), adds=picked[middle:], removes=removes)
        elif kind == "remove" and refs:
            history.remove(chance.choice(refs))
        elif history.batches:
            history.undo(chance.randrange(len(history.batches)), kind == "undo")
        if chance.random() < 0.7:
            folding.check()
    folding.check()


def test_undoing_takes_back_what_a_batch_did(tmp_path: Path) -> None:
    """What an import replaced is listed again if it is undone; what another lists too stays."""
    history = History(BatchFiles(tmp_path))
    chance = random.Random(1)
    old = history.add(entries(3, chance))
    first, second, third = (RowRef(old.id, row) for row in range(3))
    new = history.add(entries(1, chance), adds=[first], removes=[second])
    folding = Folding(history)
    folding.check()
    assert rows_of(folding.last) == {first, third, RowRef(new.id, 0)}
    history.undo(0)
    folding.check()
    assert rows_of(folding.last) == {first, RowRef(new.id, 0)}
    history.undo(1)
    history.undo(0, undone=False)
    folding.check()
    assert rows_of(folding.last) == {first, second, third}


def test_batches_that_are_gone_are_passed_over(tmp_path: Path) -> None:
    """A mask for a batch that the list has no more is not read."""
    history = History(BatchFiles(tmp_path))
    old = history.add(entries(3, random.Random(1)))
    new = history.add(entries(2, random.Random(2)), adds=[RowRef(old.id, 0)], removes=[RowRef(old.id, 1)])
    folded = run_to_end(fold([new], {RowRef(old.id, 2): 9}, {new.id: history.files.open(new)}, NOTHING))
    assert rows_of(folded) == {RowRef(new.id, 0), RowRef(new.id, 1)}


def test_what_arrives_late_counts_at_its_version(tmp_path: Path) -> None:
    """A removal or a batch that is heard of late is applied in the order of versions."""
    history = History(BatchFiles(tmp_path))
    old = history.add(entries(3, random.Random(1)))
    ref = RowRef(old.id, 0)
    late = history.add(entries(2, random.Random(2)), removes=[ref])
    again = history.add([], adds=[ref])
    opened = {batch.id: history.files.open(batch) for batch in history.batches}
    removals = {ref: late.version}
    first = run_to_end(fold([old, again], {}, opened, NOTHING))
    for batches, removed in (([old, again], removals), ([old, late, again], {})):
        assert ref in rows_of(run_to_end(fold(batches, removed, opened, first)))
    history.remove(ref)
    first = run_to_end(fold([old], history.removed, opened, NOTHING))
    assert ref not in rows_of(run_to_end(fold([old, again], history.removed, opened, first)))
