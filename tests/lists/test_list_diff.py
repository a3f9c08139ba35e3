"""What differs between two versions of a list."""

import pytest
from tests.lists.entries import entry

from edgeward.background import stream_archive
from edgeward.errors import UserError
from edgeward.lists import list_diff as module
from edgeward.lists.list_diff import ListDifference
from edgeward.lists.list_store import ListStore
from edgeward.lists.relisting import list_again
from edgeward.store.connection import Store
from edgeward.types import HashList


async def diff(store: Store, first: int, last: int, name: str = "a") -> list[tuple[str, int]]:
    """ "+" or "-" and the number of each entry that differs."""
    found = [each async for some in ListDifference(store, name, first, last).entries() for each in some]
    return [("+" if each.is_added else "-", int(each.entry.signal.value, 16)) for each in found]


async def test_only_what_differs_is_told(list_store: ListStore, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what came and went in between, went and came back, was listed again, or is on another list."""
    monkeypatch.setattr(module, "CHANGES_PER_READ", 3)
    await list_store.create_list(HashList("b"), "ana")
    await list_store.add_entries([entry("a", number) for number in range(1, 6)], "ana")
    start = await list_store.version()
    await list_store.add_entries([entry("a", 6), entry("a", 7), entry("b", 8)], "ana")
    for number in (1, 2, 6):
        await list_store.remove_entry("a", entry("a", number).id, "ana")
    await list_store.add_entries([entry("a", 2)], "ana")
    await list_again(store, "a", [entry("a", 3).id, entry("a", 7).id], "ana")
    end = await list_store.version()
    assert sorted(await diff(store, start, end)) == [("+", 7), ("-", 1)]
    assert await diff(store, start, end, "b") == [("+", 8)]
    assert await diff(store, end, end) == []
    monkeypatch.setattr(stream_archive, "ITEMS_PER_BLOCK", 2)
    assert await list_store.archive.move(4e9) >= start
    assert sorted(await diff(store, start, end)) == [("+", 7), ("-", 1)]
    assert sorted(await diff(store, 1, start)) == [("+", number) for number in range(1, 6)]


async def test_an_undo_is_a_difference(list_store: ListStore, store: Store) -> None:
    """What another act lists too stays, and is none."""
    await list_store.add_entries([entry("a", 1), entry("a", 2)], "ana", "", "act-0000000000000001")
    await list_store.add_entries([entry("a", 2)], "ana", "", "act-0000000000000002")
    start = await list_store.version()
    act, cursor, more = await list_store.acts.get("act-0000000000000001"), 0, True
    while more:
        more, cursor = await list_store.undo_some(act, cursor)
    assert await diff(store, start, await list_store.version()) == [("-", 1)]


async def test_what_can_not_be_told_is_an_error(
    list_store: ListStore, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes that are not kept any more, a deleted list, very many entries; what is right is said."""
    await list_store.add_entries([entry("a", number) for number in range(9)], "ana")
    with pytest.raises(UserError, match="end at version 10"):
        await diff(store, 0, 11)
    with monkeypatch.context() as patched, pytest.raises(UserError, match="more than 5 entries"):
        patched.setattr(module, "MAX_CHANGED", 5)
        await diff(store, 0, 10)
    await list_store.delete_list("a", "ana")
    with pytest.raises(UserError, match="deleted in between, at version 11"):
        await diff(store, 0, 11)
    await store.redis.xtrim(list_store.stream, minid="5-0", approximate=False)
    with pytest.raises(UserError, match="begin at version 5"):
        await diff(store, 1, 9)
    assert len(await diff(store, 4, 9)) == 5
