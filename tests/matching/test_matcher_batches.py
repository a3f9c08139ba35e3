"""A matcher whose lists have batches: in files of the machine."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import pytest
from tests.matching.batches.examples import entries, entry
from tests.matching.examples import SHA, image, matcher, pdq
from tests.support.batches import written_batch

from edgeward.errors import DamagedSegment
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.matcher import Matcher
from edgeward.types import Batch, Entry, HashList, ListKind, Reason, RowRef, Signal

chance = random.Random(1)
LISTED = [
    entry(bytes.fromhex(pdq().value), reason="batch"),
    entry(bytes.fromhex(SHA.value), "sha256"),
    *entries(20, chance),
]


def with_batch(files: BatchFiles, listed: list[Entry] = LISTED) -> tuple[Matcher, Batch]:
    """A matcher with one list, whose entries are all in one batch."""
    one = matcher(HashList("a"))
    batch = written_batch(files, listed).as_of(3)
    asyncio.run(one.set_batches("a", [batch], {}, files))
    return one, batch


def test_rows_of_batches_match(tmp_path: Path) -> None:
    """By digest and by distance, as single entries do; the verdict names the entry with what its source says of it."""
    one, _ = with_batch(BatchFiles(tmp_path))
    verdict = one.verdict(image(pdq(9)))
    assert verdict.reason is Reason.MATCH
    assert verdict.match
    assert (verdict.match.entry, verdict.match.distance) == (LISTED[0], 9)
    assert one.verdict(image(pdq(32))).reason is Reason.NO_MATCH
    assert [match.entry for match in one.matches(image(SHA, pdq()))] == [LISTED[1], LISTED[0]]
    assert one.counts() == {("a", "pdq"): 21, ("a", "sha256"): 1}
    assert one.entries("a") == {each.id: each for each in LISTED}
    assert one.find(LISTED[5].id) == LISTED[5]
    assert (one.find("0" * 20), len(one.single_entries("a")), len(one.batches("a"))) == (None, 0, 22)


def test_an_entry_of_both_kinds_matches_once(tmp_path: Path) -> None:
    """As the single entry says. If its quality is too low, it matches nothing, though the row's is not."""
    one, _ = with_batch(BatchFiles(tmp_path))
    single = replace(LISTED[0], reason="single")
    one.add_entry(single)
    assert [match.entry for match in one.matches(image(pdq()))] == [single]
    assert one.counts()["a", "pdq"] == len(one.entries("a")) - 1 == 21
    assert one.find(single.id) == single
    one.add_entry(replace(single, signal=replace(single.signal, quality=10)))
    assert one.matches(image(pdq())) == []
    one.remove_entry("a", single.id)
    assert one.counts()["a", "pdq"] == 21
    assert [match.entry for match in one.matches(image(pdq()))] == [LISTED[0]]


def test_rows_are_removed_at_once(tmp_path: Path) -> None:
    """A row that is removed matches no more, and each change raises the count of changes."""
    one, batch = with_batch(BatchFiles(tmp_path))
    count, ref = one.change_count, one.batches("a").ref_of(LISTED[0].signal)
    assert ref
    one.remove_rows("a", [ref, RowRef("x", 1)])
    one.remove_rows("unknown", [ref])
    assert one.matches(image(pdq())) == []
    assert (one.counts()["a", "pdq"], len(one.entries("a"))) == (20, 21)
    assert one.change_count == count + 2
    asyncio.run(one.set_batches("a", [batch], {}, BatchFiles(tmp_path)))
    assert one.change_count == count + 3
    assert one.counts()["a", "pdq"] == 21


def test_undone_batches_match_nothing(tmp_path: Path) -> None:
    """The count of a type that has no entries any more stays, at 0."""
    files = BatchFiles(tmp_path)
    one, batch = with_batch(files)
    asyncio.run(one.set_batches("a", [replace(batch, undone=True)], {}, files))
    assert one.verdict(image(SHA, pdq())).reason is Reason.NO_MATCH
    assert (one.counts(), len(one.entries("a"))) == ({("a", "pdq"): 0, ("a", "sha256"): 0}, 0)


def test_a_list_without_batches_counts_none(tmp_path: Path) -> None:
    """Once the last one is undone and off its record."""
    files = BatchFiles(tmp_path)
    one, _ = with_batch(files)
    asyncio.run(one.set_batches("a", [], {}, files))
    assert one.counts() == {("a", "pdq"): 0, ("a", "sha256"): 0}
    assert len(one.entries("a")) == 0


def test_a_deleted_list_has_no_batches(tmp_path: Path) -> None:
    """Its entries are gone with it, also if batches are being set at that moment."""
    files = BatchFiles(tmp_path)
    one, batch = with_batch(files)
    one.delete_list("a")
    assert (one.counts(), len(one.entries("a"))) == ({("a", "pdq"): 0, ("a", "sha256"): 0}, 0)
    one.set_list(HashList("a"))
    assert one.matches(image(SHA, pdq())) == []
    steps = one.set_batches_steps("a", [batch], {}, files)
    next(steps)
    one.delete_list("a")
    for _ in steps:
        pass
    assert (one.counts(), len(one.entries("a"))) == ({("a", "pdq"): 0, ("a", "sha256"): 0}, 0)


def test_precedence_is_that_of_lists(tmp_path: Path) -> None:
    """An allowlist's single entry wins over a row of a batch."""
    one, _ = with_batch(BatchFiles(tmp_path))
    one.set_list(HashList("good", kind=ListKind.ALLOW))
    one.add_entry(Entry("good", SHA))
    assert one.verdict(image(SHA, pdq())).reason is Reason.ALLOWLISTED


def test_batches_are_set_whole_or_not(tmp_path: Path) -> None:
    """An error while batches are set changes nothing."""
    files = BatchFiles(tmp_path)
    one, batch = with_batch(files)
    (tmp_path / f"{batch.id}.sqlite").write_bytes(b"x")
    with pytest.raises(DamagedSegment):
        asyncio.run(one.set_batches("b", [batch], {}, files))
    assert (len(one.entries("b")), one.matches(image(pdq()))[0].entry) == (0, LISTED[0])


def test_searches_see_one_state(tmp_path: Path) -> None:
    """A search that other tasks interrupt answers by the lists at the moment it returns."""
    files = BatchFiles(tmp_path)
    one, batch = with_batch(files)

    async def both() -> tuple[int, int]:
        matches, _ = await asyncio.gather(
            one.matches_async(image(SHA, pdq())), one.set_batches("a", [replace(batch, undone=True)], {}, files)
        )
        return len(matches), len(await one.matches_async(image(SHA, pdq(), Signal("md5", "0" * 32))))

    assert asyncio.run(both()) in ((2, 0), (0, 0))
