"""All entries of a list by id."""

import random
from pathlib import Path

from tests.matching.batches.examples import entries, entry
from tests.support.batches import written_batch

from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.list_entries import ListEntries
from edgeward.matching.list_index import ListIndex

chance = random.Random(1)


def test_is_a_mapping_of_single_entries_and_rows(tmp_path: Path) -> None:
    """Each entry comes once, with its id; one that is both is the single one."""
    index, files = ListIndex("a"), BatchFiles(tmp_path)
    rows, single = entries(1500, chance), entries(3, chance)
    both = entry(bytes.fromhex(rows[7].signal.value), reason="single")
    for each in (*single, both):
        index.add(each)
    index.set_batches([written_batch(files, rows).as_of(1)], {}, files)
    view, expected = index.entries, {each.id: each for each in (*rows, *single, both)}
    assert isinstance(view, ListEntries)
    assert len(view) == len(expected) == 1503
    assert dict(view.items()) == dict(view) == expected
    assert len(list(view)) == len(list(view.values())) == len(list(view.items())) == 1503
    assert set(view.values()) == set(expected.values())
    assert view == expected
    for each in (*rows[5:10], *single, both):
        assert each.id in view
        assert view[each.id] == expected[each.id]
        assert (each.id, expected[each.id]) in view.items()
    assert both in view.values()
    unknown = entries(1, chance)[0]
    for absent in (unknown.id, "", "x", 5):
        assert absent not in view
    assert view.get(unknown.id) is None
    assert unknown not in view.values()


def test_goes_through_all_as_they_are_at_that_moment(tmp_path: Path) -> None:
    """Single entries may come and go while rows are read."""
    index, files = ListIndex("a"), BatchFiles(tmp_path)
    rows = entries(20, chance)
    batch = written_batch(files, rows).as_of(1)
    index.set_batches([batch], {}, files)
    going = iter(index.entries.values())
    found = [next(going)]
    index.add(entries(1, chance)[0])
    index.set_batches([], {}, files)
    files.remove_others([])
    assert {*found, *going} == set(rows)
    assert len(index.entries) == 1
