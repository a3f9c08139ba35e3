"""What is listed of a list's batches, compared with brute force and with a model."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.matching.batches.examples import History, entries, entry
from tests.matching.segments.examples import flipped, force_bands
from tests.support.batches import written_batch

from edgeward.errors import DamagedSegment
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchIndex
from edgeward.types import Entry, RowRef, Signal

type Found = set[tuple[int, Entry, int]]


def near(index: BatchIndex, signal_type: str, queries: list[str], radius: int) -> Found:
    """All that is found; empty if nothing of the type is listed."""
    bits = 4 * len(queries[0])
    return {found for piece in index.near((signal_type, bits), queries, radius) for found in piece}


def brute_force(listed: set[Entry], signal_type: str, queries: list[str], radius: int) -> Found:
    return {
        (number, each, apart)
        for number, query in enumerate(queries)
        for each in listed
        if each.signal.type == signal_type
        and len(each.signal.value) == len(query)
        and (apart := (int(each.signal.value, 16) ^ int(query, 16)).bit_count()) <= radius
    }


def check(index: BatchIndex, history: History, chance: random.Random) -> None:
    """The index says the same as the model, whatever it is asked."""
    listed = {ref: history.expected(ref) for ref in history.listed()}
    assert len(index) == len(listed)
    assert {name: number for name, number in index.counts().items() if number} == Counter(
        each.signal.type for each in listed.values()
    )
    assert Counter(index.entries()) == Counter(listed.values())
    assert Counter(index.ids()) == Counter(each.id for each in listed.values())
    for ref, each in history.rows.items():
        assert index.exact(each.signal) == listed.get(ref)
        assert index.ref_of(each.signal) == (ref if ref in listed else None)
        assert index.find(each.id) == listed.get(ref)
    values = [each.signal.value for each in history.rows.values() if each.signal.type == "pdq"]
    if values:
        queries = [flipped(bytes.fromhex(chance.choice(values)), chance.randrange(70), chance).hex() for _ in range(3)]
        for radius in (0, 31, 64):
            assert near(index, "pdq", queries, radius) == brute_force(set(listed.values()), "pdq", queries, radius)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 1 << 30))
def test_any_history(seed: int) -> None:
    """After imports that add, replace and withdraw, undoing and single removals, exactly what is listed is found."""
    chance = random.Random(seed)
    history, index = History(BatchFiles.temporary()), BatchIndex("a")
    for _ in range(chance.randrange(2, 7)):
        refs = list(history.rows)
        what = chance.choice(["add", "add", "undo", "remove"])
        if what == "undo" and history.batches:
            history.undo(chance.randrange(len(history.batches)))
        elif what == "remove" and refs:
            ref = chance.choice(refs)
            was_listed = ref in history.listed()
            history.remove(ref)
            assert index.remove_rows([ref, RowRef(ref.batch, 99), RowRef("x", 0)]) == ([ref] if was_listed else [])
            check(index, history, chance)
            continue
        else:
            some = [*entries(chance.randrange(12), chance), *entries(chance.randrange(5), chance, "md5")]
            picked = chance.sample(refs, len(refs) // 2)
            history.add(some, adds=picked[::2], removes=picked[1::2])
        index.fold(history.batches, history.removed, history.files)
        check(index, history, chance)


SETS = {
    "random": lambda chance: [chance.randbytes(32) for _ in range(200)],
    "one bucket": lambda chance: [bytes(28) + chance.randbytes(4) for _ in range(200)],
    "one bit apart": lambda chance: [(1 << bit).to_bytes(32) for bit in range(200)],
    "variants of few": lambda chance: [flipped(bytes([number % 4]) * 32, number % 70, chance) for number in range(200)],
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("bands", [True, False])
def test_recall_and_precision_are_one(name: str, bands: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over several batches, with radius 0 to 64, however values are distributed; also after rows were removed."""
    if bands:
        force_bands(monkeypatch)
    chance = random.Random(name)
    values = list(dict.fromkeys(SETS[name](chance)))
    listed = [entry(value) for value in values]
    files, index = BatchFiles(tmp_path), BatchIndex("a")
    batches = [written_batch(files, listed[number::3]).as_of(number + 1) for number in range(3)]
    index.fold(batches, {}, files)
    queries = [flipped(chance.choice(values), chance.randrange(40), chance).hex() for _ in range(6)]
    for removed in (0, 40):
        refs = [index.ref_of(each.signal) for each in listed[:removed]]
        index.remove_rows(ref for ref in refs if ref)
        for radius in (0, 1, 31, 64):
            expected = brute_force(set(listed[removed:]), "pdq", queries, radius)
            assert near(index, "pdq", queries, radius) == expected
            rows = {row for piece in index.near_rows(("pdq", 256), queries, radius) for row in piece}
            assert {(number, index.row(ref)[1], apart) for ref, number, apart in rows} == expected


def test_values_are_located(tmp_path: Path) -> None:
    """The listed copy of a value, else one of a batch that is not undone, else none."""
    files, chance = BatchFiles(tmp_path), random.Random(1)
    one, two, three, four, five, six = entries(6, chance)
    history = History(files)
    first = history.add([one, two, three])
    ref = {
        each.signal.value: RowRef(first.id, row) for row in range(3) for each in [history.rows[RowRef(first.id, row)]]
    }
    second = history.add([two, four], removes=[ref[two.signal.value], ref[three.signal.value]])
    third = history.add([five, six])
    history.add([], adds=[ref for ref, each in history.rows.items() if each.signal == six.signal])
    history.undo(2)
    index = BatchIndex("a")
    index.fold(history.batches, history.removed, files)
    values = np.array([list(bytes.fromhex(each.signal.value)) for each in (one, two, three, four, five)], np.uint8)
    for some in (values, np.tile(values, (20, 1))):  # few are searched in another way than many
        located = index.locate("pdq", 32, some)
        assert located.on.tolist() == [True, True, False, True, False] * (len(some) // 5)
        owners = [located.batches[number] if number >= 0 else None for number in located.batch.tolist()]
        assert owners[:5] == [first.id, second.id, first.id, second.id, None]
        for number, each in enumerate((one, two, three, four)):
            row, found = index.row(RowRef(owners[number] or "", int(located.row[number])))
            assert (row.value, row.source_id, found.signal) == (some[number].tobytes(), each.source_id, each.signal)
            assert index.entry_at(owners[number] or "", int(located.row[number])) == found
    assert third.id in located.batches
    assert index.locate("md5", 16, np.zeros((2, 16), np.uint8)).batch.tolist() == [-1, -1]


def test_an_error_changes_nothing(tmp_path: Path) -> None:
    """If a batch can't be opened, all stays as it was, and rows that are removed meanwhile are removed."""
    files, index = BatchFiles(tmp_path), BatchIndex("a")
    batch = written_batch(files, entries(10, random.Random(1))).as_of(1)
    index.fold([batch], {}, files)
    missing, damaged = (written_batch(files, entries(3, random.Random(number))).as_of(2) for number in (2, 3))
    files.remove(missing.id)
    (tmp_path / f"{damaged.id}.sqlite").write_bytes(b"x")
    for wrong, error in ((missing, FileNotFoundError), (damaged, DamagedSegment)):
        with pytest.raises(error):
            index.fold([batch, wrong], {RowRef(batch.id, 0): 3}, files)
    assert (len(index), index.batches) == (10, [batch])
    index.remove_rows([RowRef(batch.id, 1)])
    index.fold([batch], {RowRef(batch.id, 1): 3}, files)
    assert len(index) == 9


@pytest.mark.parametrize("step", range(1, 6))
def test_rows_are_removed_during_a_fold(step: int, tmp_path: Path) -> None:
    """A row that is removed between two steps is off at once, and afterwards, though the fold does not know of it."""
    files = BatchFiles(tmp_path)
    history, index = History(files), BatchIndex("a")
    first = history.add(entries(10, random.Random(1)))
    index.fold(history.batches, {}, files)
    early, late = RowRef(first.id, 1), RowRef(first.id, 2)
    index.remove_rows([early])
    history.remove(early)
    removed = dict(history.removed)
    history.add(entries(10, random.Random(2)), adds=[early])
    steps = index.fold_steps(list(history.batches), removed, files)
    for _ in range(step):
        next(steps)
    assert index.remove_rows([late]) == [late]
    history.remove(late)
    for _ in steps:
        assert len(index) == 8
    assert len(index) == 19
    assert set(index.entries()) == {history.expected(ref) for ref in history.listed()}
    index.fold(history.batches, history.removed, files)
    assert len(index) == 19


def test_the_store_says_what_is_removed(tmp_path: Path) -> None:
    """A row that was switched off, and is not among the removed of the next fold, is on again: the store lost that."""
    files, index = BatchFiles(tmp_path), BatchIndex("a")
    batch = written_batch(files, entries(10, random.Random(1))).as_of(1)
    index.fold([batch], {}, files)
    index.remove_rows([RowRef(batch.id, 3)])
    index.fold([batch], {}, files)
    assert len(index) == 10
    index.fold([batch], {RowRef(batch.id, 3): 2}, files)
    index.fold([batch], {}, files)
    assert len(index) == 10


def test_a_fold_takes_up_what_did_not_change(tmp_path: Path) -> None:
    """A batch that is known is not opened again."""
    files, index = BatchFiles(tmp_path), BatchIndex("a")
    batch = written_batch(files, entries(10, random.Random(1))).as_of(1)
    index.fold([batch], {}, files)
    files.remove(batch.id)
    index.fold([batch], {RowRef(batch.id, 0): 2}, files)
    assert len(index) == 9
    index.fold([], {}, files)
    assert (len(index), list(index.entries()), index.index_keys) == (0, [], [])
    with pytest.raises(FileNotFoundError):
        index.fold([batch], {}, files)


def test_perceptual_types_have_keys(tmp_path: Path) -> None:
    """Those of which a row is listed."""
    files, index, chance = BatchFiles(tmp_path), BatchIndex("a"), random.Random(1)
    some = [*entries(2, chance), *entries(1, chance, "phash"), *entries(1, chance, "md5")]
    batch = written_batch(files, some).as_of(1)
    index.fold([batch], {}, files)
    assert index.index_keys == [("pdq", 256), ("phash", 64)]
    phash = index.ref_of(some[2].signal)
    assert phash
    index.remove_rows([phash])
    assert index.index_keys == [("pdq", 256)]
    assert list(index.near(("phash", 64), [some[2].signal.value], 64)) in ([], [[]])
    assert index.counts() == {"pdq": 2, "phash": 0, "md5": 1}


def test_rows_of_sources(tmp_path: Path) -> None:
    """The listed rows with these ids of their sources; not those of which now another batch says it."""
    history = History(BatchFiles(tmp_path))
    first = history.add(entries(10, random.Random(1)))
    index = BatchIndex("a")
    index.fold(history.batches, {}, history.files)
    found = list(index.rows_of_sources({"s3", "s7", "x"}))
    assert sorted(history.rows[ref].source_id for ref in found) == ["s3", "s7"]
    index.remove_rows(found[:1])
    assert list(index.rows_of_sources({"s3", "s7"})) == found[1:]
    history.add([], adds=[RowRef(first.id, row) for row in range(10)])
    history.undo(0)
    index.fold(history.batches, {}, history.files)
    assert len(index) == 10
    assert list(index.rows_of_sources({"s3", "s7"})) == []


def test_malformed_values_are_not_listed(tmp_path: Path) -> None:
    """A value that is not hexadecimal is nowhere."""
    index, files = BatchIndex("a"), BatchFiles(tmp_path)
    index.fold([written_batch(files, entries(1, random.Random(1), "md5")).as_of(1)], {}, files)
    assert index.exact(Signal("md5", "x" * 32)) is None
