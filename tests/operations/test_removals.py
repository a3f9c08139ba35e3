"""Removals: one entry, or all that have something in common."""

from dataclasses import replace

import pytest

from edgeward.errors import NotFound
from edgeward.lists.audit_trail import AuditTrail
from edgeward.operations import entries, lists, removals
from edgeward.operations.removals import RemovalRequest
from edgeward.operations.services import Services
from edgeward.types import Entry, HashList, Signal

SHA256 = Signal("sha256", "ab" * 32)
MD5 = Signal("md5", "9e107d9d372bb6826bd81d3542a419d6")
ON_A = RemovalRequest("a", "ana", "mistake")
TRY_A = replace(ON_A, dry_run=True)


async def test_an_entry_is_removed_with_or_without_its_list(services: Services) -> None:
    """From then on it is not found, and removing it again is an error."""
    await lists.create(services, HashList("a"), "ana", "")
    one, other = (await entries.add(services, "a", [MD5, SHA256], "ana", "")).entries
    removed = await removals.of_entry(services, one.id, None, "ana", "")
    assert removed.entries == [one]
    assert removed.remaining is not None
    assert (removed.remaining.act.id, removed.remaining.listed) == (one.act, 1)
    removed = await removals.of_entry(services, other.id, "a", "ana", "")
    assert (removed.entries, removed.change.active, removed.remaining) == ([other], True, None)
    for list_name in (None, "a"):
        with pytest.raises(NotFound, match=one.id):
            await removals.of_entry(services, one.id, list_name, "ana", "")
    with pytest.raises(NotFound, match=one.id):
        entries.find(services, one.id)
    with pytest.raises(NotFound, match="no list is named 'none'"):
        await removals.of_entry(services, one.id, "none", "ana", "")


async def test_hashes_are_removed_together(services: Services) -> None:
    """Those that are on the list, in one step; with what still blocks them. There may be none."""
    for name in ("a", "b"):
        await lists.create(services, HashList(name), "ana", "")
        await entries.add(services, name, [MD5], "ana", "")
    removed = await removals.of_signals(services, ON_A, [MD5, MD5, SHA256])
    assert [each.signal for each in removed.entries] == [MD5]
    assert [(match.entry.list, match.distance) for match, _ in removed.still.blocking] == [("b", 0)]
    again = await removals.of_signals(services, ON_A, [MD5])
    assert (again.entries, again.change.active, again.remaining) == ([], True, None)
    with pytest.raises(NotFound, match="'none'"):
        await removals.of_signals(services, replace(ON_A, list="none"), [MD5])


async def test_a_dry_run_removes_nothing(services: Services) -> None:
    """It says what would go, and what would still block: not what would go itself."""
    for name in ("a", "b"):
        await lists.create(services, HashList(name), "ana", "")
        await entries.add(services, name, [MD5], "ana", "")
    version = await services.list_store.version()
    tried = await removals.of_signals(services, TRY_A, [MD5, SHA256])
    assert (tried.count, tried.dry_run, [each.signal for each in tried.entries]) == (1, True, [MD5])
    assert [match.entry.list for match, _ in tried.still.blocking] == ["b"]
    assert (await removals.of_ids(services, TRY_A, [tried.entries[0].id, "ab" * 10])).count == 1
    assert await services.list_store.version() == version
    assert await AuditTrail(services.store).latest() == []


async def test_all_of_an_act_or_of_a_programmes_record_is_removed(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From one list, whatever their number; what is of another act or record stays. The audit trail has one line."""
    monkeypatch.setattr(removals, "CHUNK_SIZE", 3)
    monkeypatch.setattr(removals, "MAX_REPORTED", 4)
    for name in ("a", "b"):
        await lists.create(services, HashList(name), "ana", "")
        made = [Entry(name, Signal("md5", f"{n + 1:032x}"), source_id=f"r{n % 2}") for n in range(10)]
        await services.list_store.add_entries(made, "ana", "", "job-0000000000000001" if name == "a" else "act-b")
    await entries.add(services, "a", [SHA256], "ana", "")
    assert (await removals.of_source(services, TRY_A, "r1")).count == 5
    removed = await removals.of_source(services, ON_A, "r1")
    assert (removed.count, len(removed.entries), removed.change.active) == (5, 4, True)
    assert removed.change.version == await services.list_store.version()
    assert {each.source_id for each in services.replica.matcher.entries("a").values()} == {"r0", ""}
    removed = await removals.of_act(services, ON_A, "job-0000000000000001")
    assert (removed.count, removed.still.unchecked) == (5, 1)
    assert [each.signal for each in services.replica.matcher.entries("a").values()] == [SHA256]
    assert len(services.replica.matcher.entries("b")) == 10
    act, source = await AuditTrail(services.store).latest()
    assert (act.op, act.why, act.about["act"], act.about["entries"]) == (
        *("entries.remove", "mistake", "job-0000000000000001", 5),
    )
    assert (source.about["source_id"], source.about["list"]) == ("r1", "a")


async def test_nothing_is_removed_by_an_empty_name(services: Services) -> None:
    """Entries without an act or a record are not those of "". An unknown one removes nothing, and notes nothing."""
    await lists.create(services, HashList("a"), "ana", "")
    await services.list_store.add_entries([Entry("a", MD5)], "ana")
    for name in ("", "other"):
        assert (await removals.of_act(services, ON_A, name)).count == 0
        assert (await removals.of_source(services, ON_A, name)).count == 0
    with pytest.raises(NotFound, match="'none'"):
        await removals.of_act(services, replace(ON_A, list="none"), "act-1")
    assert await AuditTrail(services.store).latest() == []
