"""What differs between two states of a list's batches, against what each state lists."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.imported_batches import Lists, entry, listed

from edgeward.matching.batches.row_sets import entries_of, size_of
from edgeward.matching.batches.state_difference import StateDifference, effect_of_undo


@pytest.fixture
def lists(tmp_path: Path) -> Lists:
    return Lists(tmp_path)


def test_what_an_undo_does_is_told_by_entry(lists: Lists) -> None:
    """New ones are removed, known ones, replaced ones and single ones stay, withdrawn ones come back."""
    old = lists.list([entry(number, "s") for number in range(10)])
    changed, known, new = entry(0, "t"), entry(1, "s"), [entry(10), entry(11), entry(12)]
    batch = lists.list([changed, known, *new], withdrawn=[entry(2), entry(3)])
    singles = [replace(entry(12), act="act-9"), replace(entry(3), act="act-9"), entry(77)]
    effect = effect_of_undo(lists.state(), lists.state(batch.id), batch, singles, 10)
    assert (effect.removed, effect.kept, effect.restored) == (2, 3, 1)
    told = sorted((each.what, int(each.entry.signal.value, 16), each.act) for each in effect.fates)
    assert told == [
        *(("kept", 0, old.act), ("kept", 1, old.act), ("kept", 12, "act-9")),
        *(("removed", 10, ""), ("removed", 11, "")),
        ("restored", 2, old.act),
    ]
    assert [each.what for each in effect_of_undo(lists.state(), lists.state(batch.id), batch, singles, 1).fates] == [
        *("removed", "kept", "restored")
    ]


def test_differences_are_those_of_the_lists(lists: Lists) -> None:
    """By random imports, withdrawals, undos and single removals, which rows differ is which entries do."""
    rng = random.Random(5)
    for step in range(14):
        entries = [entry(rng.randrange(120), rng.choice("st")) for _ in range(rng.randrange(1, 60))]
        distinct = list({each.id: each for each in entries}.values())
        lists.list(distinct[: len(distinct) // 2 + 1], withdrawn=distinct[len(distinct) // 2 + 1 :])
        chosen = rng.choice(lists.batches)
        before, after = lists.state(), lists.state(chosen.id)
        was, is_ = listed(before), listed(after)
        assert (size_of(before.listed), size_of(after.listed)) == (len(was), len(is_))
        difference = StateDifference(before, after)
        assert {each.id for each in entries_of(before, difference.removed)} == was.keys() - is_.keys(), step
        assert {each.id for each in entries_of(after, difference.added)} == is_.keys() - was.keys(), step
        effect = effect_of_undo(before, after, chosen, [], 1000)
        assert effect.removed == len(was.keys() - is_.keys())
        assert effect.restored == len(is_.keys() - was.keys())
        assert effect.kept == sum(each.what == "kept" for each in effect.fates)
        assert size_of(difference.moved) <= effect.kept
        if step % 3 == 2 and was:
            ref = before.ref_of(rng.choice(list(was.values())).signal)
            assert ref
            lists.version += 1
            lists.removed[ref] = lists.version
