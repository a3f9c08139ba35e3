"""The catalogue on a real Redis: what it says, refuses and remembers."""

import asyncio
import time

import pytest
from tests.blocklist.entries import entries, entry
from tests.store.server import Server

from edgeward.blocklist import catalogue as module
from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.rollcall import RollCall
from edgeward.errors import Conflict, NotFound
from edgeward.store.connection import Store
from edgeward.types import Action, Entry, HashList, Kind, Mode, Signal


@pytest.fixture
def catalogue(store: Store) -> Catalogue:
    return Catalogue(store)


async def test_lists_come_back_as_they_were_made(catalogue: Catalogue) -> None:
    """Every field of a list survives, and lists come sorted by name."""
    first = HashList("b", Kind.ALLOW, Mode.MONITOR, Action.GONE, {"pdq": 12, "phash": 0}, "Ä description")
    await catalogue.create_list(first, "me")
    await catalogue.create_list(HashList("a"), "me")
    assert await catalogue.lists() == [HashList("a"), first]
    assert await catalogue.get_list("b") == first


async def test_changes_tell_who_when_what_and_why(catalogue: Catalogue) -> None:
    """The record of each change has all of it, and is the same that the call returned."""
    started = time.time()
    made = [
        await catalogue.create_list(HashList("a"), "ann", "first"),
        await catalogue.set_list(HashList("a", action=Action.GONE), "bob", "milder"),
        *await catalogue.add_entries([entry("a", 1)], "cyd", "order 7/26"),
        await catalogue.remove_entry("a", entry("a", 1).id, "dan", "a mistake"),
        await catalogue.delete_list("a", "eve", "the end"),
    ]
    assert await catalogue.changes(0) == made
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
    assert await catalogue.changes(3, limit=1) == made[3:4]


async def test_provenance_is_filled_in(catalogue: Catalogue) -> None:
    """An entry without author and time gets the caller and now; what it has stays."""
    await catalogue.create_list(HashList("a"), "me")
    started = time.time()
    given = Entry("a", Signal("md5", "0" * 31 + "1"), "reason", "someone", 5.0)
    changes = await catalogue.add_entries([entry("a", 1), given], "me")
    bare, full = (change.entry for change in changes)
    assert bare
    assert bare.added_by == "me"
    assert started <= bare.added_at <= time.time()
    assert full == given
    assert sorted((await catalogue.entries("a"))[0], key=lambda one: one.added_at) == [full, bare]


async def test_what_is_listed_already_is_no_change(catalogue: Catalogue) -> None:
    """An entry that is there stays as it is, also where it comes twice in one call."""
    await catalogue.create_list(HashList("a"), "me")
    await catalogue.add_entries([entry("a", 1)], "first")
    changes = await catalogue.add_entries([entry("a", 1), entry("a", 2), entry("a", 2), entry("a", 3)], "second")
    assert [(change.version, change.entry.id if change.entry else "") for change in changes] == [
        (3, entry("a", 2).id),
        (4, entry("a", 3).id),
    ]
    assert {one.id: one.added_by for one in (await catalogue.entries("a"))[0]}[entry("a", 1).id] == "first"
    assert await catalogue.add_entries([], "me") == []


async def test_unknown_and_double_names(catalogue: Catalogue) -> None:
    """What is not there is NotFound and what is there already a Conflict, by name; neither changes anything."""
    await catalogue.create_list(HashList("a"), "me")
    with pytest.raises(Conflict, match="'a'"):
        await catalogue.create_list(HashList("a", action=Action.GONE), "me")
    for attempt in (
        catalogue.get_list("none"),
        catalogue.set_list(HashList("none"), "me"),
        catalogue.delete_list("none", "me"),
        catalogue.add_entries([entry("none", 1)], "me"),
        catalogue.remove_entry("none", "1", "me"),
        catalogue.entries("none"),
        catalogue.count("none"),
    ):
        with pytest.raises(NotFound, match="'none'"):
            await attempt
    with pytest.raises(NotFound, match="'feed'"):
        await catalogue.remove_entry("a", "feed", "me")
    assert await catalogue.version() == 1
    assert await catalogue.lists() == [HashList("a")]


async def test_a_deleted_list_takes_its_entries_along(catalogue: Catalogue) -> None:
    """A list made anew under an old name is empty."""
    await catalogue.create_list(HashList("a"), "me")
    await catalogue.add_entries(entries(10), "me")
    await catalogue.delete_list("a", "me")
    await catalogue.create_list(HashList("a"), "me")
    assert await catalogue.count("a") == 0
    assert await catalogue.entries("a") == ([], 0)


async def test_many_entries(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries beyond one script call all get in, in order, and paging gives each of them back."""
    monkeypatch.setattr(module, "CHUNK", 300)
    await catalogue.create_list(HashList("a"), "me")
    many = entries(1000)
    changes = await catalogue.add_entries(many, "me")
    assert [change.entry.id for change in changes if change.entry] == [one.id for one in many]
    assert [change.version for change in changes] == list(range(2, 1002))
    assert await catalogue.count("a") == 1000
    found, cursor, calls = set[str](), 0, 0
    while cursor or not calls:
        page, cursor = await catalogue.entries("a", cursor, limit=100)
        assert len(page) < 200
        found |= {one.id for one in page}
        calls += 1
    assert found == {one.id for one in many}
    assert calls > 5


async def test_waiting_for_the_replicas(catalogue: Catalogue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait names those that lag, and ends as soon as none does."""
    change = await catalogue.create_list(HashList("a"), "me")
    rollcall = RollCall(store)
    await rollcall.beat("slow", 0)
    started = time.monotonic()
    assert await catalogue.wait_applied(change.version, 0.1) == ["slow"]
    assert time.monotonic() - started >= 0.1
    asked = asyncio.Event()
    laggards = catalogue.laggards

    async def ask(version: int) -> list[str]:
        left = await laggards(version)
        asked.set()
        return left

    monkeypatch.setattr(catalogue, "laggards", ask)
    waiting = asyncio.create_task(catalogue.wait_applied(change.version, 60))
    await asked.wait()
    await rollcall.beat("slow", change.version)
    assert await asyncio.wait_for(waiting, 30) == []


async def test_what_was_acknowledged_survives_sigkill(server: Server) -> None:
    """A change whose call has returned is there after the store was killed at that moment and started again."""
    store = await Store.connect(server.url)
    catalogue = Catalogue(store)
    await catalogue.create_list(HashList("a"), "me")
    for number in range(50):
        await catalogue.add_entries([entry("a", number)], "me")
        if number % 10 == 9:
            await server.restart()
            assert await catalogue.count("a") == number + 1
            assert await catalogue.version() == number + 2
    await store.close()
