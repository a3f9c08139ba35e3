"""The audit trail, read in a real store."""

from dataclasses import replace

import pytest
from tests.lists.entries import entry
from tests.support.stored_batches import list_batch

from edgeward.background import stream_archive
from edgeward.errors import InvalidValue
from edgeward.lists import audit_reader as module
from edgeward.lists.audit_reader import AuditFilter, AuditLine, AuditReader, Position
from edgeward.lists.audit_trail import AuditTrail, request_from
from edgeward.lists.batches.batch_store import Undone
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types import HashList, Mode

ACT = "act-0000000000000001"
ALL = AuditFilter()


@pytest.fixture(autouse=True)
async def _known_clock(store: Store) -> None:
    """Acts have the time of the store as this process knows it, and changes the store's own: each answer makes the
    difference smaller, to less than the time between two of these."""
    for _ in range(50):
        await store.clock.learn()


async def lines_of(reader: AuditReader, wanted: AuditFilter, limit: int = 100) -> list[AuditLine]:
    """All lines that are asked for, newest first, read page by page."""
    start, found = await reader.start(await reader.newest(), wanted.until), list[AuditLine]()
    while True:
        page = await reader.before(wanted, start, limit)
        found += page.lines
        start = page.end
        if not page.more:
            return found


async def test_changes_and_other_acts_are_one_sequence(list_store: ListStore, store: Store) -> None:
    """Newest first: who, when, from where, why, what it was about. The entries of one act are one line."""
    trail, reader = AuditTrail(store), AuditReader(store)
    with request_from("192.0.2.7"):
        await trail.note("token.create", "ana", "a colleague", name="bo", role="viewer")
        await list_store.add_entries([entry("a", n) for n in range(3)], "bo", "order 17", ACT)
    await trail.note("purge.create", "cy", urls=2)
    await list_store.remove_entry("a", entry("a", 1).id, "ana", "mistake")
    await list_store.set_list(HashList("a", mode=Mode.MONITOR), "ana", "noise")
    policy, removed, purge, added, token, created = await lines_of(reader, ALL)
    assert (policy.op, policy.list, policy.about, policy.count) == ("list.set", "a", {"mode": "monitor"}, 1)
    assert (removed.op, removed.who, removed.why, removed.list) == ("entry.remove", "ana", "mistake", "a")
    assert removed.about == {"entry": entry("a", 1).id, "hash": f"sha256:{1:064x}"}
    assert (purge.op, purge.origin, purge.about, purge.versions) == ("purge.create", "", {"urls": 2}, (0, 0))
    assert (added.op, added.count, added.versions, added.act) == ("entry.add", 3, (2, 4), ACT)
    assert (added.who, added.origin, added.why) == ("bo", "192.0.2.7", "order 17")
    assert added.first_at <= added.at <= purge.at
    assert (token.op, token.about) == ("token.create", {"name": "bo", "role": "viewer"})
    assert created.about["kind"] == "block"


async def test_old_lines_are_read_from_the_archive(
    list_store: ListStore, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line is the same before and after it is moved there, in both directions and by time."""
    monkeypatch.setattr(stream_archive, "ITEMS_PER_BLOCK", 7)
    trail, reader = AuditTrail(store), AuditReader(store)
    for number in range(20):
        await trail.note("token.create", f"who-{number}")
        await list_store.add_entries([entry("a", number)], f"who-{number}")
    whole = await lines_of(reader, ALL)
    assert len(whole) == 41
    for archive in (list_store.archive, trail.archive):
        assert await archive.move(whole[0].at + 60) == 14
    assert await lines_of(reader, ALL, limit=5) == whole
    assert await lines_of(reader, AuditFilter(until=whole[30].at)) == whole[30:]
    assert (await reader.after(ALL, Position(0, "0-0"), 100)).lines == whole[::-1]


async def test_each_filter_selects(list_store: ListStore, store: Store) -> None:
    """By list, by who, by what (whole, or the first word), and by time; together too."""
    trail, reader = AuditTrail(store), AuditReader(store)
    await list_store.create_list(HashList("b"), "ana")
    await list_store.add_entries([entry("b", 1)], "ana", '"a" is quoted', ACT)
    await list_store.add_entries([entry("a", 1)], "bo")
    await trail.note("act.undo", "bo", act=ACT, list="b")
    undo, in_a, in_b, made_b, made_a = await lines_of(reader, ALL)
    assert await lines_of(reader, AuditFilter(list="b")) == [undo, in_b, made_b]
    assert await lines_of(reader, AuditFilter(who="bo")) == [undo, in_a]
    assert await lines_of(reader, AuditFilter(op="entry")) == [in_a, in_b]
    assert await lines_of(reader, AuditFilter(op="entry.add", list="a")) == [in_a]
    assert await lines_of(reader, AuditFilter(op="entr")) == []
    assert await lines_of(reader, AuditFilter(since=in_a.at)) == [undo, in_a]
    assert await lines_of(reader, AuditFilter(until=in_b.at, since=made_b.at)) == [in_b, made_b]
    assert made_a.at <= made_b.at


async def test_a_long_trail_is_read_in_parts(
    list_store: ListStore, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call reads a bounded part and says where to go on, also if nothing of it is asked for; nothing is lost or
    comes twice."""
    monkeypatch.setattr(module, "SLICE", 4)
    monkeypatch.setattr(module, "MAX_READ", 10)
    trail, reader = AuditTrail(store), AuditReader(store)
    await trail.note("doctor.run", "ana")
    for number in range(60):
        await list_store.add_entries([entry("a", number)], "bo", f"{number // 2}")
    start = await reader.start(await reader.newest())
    first = await reader.before(AuditFilter(who="ana"), start, 100)
    assert (first.lines, first.more) == ([], True)
    assert [each.op for each in await lines_of(reader, AuditFilter(who="ana"))] == ["doctor.run"]
    assert len((await reader.before(AuditFilter(who="bo"), start, 3)).lines) == 3
    one_by_one = await lines_of(reader, AuditFilter(who="bo"), 1)
    assert sum(each.count for each in one_by_one) == 60
    assert {each.versions for each in one_by_one} == {(v, v + 1) for v in range(2, 62, 2)}


async def test_times_are_found_by_halving(list_store: ListStore, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a period is found without reading what is after it."""
    reader = AuditReader(store)
    for number in range(40):
        await list_store.add_entries([entry("a", number)], "bo", str(number))
    monkeypatch.setattr(module, "CLOCK_STEP_SECONDS", 0.0)
    middle = (await list_store.changes(20, 1))[0]
    start = await reader.start(await reader.newest(), middle.at)
    assert start.version == middle.version + 1
    assert (await reader.before(AuditFilter(until=middle.at), start, 1)).lines[0].versions == (21, 21)
    assert (await reader.start(await reader.newest(), 1.0)).version == 1


async def test_archived_lines_are_read_too(
    list_store: ListStore, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if they had not been moved: in both directions, and up to a time."""
    monkeypatch.setattr(stream_archive, "ITEMS_PER_BLOCK", 5)
    trail, reader = AuditTrail(store), AuditReader(store)
    for number in range(23):
        await list_store.add_entries([entry("a", number)], "bo", str(number))
        await trail.note("doctor.run", "ana", str(number))
    before, newest = await lines_of(reader, ALL), await reader.newest()
    assert await list_store.archive.move(4e9) == await trail.archive.move(4e9) == 20
    assert await lines_of(AuditReader(store), ALL) == before
    assert (await AuditReader(store).after(ALL, Position(0, "0-0"), 100)).lines == before[::-1]
    assert await lines_of(AuditReader(store), AuditFilter(until=before[20].at)) == before[20:]
    monkeypatch.setattr(module, "CLOCK_STEP_SECONDS", 0.0)
    early = (await list_store.changes(7, 1))[0]
    assert (await AuditReader(store).start(newest, early.at)).version == 9


async def test_what_follows_a_position(list_store: ListStore, store: Store) -> None:
    """Oldest first, each line once, and nothing while nothing is done."""
    reader = AuditReader(store)
    position = await reader.newest()
    assert (await reader.after(ALL, position, 10)).lines == []
    await AuditTrail(store).note("doctor.run", "ana")
    await list_store.add_entries([entry("a", 1)], "bo")
    page = await reader.after(ALL, position, 10)
    assert [each.op for each in page.lines] == ["doctor.run", "entry.add"]
    assert page.end == await reader.newest()
    assert (await reader.after(ALL, page.end, 10)).lines == []


async def test_a_damaged_line_stops_no_other(list_store: ListStore, store: Store) -> None:
    """What can be read of it is shown."""
    bad = {"op": "entry.add", "who": "ana", "at": "x", "why": "w", "entry": "{"}
    await store.redis.xadd(store.key("{blocklist}", "changes"), bad, id="2-0")
    await store.redis.xadd(store.key("{audit}", "records"), {"op": "odd", "about": "["})
    found = await lines_of(AuditReader(store), ALL)
    assert {(each.op, each.who) for each in found} == {("list.set", "me"), ("entry.add", "ana"), ("odd", "")}


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.2-3-4", "a.1-1", "1.1-1 ", "9" * 19 + ".1-1"])
def test_a_position_is_parsed(text: str) -> None:
    """What the reader has made, and nothing else."""
    assert Position.parse("12.34-5") == Position(12, "34-5")
    assert str(Position(12, "34-5")) == "12.34-5"
    with pytest.raises(InvalidValue, match="cursor"):
        Position.parse(text)


async def test_batches_are_lines_with_their_numbers(list_store: ListStore, store: Store) -> None:
    """What a batch and its undo did, by whom, on which list and for which act."""
    batch = await list_batch(list_store, [entry("a", number) for number in range(3)], act="act-1")
    act = replace(await list_store.acts.get("act-1"), undone_by="bob", undone_why="undo of act-1")
    await list_store.batches.undo(act, batch.id, batch.version, Undone(2, 1, 4))
    reader = AuditReader(store)
    page = await reader.before(AuditFilter(list="a", op="list"), await reader.start(await reader.newest()), 10)
    undone, added = page.lines[:2]
    assert (added.op, added.who, added.list, added.act) == ("list.batch_add", "ann", "a", "act-1")
    assert added.about == {"added": 3, "listed_before": 0, "withdrawn": 0}
    assert (undone.op, undone.who, undone.why, undone.act) == ("list.batch_undo", "bob", "undo of act-1", "act-1")
    assert undone.about == {"removed": 2, "kept": 1, "restored": 4}
