"""Masks that make a list again what it was, against what each state of its batches lists."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tests.support.imported_batches import Lists, entry, listed

from edgeward.imports.row_masks import NO_MASKS, RowMasks, masks_back, read_mask
from edgeward.matching.batches.batch_index import BatchState
from edgeward.matching.batches.listed_rows import ListedRows, has_bit, read_bits
from edgeward.matching.batches.row_sets import copies_of, entries_of
from edgeward.matching.batches.state_difference import StateDifference
from edgeward.types import Batch, Entry


def test_masks_lead_back(tmp_path: Path) -> None:
    """From each of several states to another: what batches list that still act comes back, with all that the source
    said; of others the rows are named that must be listed anew."""
    chance, lists = random.Random(3), Lists(tmp_path)
    for step in range(4):
        some, others = chance.sample(range(200), 40), chance.sample(range(200), 10)
        lists.list(
            [entry(number, f"s{number * step % 3}") for number in some], withdrawn=[entry(each) for each in others]
        )
    for undone in lists.batches:
        _check_back(lists.state(undone.id), lists.state())
        _check_back(lists.state(), lists.state(undone.id))


def _check_back(before: BatchState, after: BatchState) -> None:
    was, now = listed(before), listed(after)
    difference = StateDifference(before, after)
    said_otherwise = {each.id for each in entries_of(after, difference.moved)}
    masks, anew = masks_back(difference, _acting(after.folded.batches))
    left_out = {each.id for each in entries_of(before, anew)}
    again = {each for some in masks.signals() for each in some}
    missing = was.keys() - now.keys()
    assert again == {was[each].signal for each in (missing | said_otherwise) - left_out}
    assert (masks.added, masks.taken_off) == (len(missing - left_out), len(now.keys() - was.keys()))
    for signal in again | {now[each].signal for each in now.keys() - was.keys()}:
        copies = [each for each in copies_of(after, signal) if each.batch in masks.removes]
        assert copies
        assert all(has_bit(masks.removes[each.batch], each.row) for each in copies)
    back = _applied(after, masks)
    assert back.keys() == was.keys() - left_out
    assert all(back[each] == was[each] for each in (missing | said_otherwise) - left_out)


def _acting(batches: Sequence[Batch]) -> set[str]:
    """Those that act, and those of which others add rows."""
    acts = [each for each in batches if not each.undone]
    return {each.id for each in acts} | {other for each in acts for other in each.adds}


def _applied(state: BatchState, masks: RowMasks) -> dict[str, Entry]:
    """What is listed with the masks, as a fold applies them: first what is removed, then what is added."""
    rows: ListedRows = state.listed
    for batch_id, bits in masks.removes.items():
        rows.of(batch_id)[:] &= ~bits
    for batch_id, bits in masks.adds.items():
        rows.of(batch_id)[:] |= bits
    return listed(state)


def test_a_staged_mask_is_read_as_it_was(tmp_path: Path) -> None:
    """With the batch, what it does, and the bits of its rows."""
    lists = Lists(tmp_path)
    first = lists.list([entry(number) for number in range(20)])
    second = lists.list([], withdrawn=[entry(3), entry(5)])
    masks, _ = masks_back(StateDifference(lists.state(second.id), lists.state()), {first.id, second.id})
    adding, removing = (read_mask(each) for each in masks.staged())
    assert (adding.batch, adding.adds, removing.batch, removing.adds) == (first.id, True, first.id, False)
    assert np.array_equal(read_bits(adding.bits, first.rows), masks.adds[first.id])
    assert len(masks) == 2
    assert list(NO_MASKS.staged()) == list(NO_MASKS.signals()) == []
