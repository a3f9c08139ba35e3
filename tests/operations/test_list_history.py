"""The history of a list."""

import pytest

from edgeward.lists import audit_reader
from edgeward.operations import entries, list_history, lists, removals, undo
from edgeward.operations.list_history import HistoryKind, HistoryLine, HistoryState, of_list
from edgeward.operations.lists import ListChanges
from edgeward.operations.removals import RemovalRequest
from edgeward.operations.services import Services
from edgeward.types import Entry, HashList, Mode, Signal


def md5s(*numbers: int) -> list[Signal]:
    return [Signal("md5", f"{number:032x}") for number in numbers]


async def history(services: Services, name: str = "a", limit: int = 100) -> list[HistoryLine]:
    """All pages."""
    found, cursor = list[HistoryLine](), None
    while True:
        page = await of_list(services, name, cursor, limit)
        found += page.lines
        cursor = page.cursor
        if cursor is None:
            return found


async def test_each_act_is_one_line(services: Services) -> None:
    """With who, when, why, how many entries it added and removed, and what became of it."""
    await lists.create(services, HashList("a"), "ana", "trial")
    added = await entries.add(services, "a", md5s(1, 2), "ana", "order 17")
    job = "job-0000000000000001"
    for number in (10, 20):  # an import, with another change in between
        made = [Entry("a", each) for each in md5s(number, number + 1)]
        await services.list_store.add_entries(made, "bo", "weekly", job)
        await entries.add(services, "a", md5s(number + 2), "cy", "")
    await lists.change(services, "a", ListChanges(mode=Mode.MONITOR), "ana", "noise")
    await undo.undo(services, added.act, "bo", "lifted")
    await removals.of_act(services, RemovalRequest("a", "dee", "wrong file"), job)
    await lists.create(services, HashList("b"), "ana", "")
    removal, undone, policy, *additions, first, created = await history(services)
    assert (removal.kind, removal.id, removal.by, removal.why, removal.removed) == (
        *(HistoryKind.REMOVAL, "", "dee", "wrong file", 4),
    )
    assert (undone.kind, undone.id, undone.by, undone.removed, undone.state) == (
        *(HistoryKind.UNDO, added.act, "bo", 2, None),
    )
    assert undone.why == f"undo of {added.act}: lifted"
    assert (policy.kind, policy.policy, policy.added) == (HistoryKind.POLICY, {"mode": "monitor"}, 0)
    assert (first.kind, first.id, first.added, first.state) == (HistoryKind.ADD, added.act, 2, HistoryState.UNDONE)
    assert (created.kind, created.why, created.versions) == (HistoryKind.CREATED, "trial", (1, 1))
    (imported,) = [each for each in additions if each.kind is HistoryKind.IMPORT]
    assert (imported.id, imported.added, imported.state, imported.by) == (job, 4, HistoryState.LISTED, "bo")
    assert imported.versions == (added.change.version + 1, added.change.version + 5)
    assert [each.added for each in additions if each.kind is HistoryKind.ADD] == [1, 1]


async def test_removals_without_a_pause_are_one(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps of one; not two commands of the same person, one after another."""
    await lists.create(services, HashList("a"), "ana", "")
    for number in range(3):  # each has an act of its own
        await entries.add(services, "a", md5s(number * 2 + 1, number * 2 + 2), "ana", "")
    asked = RemovalRequest("a", "bo")
    await removals.of_signals(services, asked, md5s(1, 3))
    await removals.of_signals(services, asked, md5s(2, 4, 5))
    monkeypatch.setattr(list_history, "SAME_ACT_SECONDS", 60.0)
    removal, *_ = await history(services)
    assert (removal.removed, removal.first_at < removal.at) == (5, True)
    monkeypatch.setattr(list_history, "SAME_ACT_SECONDS", 0.0)
    assert [each.removed for each in await history(services) if each.removed] == [3, 2]


async def test_a_deleted_list_has_a_history(services: Services) -> None:
    """And a list of its name that was made later goes on with it."""
    await lists.create(services, HashList("a"), "ana", "")
    await entries.add(services, "a", md5s(1), "ana", "")
    await lists.delete(services, "a", "bo", "over")
    deleted, *_ = await history(services)
    assert (deleted.kind, deleted.by, deleted.why) == (HistoryKind.DELETED, "bo", "over")
    assert await history(services, "none") == []


async def test_a_long_history_comes_in_pages(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts of an act that is longer than a page add up."""
    monkeypatch.setattr(audit_reader, "MAX_READ", 4)
    await lists.create(services, HashList("a"), "ana", "")
    await services.list_store.add_entries([Entry("a", each) for each in md5s(*range(1, 31))], "bo", "w", "job-1")
    found = await history(services)
    assert len(found) > 3
    assert sum(each.added for each in found if each.id == "job-1") == 30
    assert found[-1].kind is HistoryKind.CREATED
