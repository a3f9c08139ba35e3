"""What the scripts of acts guarantee: each call is whole, bounded, and on record."""

from dataclasses import replace

import pytest
from tests.lists.entries import entry

from edgeward.lists import list_store as module
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types import HashList, ListKind


async def test_each_step_of_an_undo_is_on_record(list_store: ListStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """After any step the stream of changes alone says what is listed, and by which act: it is the audit trail."""
    monkeypatch.setattr(module, "UNDO_CHUNK_SIZE", 2)
    await list_store.add_entries([entry("a", n) for n in range(5)], "bob", "", "act-1")
    await list_store.add_entries([entry("a", n) for n in range(3)], "cyd", "", "act-2")
    act = replace(await list_store.acts.get("act-1"), undone_by="ann", undone_why="why")
    cursor, more, steps = 0, True, 0
    while more:
        more, cursor = await list_store.undo_some(act, cursor)
        steps += 1
        listed: dict[str, str] = {}
        for change in await list_store.changes(0):
            if change.entry and change.op == "entry.remove":
                del listed[change.entry.id]
            elif change.entry:
                listed[change.entry.id] = change.entry.act
        assert listed == {each.id: each.act for each in (await list_store.entries("a"))[0]}
    assert steps >= 3
    assert [change.op for change in await list_store.changes(6)] == ["entry.set"] * 3 + ["entry.remove"] * 2
    assert await list_store.version() == len(await list_store.changes(0))


async def test_an_undo_on_an_allowlist_says_what_it_replaced(store: Store, list_store: ListStore) -> None:
    """The list that lost the entry is in the record: what the allowlist allowed must be matched again."""
    allowed = HashList("fine", ListKind.ALLOW)
    await list_store.create_list(allowed, "me")
    await list_store.add_entries([entry("fine", 1)], "bob", "", "act-1")
    await list_store.undo_some(await list_store.acts.get("act-1"))
    _, fields = (await store.redis.xrange(list_store.stream))[-1]
    assert (fields[b"op"], HashList.from_json(fields[b"was"])) == (b"entry.remove", allowed)


async def test_a_reason_that_looks_like_an_act_is_none(list_store: ListStore) -> None:
    """People write what they want into reasons: the act of an entry is found all the same."""
    one = replace(entry("a", 1), reason='x","act":"act-2"')
    await list_store.add_entries([one], "bob", 'x","act":"act-2"', "act-1")
    await list_store.add_entries([one, replace(entry("a", 2), reason='"act":"act-1"')], "bob", "", "act-2")
    act = await list_store.acts.get("act-2")
    await list_store.undo_some(act)
    assert [each.act for each in (await list_store.entries("a"))[0]] == ["act-1"]


async def test_a_kept_entry_loses_what_the_first_source_said(list_store: ListStore) -> None:
    """Source id and tags were those of the undone act: a withdrawal by that id must not take the entry off."""
    first = replace(entry("a", 1), source_id='s,{["1', tags=("A1", "x]}"))
    await list_store.add_entries([first], "bob", "one", "act-1")
    for number in range(2, 8):
        await list_store.add_entries([entry("a", 1)], "cyd", "two", f"act-{number}")
    for number in (1, 2, 3, 4, 5):
        await list_store.undo_some(await list_store.acts.get(f"act-{number}"))
        (kept,) = (await list_store.entries("a"))[0]
        assert (kept.source_id, kept.tags) == ("", ())
        assert kept.act == (f"act-{number + 1}" if number < 5 else "")
        assert (kept.signal, kept.unknown) == (first.signal, "")
