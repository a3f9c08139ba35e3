"""Withdrawals: what an act takes off a list, and what its undo puts back."""

from dataclasses import replace
from typing import Any

import pytest
from tests.lists.entries import entry

from edgeward.errors import Conflict, NotFound
from edgeward.lists import withdrawals as module
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList

WITHDRAWING = "job-w"


def from_source(number: int, source_id: str) -> Entry:
    return replace(entry("a", number), source_id=source_id, tags=("A1",))


async def state(store: Store) -> dict[str, Any]:
    """All that the store has of the list "a"."""
    keys = [store.key("{blocklist}", kind, "a") for kind in ("entries", "demands")]
    redis: Any = store.redis
    return {key: await redis.hgetall(key) for key in keys}


async def withdraw(list_store: ListStore, *numbers: int, act: str = WITHDRAWING) -> int:
    await list_store.acts.declare(act, "a", "pat", "delta")
    return await list_store.withdrawals.withdraw("a", [entry("a", n).id for n in numbers], "pat", "delta", act)


async def undo(list_store: ListStore, act_id: str) -> None:
    act = replace(await list_store.acts.get(act_id), undone_by="ann", undone_why="a mistake")
    cursor, more = 0, True
    while more:
        more, cursor = await list_store.undo_some(act, cursor)
    while await list_store.withdrawals.put_back_some(act):
        pass


async def test_entries_are_taken_off(list_store: ListStore) -> None:
    """Those that are on the list, each as a change on record; done once more, nothing is left to take off."""
    await list_store.add_entries([entry("a", n) for n in range(3)], "bob", "", "act-1")
    assert await withdraw(list_store, 0, 2, 7) == 2
    assert await withdraw(list_store, 0, 2, 7) == 0
    assert [each.signal for each in (await list_store.entries("a"))[0]] == [entry("a", 1).signal]
    removed = [change for change in await list_store.changes(0) if change.op == "entry.remove"]
    assert [(each.entry and each.entry.signal, each.who, each.why) for each in removed] == [
        (entry("a", n).signal, "pat", "delta") for n in (0, 2)
    ]
    assert (await list_store.acts.get(WITHDRAWING)).withdrawn == 2
    # An act that withdrew something keeps its record: it can be undone.
    await list_store.acts.withdraw(WITHDRAWING)
    assert (await list_store.acts.get(WITHDRAWING)).withdrawn == 2


async def test_an_undone_act_withdraws_nothing(list_store: ListStore) -> None:
    """Nor does one whose list was deleted, also if there is a list of that name again."""
    await list_store.add_entries([entry("a", 1)], "bob")
    await withdraw(list_store)
    await undo(list_store, WITHDRAWING)
    with pytest.raises(Conflict, match="job-w is undone"):
        await withdraw(list_store, 1)
    await list_store.acts.declare("job-x", "a", "pat", "")
    await list_store.delete_list("a", "me")
    with pytest.raises(NotFound, match="'a'"):
        await withdraw(list_store, 1, act="job-x")
    await list_store.create_list(HashList("a"), "me")
    with pytest.raises(NotFound, match="'a'"):
        await withdraw(list_store, 1, act="job-x")


async def test_an_undo_puts_back_what_was_there(
    store: Store, list_store: ListStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entry by entry, with source id, tags and the acts that list each; it takes several steps, and is on record."""
    monkeypatch.setattr(module, "PUT_BACK_SIZE", 2)
    await list_store.add_entries([from_source(n, f"s{n}") for n in range(5)], "bob", "", "act-1")
    await list_store.add_entries([entry("a", n) for n in range(2)], "cyd", "", "act-2")
    await list_store.add_entries([replace(entry("a", 9), reason='a "|" b')], "old")
    before = await state(store)
    assert await withdraw(list_store, 0, 1, 2, 3, 4, 9) == 6
    assert (await list_store.entries("a"))[0] == []
    await undo(list_store, WITHDRAWING)
    assert await state(store) == before
    act = await list_store.acts.get(WITHDRAWING)
    assert (act.withdrawn, act.restored, act.removed) == (6, 6, 0)
    changes = await list_store.changes(0)
    assert [(each.op, each.who) for each in changes[-6:]] == [("entry.add", "ann")] * 6
    assert act.version == changes[-1].version
    outcomes = await list_store.acts.outcomes(WITHDRAWING)
    assert [each.restored for each in outcomes] == [True] * 6
    # The acts that listed them can be undone as before.
    await undo(list_store, "act-1")
    await undo(list_store, "act-2")
    assert [each.id for each in (await list_store.entries("a"))[0]] == [entry("a", 9).id]


async def test_what_no_act_lists_any_more_is_not_put_back(list_store: ListStore) -> None:
    """An entry whose act was undone meanwhile stays away; one that a later act listed too is that act's."""
    await list_store.add_entries([from_source(1, "s1"), from_source(2, "s2")], "bob", "", "act-1")
    await list_store.add_entries([entry("a", 2)], "cyd", "too", "act-2")
    await withdraw(list_store, 1, 2)
    await undo(list_store, "act-1")
    await undo(list_store, WITHDRAWING)
    (left,) = (await list_store.entries("a"))[0]
    assert (left.signal, left.act, left.added_by, left.reason) == (entry("a", 2).signal, "act-2", "cyd", "too")
    assert (left.source_id, left.tags) == ("", ())
    await undo(list_store, "act-2")
    assert (await list_store.entries("a"))[0] == []


async def test_an_entry_that_is_listed_again_gets_its_earlier_acts(list_store: ListStore) -> None:
    """The undo of the withdrawal leaves the entry as it is; it stays until each of its acts is undone."""
    await list_store.add_entries([entry("a", 1)], "bob", "", "act-1")
    await withdraw(list_store, 1)
    await list_store.add_entries([entry("a", 1)], "cyd", "", "act-2")
    await undo(list_store, WITHDRAWING)
    (now,) = (await list_store.entries("a"))[0]
    assert now.act == "act-2"
    await undo(list_store, "act-2")
    (now,) = (await list_store.entries("a"))[0]
    assert now.act == "act-1"
    await undo(list_store, "act-1")
    assert (await list_store.entries("a"))[0] == []


async def test_a_list_that_was_made_since_gets_nothing_back(list_store: ListStore) -> None:
    """It is another list: it may even be an allowlist."""
    await list_store.add_entries([entry("a", 1)], "bob", "", "act-1")
    await withdraw(list_store, 1)
    await list_store.delete_list("a", "me")
    await list_store.create_list(HashList("a"), "me")
    await undo(list_store, WITHDRAWING)
    assert (await list_store.entries("a"))[0] == []


async def test_entries_of_a_source(list_store: ListStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that have one of some source ids, in however many reads; not those of the act that looks for them."""
    monkeypatch.setattr(module, "SCAN_COUNT", 10)
    listed = [from_source(n, f"s{n % 3}") for n in range(600)]
    await list_store.add_entries([*listed, entry("a", 999)], "bob", "", "act-1")
    found = [each async for some in list_store.withdrawals.of_sources("a", {"s1", "s7"}, "") for each in some]
    assert {each.id for each in found} == {each.id for each in listed if each.source_id == "s1"}
    assert not [some async for some in list_store.withdrawals.of_sources("a", {"s1"}, "act-1") if some]
