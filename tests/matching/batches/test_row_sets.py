"""Sets of rows of a list's batches."""

from collections.abc import Iterator
from itertools import batched
from pathlib import Path

import pytest
from tests.support.batches import written_batch

from edgeward.matching.batches import row_sets as module
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchState
from edgeward.matching.batches.row_sets import (
    copies_of,
    entries_from,
    entries_of,
    find_rows,
    no_rows,
    not_listed_in,
    places_of,
    refs_of,
    rows_of_act,
    rows_of_signals,
    rows_where,
    size_of,
    switch_off,
    take_out,
    with_copies,
)
from edgeward.matching.batches.state_difference import state_of
from edgeward.types import Batch, Entry, RowRef, Signal


def entry(number: int, source_id: str = "") -> Entry:
    return Entry("a", Signal("md5", f"{number:032x}"), "", "ann", 1.0, "", source_id)


def numbers(entries: Iterator[Entry]) -> list[int]:
    return sorted(int(each.signal.value, 16) for each in entries)


@pytest.fixture
def state(tmp_path: Path) -> BatchState:
    """0 to 9 of act-1, which is undone; act-2 adds 0 to 4, takes 5 off and has 7 and 20 to 3000; act-3 adds 0 and 1."""
    files = BatchFiles(tmp_path)
    old = written_batch(files, [entry(number) for number in range(10)], act="act-1", version=1, undone=True)
    numbers_of = ordered(files, old)
    rows = {number: row for row, number in enumerate(numbers_of)}
    new = written_batch(
        files,
        [entry(number, "s") for number in (7, *range(20, 3000))],
        act="act-2",
        version=2,
        adds=[(old, [rows[number] for number in range(5)])],
        removes=[(old, [rows[5], rows[7]])],
    )
    last = written_batch(
        files, [], list="a", by="bob", at=2.0, act="act-3", version=3, adds=[(old, [rows[0], rows[1], rows[6]])]
    )
    return state_of("a", [old, new, last], {}, files)


def ordered(files: BatchFiles, batch: Batch) -> list[int]:
    one = state_of("a", [Batch(batch.id, "a", "ann", 1.0, parts=batch.parts, version=1)], {}, files)
    return [int(one.provenance.entry(batch.id, row).signal.value, 16) for row in range(batch.rows)]


def test_rows_of_an_act(state: BatchState) -> None:
    """Its own, and those of undone batches that it was the first to add."""
    assert numbers(entries_of(state, rows_of_act(state, "act-2"))) == [0, 1, 2, 3, 4, 7, *range(20, 3000)]
    assert numbers(entries_of(state, rows_of_act(state, "act-3"))) == [6]
    assert size_of(rows_of_act(state, "act-1")) == 0


def test_rows_where_and_whose(state: BatchState) -> None:
    """By what is said of entries, and by their values and ids; what is not listed is in none."""
    chosen = rows_where(state, lambda each: each.source_id == "s" and each.signal.value.endswith("ff"))
    assert numbers(entries_of(state, chosen)) == [number for number in range(20, 3000) if number % 256 == 255]
    asked = [entry(number) for number in (0, 5, 9, 20, 4000)]
    places = places_of(state, [*asked, Entry("a", Signal("sha1", "0" * 40))])
    assert len(places) == 2
    refs = rows_of_signals(state, [each.signal for each in asked])
    assert {int(signal.value, 16) for signal in refs} == {0, 20}
    assert find_rows(state, "a", [each.id for each in asked]) == sorted(
        refs.values(), key=lambda ref: entry_id(state, ref)
    )
    assert set(refs_of(state, state.listed)) >= set(refs.values())
    all_rows = no_rows(state)
    all_rows.bits[:] = state.listed.bits
    switch_off(all_rows, places)
    take_out(all_rows, [next(iter(refs.values()))])
    assert size_of(state.listed) - size_of(all_rows) == 2


def entry_id(state: BatchState, ref: RowRef) -> str:
    return state.provenance.entry(ref.batch, ref.row).id


def test_copies_are_all_rows_of_a_value(state: BatchState) -> None:
    """Listed or not."""
    assert len(copies_of(state, entry(7).signal)) == 2
    assert len(copies_of(state, entry(20).signal)) == 1
    assert copies_of(state, entry(4000).signal) == []
    chosen = rows_where(state, lambda each: each.signal == entry(7).signal)
    assert (size_of(chosen), size_of(with_copies(state, chosen))) == (1, 2)


def test_what_was_not_listed_before(state: BatchState, tmp_path: Path) -> None:
    """By the values of rows, whatever batch they are of."""
    before = state_of("a", [written_batch(BatchFiles(tmp_path), [entry(20), entry(21)])], {}, BatchFiles(tmp_path))
    new = numbers(entries_of(state, not_listed_in(before, state)))
    assert new == [0, 1, 2, 3, 4, 6, 7, *range(22, 3000)]


def test_entries_are_read_from_a_place_on(state: BatchState, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some at a time, each once, up to the last."""
    monkeypatch.setattr(module, "ROWS_PER_LOOK", 7)
    found, place = list[Entry](), (0, 0)
    for _ in batched(range(3000), 500):
        some, end = entries_from(state, place, 500)
        found += some
        if end is None:
            break
        place = end
    assert (end, numbers(iter(found))) == (None, numbers(entries_of(state, state.listed)))
    assert len(found) == size_of(state.listed) == 2987
