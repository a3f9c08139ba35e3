"""Which segments are searched."""

import random
from pathlib import Path

import numpy as np
from tests.matching.segments.examples import MD5, written

from edgeward.matching.batches.listed_rows import ListedRows
from edgeward.matching.batches.merged_segments import MergedSegment, OpenMerged
from edgeward.matching.batches.searched_segments import SearchedSegment, choose_segments
from edgeward.matching.batches.value_search import ValueSearch


def search(path: Path) -> ValueSearch:
    chance = random.Random(path.name)
    return ValueSearch(written(path, MD5, [chance.randbytes(16) for _ in range(3)]), "md5", 16)


def test_each_row_is_in_one_segment(tmp_path: Path) -> None:
    """The largest merged segments first; one that helps little is not searched, and no batch twice."""
    searches = {name: search(tmp_path / name) for name in "abcdef"}
    kind = ("md5", 16)
    sizes = {"small": ("ab", 10), "large": ("bcx", 100), "single": ("ey", 90), "useless": ("xy", 9)}
    merged = [
        OpenMerged(MergedSegment(name, *kind, batches, rows), search(tmp_path / name))
        for name, (batches, rows) in sizes.items()
    ]
    chosen = choose_segments({kind: searches, ("md5", 20): {"z": searches["a"]}}, merged)
    assert chosen[kind] == [
        (merged[1].search, ["b", "c", ""]),
        *((searches[name], (name,)) for name in "adef"),
    ]
    assert chosen["md5", 20] == [(searches["a"], ("z",))]


def test_references_name_the_batch_by_its_position(tmp_path: Path) -> None:
    """Rows of a batch that is gone, and those that are off, are not listed."""
    listed = ListedRows({"a": 9, "b": 3})
    for name in "ab":
        listed.set_all(name)
    listed.switch_off("b", 1)
    segment = SearchedSegment(search(tmp_path / "x"), ("gone", "b", "a"))
    refs = np.array([0 << 32 | 1, 1 << 32 | 2, 1 << 32 | 1, 2 << 32 | 8], np.uint64)
    owners, rows, places = segment.places(listed, refs)
    assert (owners.tolist(), rows.tolist(), places.tolist()) == ([0, 1, 1, 2], [1, 2, 1, 8], [-1, 18, 17, 8])
    owned, on, there = segment.listed(listed, refs)
    assert (owned, on, there.tolist()) == ([1, 2], [2, 8], [1, 3])
    assert segment.listed(listed, refs[:0])[:2] == ([], [])
