"""The list store on a real Redis: what it returns, refuses and records."""

import asyncio
import json
import time
from dataclasses import replace

import pytest
from tests.lists.entries import entries, entry
from tests.store.server import Server
from tests.support.list_entries import entry_count

from edgeward.background import stream_archive
from edgeward.errors import Conflict, NotFound, PreconditionFailed
from edgeward.lists import list_store as module
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.membership import Membership
from edgeward.store.connection import Store
from edgeward.types import Action, Entry, HashList, ListKind, Mode, Signal


@pytest.fixture
def list_store(store: Store) -> ListStore:
    return ListStore(store)


async def test_lists_come_back_as_they_were_made(list_store: ListStore) -> None:
    """Every field of a list survives, and lists come sorted by name."""
    first = HashList("b", ListKind.ALLOW, Mode.MONITOR, Action.GONE, {"pdq": 12, "phash": 0}, "Ä description")
    await list_store.create_list(first, "me")
    await list_store.create_list(HashList("a"), "me")
    assert await list_store.lists() == [HashList("a"), first]
    assert await list_store.get_list("b") == first


async def test_changes_say_who_when_what_and_why(list_store: ListStore) -> None:
    """The record of each change has them all, and equals what the call returned."""
    started = time.time()
    made = [
        await list_store.create_list(HashList("a"), "ann", "first"),
        await list_store.set_list(HashList("a", action=Action.GONE), "bob", "milder"),
        *await list_store.add_entries([entry("a", 1)], "cyd", "order 7/26"),
        await list_store.remove_entry("a", entry("a", 1).id, "dan", "a mistake"),
        await list_store.delete_list("a", "eve", "the end"),
    ]
    assert await list_store.changes(0) == made
    told = [(change.version, change.op, change.who, change.why) for change in made]
    assert told == [
        (1, "list.set", "ann", "first"),
        (2, "list.set", "bob", "milder"),
        (3, "entry.add", "cyd", "order 7/26"),
        (4, "entry.remove", "dan", "a mistake"),
        (5, "list.delete", "eve", "the end"),
    ]
    assert [change.list.action for change in made if change.list] == [
        Action.UNAVAILABLE_FOR_LEGAL_REASONS,
        Action.GONE,
        Action.GONE,
    ]
    assert all(change.entry and change.entry.id == entry("a", 1).id for change in made[2:4])
    assert all(started - 1 < change.at < time.time() + 1 for change in made)
    assert await list_store.changes(3, limit=1) == made[3:4]


async def test_provenance_is_filled_in(list_store: ListStore) -> None:
    """An entry without author and time gets the caller and now; one that has them keeps them."""
    await list_store.create_list(HashList("a"), "me")
    started = time.time()
    given = Entry("a", Signal("md5", "0" * 31 + "1"), "reason", "someone", 5.0)
    changes = await list_store.add_entries([entry("a", 1), given], "me")
    bare, full = (change.entry for change in changes)
    assert bare
    assert bare.added_by == "me"
    # The store's time is known but for part of the time that a request to it takes.
    assert started - 1 < bare.added_at < time.time() + 1
    assert full == given
    assert sorted((await list_store.entries("a"))[0], key=lambda one: one.added_at) == [full, bare]


async def test_what_is_listed_already_is_no_change(list_store: ListStore) -> None:
    """An entry that is there stays as it is, also if it comes twice in one call."""
    await list_store.create_list(HashList("a"), "me")
    await list_store.add_entries([entry("a", 1)], "first")
    changes = await list_store.add_entries([entry("a", 1), entry("a", 2), entry("a", 2), entry("a", 3)], "second")
    assert [(change.version, change.entry.id if change.entry else "") for change in changes] == [
        (3, entry("a", 2).id),
        (4, entry("a", 3).id),
    ]
    assert {one.id: one.added_by for one in (await list_store.entries("a"))[0]}[entry("a", 1).id] == "first"
    assert await list_store.add_entries([], "me") == []


async def test_unknown_and_repeated_names(list_store: ListStore) -> None:
    """An unknown name is NotFound, a repeated one a Conflict; the message has the name, and nothing is changed."""
    await list_store.create_list(HashList("a"), "me")
    with pytest.raises(Conflict, match="'a'"):
        await list_store.create_list(HashList("a", action=Action.GONE), "me")
    for attempt in (
        list_store.get_list("none"),
        list_store.set_list(HashList("none"), "me"),
        list_store.delete_list("none", "me"),
        list_store.add_entries([entry("none", 1)], "me"),
        list_store.remove_entry("none", "1", "me"),
        list_store.entries("none"),
    ):
        with pytest.raises(NotFound, match="'none'"):
            await attempt
    with pytest.raises(NotFound, match="'feed'"):
        await list_store.remove_entry("a", "feed", "me")
    assert await list_store.version() == 1
    assert await list_store.lists() == [HashList("a")]


async def test_changes_of_a_list_at_once_are_all_made(list_store: ListStore) -> None:
    """Each is made on what the store has then: none undoes another. A list that is deleted meanwhile stays deleted."""
    await list_store.create_list(HashList("a"), "me")

    async def change(number: int) -> None:
        def add(old: HashList) -> HashList:
            return replace(old, radius={**old.radius, f"type{number}": number})

        await ListStore(list_store._store).change_list("a", add, "me")

    await asyncio.gather(*(change(number) for number in range(20)))
    assert (await list_store.get_list("a")).radius == {f"type{number}": number for number in range(20)}
    assert await list_store.version() == 21
    results = await asyncio.gather(
        *(change(number) for number in range(5)), list_store.delete_list("a", "me"), return_exceptions=True
    )
    assert not [each for each in results if isinstance(each, Exception) and not isinstance(each, NotFound)]
    assert await list_store.lists() == []


async def test_a_change_that_is_refused_changes_nothing(list_store: ListStore) -> None:
    """What the callback raises is raised, for changes and deletions, with the list as it is in the store."""
    await list_store.create_list(HashList("a", description="x"), "me")

    def refuse(old: HashList) -> HashList:
        assert old.description == "x"
        raise PreconditionFailed("no")

    with pytest.raises(PreconditionFailed):
        await list_store.change_list("a", refuse, "me")
    with pytest.raises(PreconditionFailed):
        await list_store.delete_list("a", "me", check=refuse)
    assert await list_store.version() == 1


async def test_a_list_of_an_older_version_can_be_changed(list_store: ListStore, store: Store) -> None:
    """Its JSON lacks keys that were added since: it is compared as it is stored."""
    await list_store.create_list(HashList("a"), "me")
    old = json.loads(HashList("a").to_json())
    del old["rotations"], old["geometry"]
    await store.redis.hset(store.key("{blocklist}", "lists"), "a", json.dumps(old))
    await list_store.set_list(HashList("a", action=Action.GONE), "me")
    assert (await list_store.get_list("a")).action is Action.GONE
    await store.redis.hset(store.key("{blocklist}", "lists"), "a", json.dumps(old))
    await list_store.delete_list("a", "me", check=lambda _: None)


async def test_a_deleted_list_leaves_no_entries(list_store: ListStore) -> None:
    """A new list under an old name is empty."""
    await list_store.create_list(HashList("a"), "me")
    await list_store.add_entries(entries(10), "me")
    await list_store.delete_list("a", "me")
    await list_store.create_list(HashList("a"), "me")
    assert await entry_count(list_store, "a") == 0
    assert await list_store.entries("a") == ([], 0)


async def test_many_entries(list_store: ListStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """More entries than one script call takes are all added, in order, and paging returns each of them."""
    monkeypatch.setattr(module, "CHUNK_SIZE", 300)
    await list_store.create_list(HashList("a"), "me")
    many = entries(1000)
    changes = await list_store.add_entries(many, "me")
    assert [change.entry.id for change in changes if change.entry] == [one.id for one in many]
    assert [change.version for change in changes] == list(range(2, 1002))
    assert await entry_count(list_store, "a") == 1000
    found, cursor, calls = set[str](), 0, 0
    while cursor or not calls:
        page, cursor = await list_store.entries("a", cursor, limit=100)
        assert len(page) < 200
        found |= {one.id for one in page}
        calls += 1
    assert found == {one.id for one in many}
    assert calls > 5


async def test_waiting_for_the_replicas(list_store: ListStore, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait returns the names of those that lag, and ends as soon as none does."""
    change = await list_store.create_list(HashList("a"), "me")
    membership = Membership(store)
    await membership.heartbeat("slow", 0)
    started = time.monotonic()
    assert await list_store.wait_applied(change.version, 0.1) == ["slow"]
    assert time.monotonic() - started >= 0.1
    asked = asyncio.Event()
    laggards = list_store.laggards

    async def ask(version: int) -> list[str]:
        left = await laggards(version)
        asked.set()
        return left

    monkeypatch.setattr(list_store, "laggards", ask)
    waiting = asyncio.create_task(list_store.wait_applied(change.version, 60))
    await asked.wait()
    await membership.heartbeat("slow", change.version)
    assert await asyncio.wait_for(waiting, 60) == []


async def test_what_was_acknowledged_survives_sigkill(server: Server) -> None:
    """A change whose call has returned is there after the store was killed at that moment and started again."""
    store = await Store.connect(server.url)
    list_store = ListStore(store)
    await list_store.create_list(HashList("a"), "me")
    for number in range(50):
        await list_store.add_entries([entry("a", number)], "me")
        if number % 10 == 9:
            await server.restart()
            assert await entry_count(list_store, "a") == number + 1
            assert await list_store.version() == number + 2
    await store.close()


async def test_changes_are_read_from_the_archive_too(list_store: ListStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the reader begins, the changes are the same before and after the old ones were moved."""
    monkeypatch.setattr(stream_archive, "ITEMS_PER_BLOCK", 10)
    await list_store.create_list(HashList("a"), "me")
    await list_store.add_entries([entry("a", number) for number in range(40)], "me")
    whole = await list_store.changes(0)
    assert await list_store.archive.move(time.time() + 60, "25-0") == 20
    for after in (0, 1, 19, 20, 30, 41):
        assert await list_store.changes(after) == whole[after:]
        assert await list_store.changes(after, 3) == whole[after : after + 3]
