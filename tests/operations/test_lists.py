"""Lists: created, changed, deleted, and counted as this process has them."""

import asyncio
from dataclasses import replace
from itertools import batched

import pytest

from edgeward.errors import Conflict, InvalidValue, NotFound
from edgeward.lists.replication.replica import Replica
from edgeward.matching.matcher import Matcher
from edgeward.operations import entries, lists
from edgeward.operations.lists import ListChanges, ListStatus
from edgeward.operations.services import Services
from edgeward.types import Action, Entry, HashList, ListKind, Mode, Signal

OLD = HashList("a", mode=Mode.MONITOR, radius={"pdq": 10, "phash": 2}, description="d", rotations=True)


def test_without_changes_a_list_stays_as_it_is() -> None:
    """None leaves every value, an empty description or False is a value."""
    assert ListChanges().applied_to(OLD) == OLD
    changed = ListChanges(description="", rotations=False).applied_to(OLD)
    assert (changed.description, changed.rotations, changed.mode) == ("", False, Mode.MONITOR)


def test_each_value_can_be_changed() -> None:
    """Mode, action and geometry are replaced; name and kind can't be."""
    changed = ListChanges(Mode.OFF, Action.GONE, geometry=True).applied_to(HashList("a", ListKind.ALLOW))
    assert (changed.name, changed.kind, changed.mode) == ("a", ListKind.ALLOW, Mode.OFF)
    assert (changed.action, changed.geometry) == (Action.GONE, True)


def test_a_radius_of_none_restores_the_default() -> None:
    """Types that are not named keep their radius."""
    changed = ListChanges(radius={"pdq": None, "dhash": 0}).applied_to(OLD)
    assert changed.radius == {"phash": 2, "dhash": 0}
    assert lists.without_defaults({"pdq": None, "phash": 0}) == {"phash": 0}


async def test_a_change_is_active_when_it_returns(services: Services) -> None:
    """Created, changed and deleted, the live copy of the lists has it; the result says so."""
    created = await lists.create(services, HashList("a"), "ana", "new")
    assert (created.change.version, created.change.active, created.change.waiting_for) == (1, True, [])
    assert services.replica.matcher.lists["a"].mode is Mode.ENFORCE
    changed = await lists.change(services, "a", ListChanges(mode=Mode.OFF), "ana", "")
    assert changed.status.hash_list == services.replica.matcher.lists["a"] == HashList("a", mode=Mode.OFF)
    deleted = await lists.delete(services, "a", "ana", "")
    assert (deleted.status.hash_list.name, deleted.change.version) == ("a", 3)
    assert "a" not in services.replica.matcher.lists


async def test_a_list_that_is_deleted_during_an_import_is_counted_as_it_was(services: Services) -> None:
    """Entries are added while it is deleted: those that were on it at that moment are counted, and no others."""
    await services.list_store.create_list(HashList("filling"), "ana")
    added = asyncio.Event()

    async def fill() -> None:
        for chunk in batched(range(100_000), 20):
            entries = [Entry("filling", Signal("md5", f"{number:032x}")) for number in chunk]
            await services.list_store.add_entries(entries, "ana")
            if chunk[0] >= 400:
                added.set()

    filling = asyncio.create_task(fill())
    await added.wait()
    deleted = await lists.delete(services, "filling", "ana", "")
    with pytest.raises(NotFound):
        await filling
    changes = await services.list_store.changes(0, limit=100_000)
    on_it = [each for each in changes if each.op == "entry.add" and each.entry and each.entry.list == "filling"]
    assert deleted.status.total == len(on_it)
    assert max(each.version for each in on_it) < deleted.change.version


async def test_entries_are_counted_by_type(services: Services) -> None:
    """With those apart that match nothing, since images are not hashed for their type."""
    await lists.create(services, HashList("a"), "ana", "")
    await lists.create(services, HashList("empty"), "ana", "")
    listed = [Signal("md5", "1" * 32), Signal("md5", "2" * 32), Signal("photodna", "3c" * 144)]
    await entries.add(services, "a", listed, "ana", "")
    status = await lists.get(services, "a")
    assert (status.entries, status.not_matchable) == ({"md5": 2, "photodna": 1}, {"photodna": 1})
    assert [(each.hash_list.name, sum(each.entries.values())) for each in await lists.all_lists(services)] == [
        ("a", 3),
        ("empty", 0),
    ]


@pytest.mark.parametrize(("types", "number"), [(("sha256", "pdq"), 1), (("sha256", "pdq", "dhash"), 0)])
async def test_composite_entries_need_both_types(services: Services, types: tuple[str, ...], number: int) -> None:
    """They match nothing if images are hashed for only one of the component types."""
    replica = Replica(services.store, "r", Matcher(types=types))
    await lists.create(services, HashList("a"), "ana", "")
    replica.matcher.set_list(HashList("a"))
    replica.matcher.add_entry(Entry("a", Signal("pdq-dhash", "0f1e2d3c4b5a6978" * 4 + "8796a5b4c3d2e1f1", 90)))
    status = await lists.get(replace(services, replica=replica), "a")
    assert sum(status.not_matchable.values()) == number


async def test_a_taken_or_unknown_name_is_an_error(services: Services) -> None:
    """The error names the list."""
    await lists.create(services, HashList("a"), "ana", "")
    with pytest.raises(Conflict, match="'a'"):
        await lists.create(services, HashList("a"), "ana", "")
    with pytest.raises(NotFound, match="'none'"):
        await lists.change(services, "none", ListChanges(mode=Mode.OFF), "ana", "")
    with pytest.raises(NotFound, match="'none'"):
        await lists.delete(services, "none", "ana", "")


@pytest.mark.parametrize(
    ("new", "key"),
    [
        (HashList("No Spaces"), "name"),
        (HashList("a/b"), "name"),
        (HashList("a\n"), "name"),
        (HashList("x" * 65), "name"),
        (HashList("b", radius={"md5": 1}), "radius"),
        (HashList("b", radius={"pdq": 65}), "radius"),
        (HashList("b", radius={"pdq": -1}), "radius"),
    ],
)
async def test_what_no_list_can_have_is_refused(services: Services, new: HashList, key: str) -> None:
    """Whichever front end asks: the error names the value, and nothing is changed."""
    await lists.create(services, HashList("a"), "ana", "")
    with pytest.raises(InvalidValue, match=f"^{key}: ") as caught:
        await lists.create(services, new, "ana", "")
    assert caught.value.key == key
    if new.radius:
        with pytest.raises(InvalidValue, match=r"^radius: "):
            await lists.change(services, "a", ListChanges(radius=new.radius), "ana", "")
    assert [each.hash_list for each in await lists.all_lists(services)] == [HashList("a")]


def test_a_list_shows_the_radius_that_applies() -> None:
    """Defaults are filled in."""
    assert ListStatus(HashList("a", radius={"pdq": 20}), {}, {}).radius == {
        "pdq": 20,
        "phash": 6,
        "dhash": 4,
        "pdq-dhash": 72,
    }
