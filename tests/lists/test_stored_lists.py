"""Lists, entries and changes that this release can't read stop no other."""

import json

from tests.lists.entries import entry

from edgeward.lists.list_store import ListStore
from edgeward.lists.stored_lists import parse_changes, read_entry, read_list
from edgeward.store.connection import Store
from edgeward.types import Change, Entry, HashList, Unreadable


def parsed(op: str, **fields: str) -> Change:
    texts = {"op": op, "who": "me", "at": "1.5", "why": "", **fields}
    (change,) = parse_changes([(b"7-0", {name.encode(): text.encode() for name, text in texts.items()})])
    return change


def later(record: str, **more: object) -> str:
    return json.dumps(json.loads(record) | more)


def test_one_that_cannot_be_read_says_whose_it_is() -> None:
    """Its list, and whether a later release wrote it or it is damaged."""
    assert read_entry("a", entry("a", 1).to_json().encode()) == entry("a", 1)
    for text, is_later in ((later(entry("a", 1).to_json(), needs=9), True), ("{}", False), ("x", False)):
        found = read_entry("a", text.encode())
        assert isinstance(found, Unreadable)
        assert (found.list, found.is_later) == ("a", is_later)
    assert isinstance(read_list("a", b"[]"), Unreadable)
    assert read_list("a", HashList("a").to_json().encode()) == HashList("a")


def test_changes_that_cannot_be_read_are_changes() -> None:
    """With their version; an unknown kind of change of the lists too, but not a line of the audit trail."""
    for change in (
        parsed("entry.add", entry=later(entry("a", 1).to_json(), needs=9)),
        parsed("entry.move", entry=entry("a", 1).to_json()),
        parsed("entry.add", entry=entry("a", 1).to_json(), needs="9"),
        parsed("list.set", list=later(HashList("a").to_json(), kind="watch")),
    ):
        assert (change.version, change.list, change.entry) == (7, None, None)
        assert change.unreadable is not None
        assert (change.unreadable.list, change.unreadable.is_later) == ("a", True)
    damaged = parsed("entry.add", entry="{").unreadable
    assert damaged is not None and not damaged.is_later
    assert parsed("store.backup", about="{}").unreadable is None
    assert parsed("entry.add", entry=entry("a", 1).to_json(), ticket="9").entry == entry("a", 1)


def test_a_removal_needs_no_more_than_what_is_removed() -> None:
    """It is carried out though the entry, or the list, can't be read."""
    removal = parsed("entry.remove", entry=later(entry("a", 1).to_json(), needs=9))
    assert removal.entry is not None and removal.unreadable is not None
    assert (removal.entry.list, removal.entry.id) == ("a", entry("a", 1).id)
    deletion = parsed("list.delete", list=later(HashList("a").to_json(), kind="watch"))
    assert deletion.list is not None and deletion.list.name == "a"


async def test_the_others_are_listed(store: Store, list_store: ListStore) -> None:
    """An unreadable list is left out of all lists, an unreadable entry out of a scan; both can be removed."""
    added = await list_store.add_entries([entry("a", 1), entry("a", 2)], "me")
    assert added[0].entry is not None
    bad = added[0].entry
    await store.redis.hset(store.key("{blocklist}", "entries", "a"), bad.id, later(bad.to_json(), needs=9))
    await store.redis.hset(store.key("{blocklist}", "lists"), "odd", "{}")
    assert [each.name for each in await list_store.lists()] == ["a"]
    unreadable: dict[str, Unreadable] = {}
    found = [each async for some in list_store.scan("a", unreadable=unreadable) for each in some]
    assert [each.id for each in found] == [entry("a", 2).id]
    assert unreadable.keys() == {bad.id}
    (change,) = await list_store.remove_entries("a", [bad.id], "me")
    assert change.entry is not None and change.unreadable is not None
    assert change.entry.id == bad.id
    await list_store.delete_list("odd", "me")


async def test_a_change_of_policy_keeps_what_a_later_release_wrote(store: Store, list_store: ListStore) -> None:
    """In the store and in the stream of changes."""
    await store.redis.hset(store.key("{blocklist}", "lists"), "a", later(HashList("a").to_json(), quota=9))
    await list_store.change_list("a", lambda old: old.changed(description="new"), "me")
    stored = json.loads(await store.redis.hget(store.key("{blocklist}", "lists"), "a") or b"{}")
    assert (stored["quota"], stored["description"]) == (9, "new")
    (change,) = (await list_store.changes(0))[-1:]
    assert change.list is not None and json.loads(change.list.unknown) == {"quota": 9}


async def test_an_entry_that_another_act_takes_over_keeps_what_a_later_release_wrote(
    store: Store, list_store: ListStore
) -> None:
    """Whatever it holds: objects, quotes, brackets in texts, numbers of many digits."""
    from_later = Entry.from_json(
        later(
            Entry("a", entry("a", 1).signal, "first", "ann", 5.0, "act-1").to_json(),
            note='a "quoted" } ] \\ text, with "act":"act-1"',
            number=1764500000.1234567,
            nested={"list": [1, {"reason": "x"}], "empty": []},
        )
    )
    await list_store.add_entries([from_later], "ann", "first", "act-1")
    await list_store.add_entries([entry("a", 1)], "bob", "second", "act-2")
    before = json.loads(from_later.to_json())
    await list_store.undo_some(await list_store.acts.get("act-1"))
    text: bytes = await store.redis.hget(store.key("{blocklist}", "entries", "a"), entry("a", 1).id) or b""
    after = json.loads(text)
    assert (after["reason"], after["added_by"], after["signal"]["act"]) == ("second", "bob", "act-2")
    assert {name: after[name] for name in ("note", "number", "nested")} == {
        name: before[name] for name in ("note", "number", "nested")
    }
    assert b'"empty":[]' in text
    assert after.keys() == before.keys()
