"""Entries that came in batches are looked up, read, removed and undone as single ones are."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.support.stored_batches import list_batch

from edgeward.lists import row_removals
from edgeward.lists.acts import Outcome
from edgeward.lists.list_diff import Difference
from edgeward.matching.batches.batch_files import BATCHES_DIRECTORY, BatchFiles
from edgeward.operations import entries, entry_search, export, list_history, list_versions, lists, removals, undo
from edgeward.operations.entry_search import EntryFilter
from edgeward.operations.removals import RemovalRequest
from edgeward.operations.services import Services
from edgeward.types import Batch, Entry, HashList, Signal

TIMEOUT = 60.0


def entry(number: int, source_id: str = "", reason: str = "a reason") -> Entry:
    return Entry("a", Signal("md5", f"{number:032x}"), reason, "ann", 1000.0, "", source_id)


def numbers(found: Sequence[Entry]) -> list[int]:
    return sorted(int(each.signal.value, 16) for each in found)


@pytest.fixture
async def files(services: Services) -> BatchFiles:
    await lists.create(services, HashList("a"), "ana", "")
    return BatchFiles(services.config.state_dir.absolute() / BATCHES_DIRECTORY)


async def listed(services: Services, files: BatchFiles, some: Sequence[Entry], act: str, **fields: object) -> Batch:
    """A batch that acts in this process."""
    batch = await list_batch(services.list_store, some, files, act=act, **fields)
    assert await services.replica.wait_version(batch.version, TIMEOUT)
    return batch


async def searched(services: Services, wanted: EntryFilter, limit: int = 4) -> list[Entry]:
    found, cursor = list[Entry](), ""
    while True:
        page = await entry_search.scan(services, wanted, cursor, limit)
        found += page.entries
        if not (cursor := page.cursor):
            return found


async def differing(services: Services, first: int, last: int) -> list[tuple[str, int]]:
    found = list[Difference]()
    async for some in list_versions.diff(services, "a", first, last):
        found += some
    return sorted(("+" if each.is_added else "-", int(each.entry.signal.value, 16)) for each in found)


async def test_they_are_found_and_exported_once(services: Services, files: BatchFiles) -> None:
    """By id, hash, source id and act, page by page, and in an export. A single entry is shown in place of a row."""
    batch = await listed(services, files, [entry(number, f"s{number % 3}") for number in range(30)], "act-1")
    await services.list_store.add_entries([entry(5, "single"), entry(99)], "bob", "", "act-2")
    assert await services.replica.wait_version(batch.version + 2, TIMEOUT)
    assert entries.find(services, entry(7).id).act == "act-1"
    assert entries.find(services, entry(5).id).act == "act-2"
    (found,) = (await entry_search.by_hash(services, f"md5:{8:032x}", EntryFilter())).entries
    assert (found.source_id, found.added_by, found.added_at, found.reason) == ("s2", "ann", 1000.0, "a reason")
    by_id = {each.id: each for each in await searched(services, EntryFilter(list="a"))}
    assert numbers(list(by_id.values())) == [*range(30), 99]
    assert by_id[entry(5).id].source_id == "single"
    assert numbers(await searched(services, EntryFilter(source_id="s1"))) == [*range(1, 30, 3)]
    assert set(numbers(await searched(services, EntryFilter(act="act-2")))) == {5, 99}
    parts = [part async for part in export.entries_of(services, "a", "jsonl")]
    lines = [json.loads(line) for line in "".join(parts).splitlines()]
    assert sorted(int(line["value"], 16) for line in lines) == [*range(30), 99]
    status = await lists.get(services, "a")
    assert (status.total, dict(status.entries)) == (31, {"md5": 31})
    assert (await lists.delete(services, "a", "ana", "")).status.total == 31


async def test_what_is_listed_again_by_an_undo_is_on_a_later_page(services: Services, files: BatchFiles) -> None:
    """A row moves to an earlier batch while pages are read: it is returned all the same."""
    old = await listed(services, files, [entry(number, "s") for number in range(20)], "act-1")
    replaced = [(old, range(old.rows))]
    await listed(services, files, [entry(number, "t") for number in range(20)], "act-2", removes=replaced)
    page, cursor = await services.listed_entries.page("a", "0", 5)
    assert cursor not in ("0", "")
    assert (await undo.undo(services, "act-2", "bob", "")).act.done_at
    seen = list(page)
    while cursor != "0":
        page, cursor = await services.listed_entries.page("a", cursor, 5)
        seen += page
    assert set(numbers(seen)) == set(range(20))


async def test_an_undo_takes_back_a_batch(services: Services, files: BatchFiles) -> None:
    """What it alone listed goes, what others list too stays as theirs, and what it had withdrawn is back. All is
    counted once, and the first ones are named. History and differences tell so."""
    old = await listed(services, files, [entry(number, "s") for number in range(10)], "job-1")
    rows = {number: row for row, number in enumerate(await in_order(services, old))}
    adds = [(old, [rows[1], rows[2]])]
    removes = [(old, [rows[3], rows[4]])]
    new = [entry(number) for number in (3, 20, 21, 22)]
    batch = await listed(services, files, new, "job-2", adds=adds, removes=removes)
    added = await entries.add(services, "a", [entry(20).signal], "bob", "a takedown", act="act-0000000000000001")
    assert (added.known, added.entries[0].act) == (1, "act-0000000000000001")
    start = await services.list_store.version()
    status = await undo.get(services, "job-2")
    assert (status.listed, status.added) == (3, 4)
    result = await undo.undo(services, "job-2", "bob", "a mistake", TIMEOUT)
    assert (result.act.removed, result.act.kept, result.act.restored, bool(result.act.done_at)) == (2, 4, 1, True)
    assert result.change.active
    told = sorted((_what(each), int(each.entry.signal.value, 16), each.kept_by) for each in result.outcomes)
    kept = [("kept", 1, "job-1"), ("kept", 2, "job-1"), ("kept", 3, "job-1")]
    assert told == [*kept, ("kept", 20, "act-0000000000000001"), *(("removed", each, None) for each in (21, 22)), (
        "restored", 4, "job-1",
    )]  # fmt: skip
    assert numbers(list(services.replica.matcher.entries("a").values())) == [*range(10), 20]
    assert entries.find(services, entry(3).id).source_id == "s"
    end = await services.list_store.version()
    assert await differing(services, start, end) == [("+", 4), ("-", 21), ("-", 22)]
    assert await differing(services, batch.version - 1, end) == [("+", 20)]
    again = await undo.undo(services, "job-2", "bob", "")
    assert (again.act.removed, again.act.kept, await services.list_store.version()) == (2, 4, end)
    undone, *_ = (await list_history.of_list(services, "a", None, 100)).lines
    assert (undone.id, undone.kind, undone.added, undone.removed) == ("job-2", "undo", 1, 2)
    by_id = {each.id: each for each in (await list_history.of_list(services, "a", None, 100)).lines if each.id}
    assert (by_id["job-1"].added, by_id["job-1"].kind, by_id["job-1"].removed) == (10, "import", 0)


async def in_order(services: Services, batch: Batch) -> list[int]:
    state = services.replica.matcher.batches("a").state
    return [int(state.provenance.entry(batch.id, row).signal.value, 16) for row in range(batch.rows)]


def _what(outcome: Outcome) -> str:
    return "restored" if outcome.restored else "kept" if outcome.kept_by is not None else "removed"


async def test_the_undo_of_a_single_entry_leaves_the_batch(services: Services, files: BatchFiles) -> None:
    """A takedown of what an import lists is undone: it stays, as the import's, and is counted so."""
    await listed(services, files, [entry(number) for number in range(5)], "job-1")
    added = await entries.add(services, "a", [entry(2).signal, entry(9).signal], "bob", "")
    result = await undo.undo(services, added.act, "bob", "")
    assert (result.act.removed, result.act.kept) == (1, 1)
    assert [each.kept_by for each in result.outcomes if each.kept_by is not None] == ["job-1"]
    assert entries.find(services, entry(2).id).act == "job-1"


async def test_an_import_whose_record_is_lost_is_undone(services: Services, files: BatchFiles) -> None:
    """The store lost its act, and has its batch back: that tells who listed what, when and why."""
    await listed(services, files, [entry(number) for number in range(5)], "job-1", by="ana", why="order 17")
    await services.store.redis.delete(services.list_store.acts.keys("job-1")[0])
    status = await undo.get(services, "job-1")
    assert (status.act.by, status.act.why, status.act.at, status.listed) == ("ana", "order 17", 1000.0, 5)
    result = await undo.undo(services, "job-1", "bob", "")
    assert (result.act.by, result.act.rows, result.act.removed) == ("ana", 5, 5)
    assert len(services.replica.matcher.entries("a")) == 0


async def test_they_are_removed(services: Services, files: BatchFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by its id, and all of an act or a source: singly if they are few, in one version if they are many. What was
    replaced before does not come back by an undo. A dry run removes nothing."""
    monkeypatch.setattr(row_removals, "MAX_SINGLE", 5)
    old = await listed(services, files, [entry(number, "s") for number in range(20)], "job-1")
    rows = {number: row for row, number in enumerate(await in_order(services, old))}
    removes = [(old, [rows[each] for each in range(10)])]
    new = [entry(number, "t" if number < 3 else "u") for number in range(10)]
    await listed(services, files, new, "job-2", removes=removes)
    one = await removals.of_entry(services, entry(15).id, None, "bob", "one")
    assert (one.count, numbers(one.entries), one.change.active) == (1, [15], True)
    asked = RemovalRequest("a", "bob", "why")
    version = await services.list_store.version()
    would = await removals.of_source(services, replace(asked, dry_run=True), "u")
    assert (would.count, numbers(would.entries), await services.list_store.version()) == (7, [*range(3, 10)], version)
    many = await removals.of_source(services, asked, "u")
    assert (many.count, numbers(many.entries), many.change.version) == (7, [*range(3, 10)], version + 1)
    await entries.add(services, "a", [entry(0).signal], "cat", "of a case")
    start = await services.list_store.version()
    few = await removals.of_act(services, replace(asked, why="few"), "job-2")
    assert (few.count, numbers(few.entries), few.change.version) == (2, [1, 2], start + 3)
    assert await differing(services, start, start + 3) == [("-", 1), ("-", 2)]
    left = [0, *range(10, 15), *range(16, 20)]
    assert numbers(list(services.replica.matcher.entries("a").values())) == left
    await undo.undo(services, "job-2", "bob", "")
    assert numbers(list(services.replica.matcher.entries("a").values())) == left
    lines = (await list_history.of_list(services, "a", None, 100)).lines
    kinds = [(each.kind, each.added, each.removed) for each in lines]
    assert kinds[:3] == [("undo", 0, 0), ("removal", 0, 3), ("add", 1, 0)]
    assert kinds[3:5] == [("removal", 0, 7), ("removal", 0, 1)]
