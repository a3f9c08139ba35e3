"""Acts in a real Redis: what one act listed goes in one step; what another act lists too stays."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.lists.entries import entry

from edgeward.errors import Conflict, NotFound, StoreUnavailable
from edgeward.lists import list_store as module
from edgeward.lists.acts import ACT_ID, Act, Outcome, from_entries, new_act_id
from edgeward.lists.list_store import ListStore
from edgeward.lists.lua_scripts import MAX_LATER_ACTS
from edgeward.lists.replication.replica import Replica
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, ListKind


async def undo(list_store: ListStore, act_id: str, who: str = "ann", why: str = "a mistake") -> list[Outcome]:
    """Take an act back as the worker of undos does."""
    act = replace(await list_store.acts.get(act_id), undone_by=who, undone_why=why)
    cursor, more = 0, True
    while more:
        more, cursor = await list_store.undo_some(act, cursor)
    await list_store.acts.finish_undo(act_id)
    return await list_store.acts.outcomes(act_id)


async def listed(list_store: ListStore, name: str = "a") -> dict[str, str]:
    """The act of each entry on a list, by id."""
    return {each.id: each.act async for some in list_store.scan(name) for each in some}


def test_ids_are_short_and_unique() -> None:
    """An id has 20 characters that need no quoting, and is never given twice."""
    ids = {new_act_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(each) == 20 and each.startswith("act-") for each in ids)
    assert ACT_ID == r"^act-[0-9a-f]{16}$"


async def test_an_act_is_taken_back_whole(list_store: ListStore) -> None:
    """All its entries go, those of others stay, and the record says who undid it, when and why."""
    await list_store.add_entries([entry("a", 9)], "bob", "other", "act-2")
    await list_store.add_entries([entry("a", n) for n in range(3)], "bob", "case 1", "act-1")
    outcomes = await undo(list_store, "act-1")
    assert await listed(list_store) == {entry("a", 9).id: "act-2"}
    assert {each.entry.id for each in outcomes} == {entry("a", n).id for n in range(3)}
    assert all(each.kept_by is None and each.entry.reason == "" and each.entry.act == "act-1" for each in outcomes)
    act = await list_store.acts.get("act-1")
    assert (act.list, act.by, act.why, act.removed, act.kept) == ("a", "bob", "case 1", 3, 0)
    assert (act.undone_by, act.undone_why) == ("ann", "a mistake")
    # The store's time is known but for part of the time that a request to it takes.
    assert act.at - 1 < act.undone_at < act.done_at + 1
    changes = (await list_store.changes(0))[-3:]
    assert [(each.op, each.who, each.why) for each in changes] == [("entry.remove", "ann", "a mistake")] * 3
    assert act.version == changes[-1].version


async def test_undone_twice_is_undone_once(list_store: ListStore) -> None:
    """The second undo changes nothing, and its result is that of the first."""
    await list_store.add_entries([entry("a", 1), entry("a", 2)], "bob", "", "act-1")
    first = await undo(list_store, "act-1")
    await list_store.add_entries([entry("a", 1)], "cyd", "", "act-2")
    before = await list_store.acts.get("act-1")
    assert await undo(list_store, "act-1", "dan") == first
    assert await list_store.acts.get("act-1") == before
    assert await listed(list_store) == {entry("a", 1).id: "act-2"}


async def test_an_undone_act_lists_nothing_any_more(list_store: ListStore) -> None:
    """An import or a command that goes on under an undone act is refused, and nothing of it is written."""
    await list_store.add_entries([entry("a", 1)], "bob", "", "act-1")
    await undo(list_store, "act-1")
    with pytest.raises(Conflict, match="act-1 is undone"):
        await list_store.add_entries([entry("a", 2)], "bob", "", "act-1")
    assert await listed(list_store) == {}


async def test_an_act_has_one_caller_and_one_list(list_store: ListStore) -> None:
    """Nobody adds to the act of another, nor to another list."""
    await list_store.create_list(HashList("b"), "me")
    await list_store.add_entries([entry("a", 1)], "bob", "", "act-1")
    for who, added in (("cyd", entry("a", 2)), ("bob", entry("b", 2))):
        with pytest.raises(Conflict, match="act-1"):
            await list_store.add_entries([added], who, "", "act-1")
    assert [*await listed(list_store), *await listed(list_store, "b")] == [entry("a", 1).id]
    with pytest.raises(NotFound, match="act-9"):
        await list_store.acts.get("act-9")


async def test_what_two_acts_list_stays_until_both_are_undone(list_store: ListStore) -> None:
    """Undoing the first leaves the entry as the second's, with its author, reason and time; in either order."""
    both = entry("a", 1)
    for first, second in (("act-1", "act-2"), ("act-4", "act-3")):
        await list_store.add_entries([both, entry("a", 2)], "bob", "case 1", min(first, second))
        await list_store.add_entries([both, entry("a", 3)], "cyd", 'case "2" \\ é', max(first, second))
        (kept,) = [each for each in await undo(list_store, first) if each.kept_by is not None]
        assert (kept.entry.id, kept.kept_by) == (both.id, second)
        (left,) = [each async for some in list_store.scan("a") for each in some if each.id == both.id]
        assert left == kept.entry
        assert left.act == second
        if second == "act-2":
            assert (left.added_by, left.reason) == ("cyd", 'case "2" \\ é')
            assert left.added_at == (await list_store.acts.get("act-2")).at
        assert left.signal == both.signal
        await undo(list_store, second)
        assert await listed(list_store) == {}


async def test_what_was_listed_without_an_act_stays(list_store: ListStore) -> None:
    """An entry of an earlier version of Edgeward has no act: no undo removes it, and the undo says that it stays."""
    await list_store.add_entries([entry("a", 1)], "bob")
    await list_store.add_entries([entry("a", 1), entry("a", 2)], "cyd", "", "act-1")
    outcomes = await undo(list_store, "act-1")
    assert await listed(list_store) == {entry("a", 1).id: ""}
    assert {each.entry.id: each.kept_by for each in outcomes} == {entry("a", 1).id: "", entry("a", 2).id: None}


async def test_to_list_again_under_the_same_act_is_no_second_demand(list_store: ListStore) -> None:
    """A command that is repeated since its answer was lost leaves nothing behind after its undo."""
    for _ in range(3):
        await list_store.add_entries([entry("a", 1)], "bob", "", "act-1")
    assert (await list_store.acts.get("act-1")).known == 0
    await undo(list_store, "act-1")
    assert await listed(list_store) == {}


async def test_more_acts_than_are_recorded_never_remove(list_store: ListStore) -> None:
    """The later acts of an entry are bounded. If there were more, the entry stays whatever is undone, until removed."""
    one, last = entry("a", 1), MAX_LATER_ACTS + 3
    for number in range(last):
        await list_store.add_entries([one], "bob", "", f"act-{number}")
    for number in range(last):
        await undo(list_store, f"act-{number}")
    assert await listed(list_store) == {one.id: ""}
    await list_store.remove_entry("a", one.id, "me")
    await list_store.add_entries([one], "bob", "", "act-new")
    await undo(list_store, "act-new")
    assert await listed(list_store) == {}


async def test_what_was_removed_meanwhile_is_not_touched(list_store: ListStore) -> None:
    """Entries that were removed, and listed by others since, or that went with their list, are not the act's."""
    await list_store.add_entries([entry("a", n) for n in range(3)], "bob", "", "act-1")
    await list_store.remove_entry("a", entry("a", 1).id, "me")
    await list_store.add_entries([entry("a", 1)], "cyd", "", "act-2")
    assert len(await undo(list_store, "act-1")) == 2
    assert await listed(list_store) == {entry("a", 1).id: "act-2"}
    await list_store.delete_list("a", "me")
    await list_store.create_list(HashList("a"), "me")
    await list_store.add_entries([entry("a", 1)], "me")
    assert await undo(list_store, "act-2") == []
    assert await listed(list_store) == {entry("a", 1).id: ""}


async def test_a_long_act_is_taken_back_in_steps(list_store: ListStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call takes back a bounded number of entries; what is reported one by one is bounded, the counts are not."""
    monkeypatch.setattr(module, "UNDO_CHUNK_SIZE", 30)
    monkeypatch.setattr(module, "MAX_REPORTED", 50)
    await list_store.add_entries([entry("a", n) for n in range(80, 120)], "bob")
    await list_store.add_entries([entry("a", n) for n in range(120)], "bob", "", "act-1")
    assert (await list_store.acts.get("act-1")).known == 40
    act = replace(await list_store.acts.get("act-1"), undone_by="ann")
    await list_store.undo_some(act)
    assert len(await listed(list_store)) == 90
    outcomes = await undo(list_store, "act-1")
    assert [sum((each.kept_by is None) is removed for each in outcomes) for removed in (True, False)] == [50, 40]
    act = await list_store.acts.get("act-1")
    assert (act.removed, act.kept) == (80, 40)
    assert await listed(list_store) == {entry("a", n).id: "" for n in range(80, 120)}


async def test_a_replica_follows_an_undo(list_store: ListStore, replica: Replica) -> None:
    """It forgets what was removed, and knows of which act an entry is that stays."""
    await list_store.add_entries([entry("a", 1), entry("a", 2)], "bob", "", "act-1")
    await list_store.add_entries([entry("a", 1)], "cyd", "case 2", "act-2")
    await undo(list_store, "act-1")
    assert await replica.wait_version(await list_store.version(), 10)
    on_list = replica.matcher.entries("a")
    assert {key: (each.act, each.added_by, each.reason) for key, each in on_list.items()} == {
        entry("a", 1).id: ("act-2", "cyd", "case 2")
    }


async def test_the_entries_of_an_act_can_be_counted(list_store: ListStore) -> None:
    """Ids of what it added, in order."""
    await list_store.add_entries([entry("a", n) for n in range(3)], "bob", "", "act-1")
    assert await list_store.acts.added("act-1") == ([entry("a", n).id for n in range(3)], False)
    assert await list_store.acts.added("none") == ([], False)


async def test_an_act_can_be_undone_before_it_lists(list_store: ListStore) -> None:
    """A declared act that is undone can't list. Declaring a known act changes nothing."""
    await list_store.acts.declare("job-1", "a", "bob", "list of May")
    await undo(list_store, "job-1")
    with pytest.raises(Conflict, match="job-1 is undone"):
        await list_store.add_entries([entry("a", 1)], "bob", "", "job-1")
    known: Act = await list_store.acts.get("job-1")
    await list_store.acts.declare("job-1", "b", "cyd", "")
    assert await list_store.acts.get("job-1") == known


async def test_an_act_does_not_go_on_with_another_list_of_that_name(list_store: ListStore) -> None:
    """A list is deleted and made anew while an import runs, perhaps as an allowlist: the rest of it is not listed."""
    await list_store.acts.declare("job-2", "a", "bob", "")
    await list_store.add_entries([entry("a", 1)], "bob", "", "job-1")
    await list_store.delete_list("a", "me")
    await list_store.create_list(HashList("a", ListKind.ALLOW), "me")
    for act in ("job-1", "job-2"):
        with pytest.raises(NotFound, match="'a'"):
            await list_store.add_entries([entry("a", 2)], "bob", "", act)
    await list_store.add_entries([entry("a", 3)], "bob", "", "act-3")
    assert await listed(list_store) == {entry("a", 3).id: "act-3"}


@pytest.mark.parametrize("seed", range(4))
async def test_the_list_is_what_acts_that_stand_demand(store: Store, list_store: ListStore, seed: int) -> None:
    """Whatever acts list, and in whatever order they are undone, also at once: listed is what an act that is not
    undone lists, and nothing else."""
    choices = random.Random(seed)
    demands: dict[str, set[str]] = {}
    for number in range(40):
        some = [entry("a", each) for each in choices.sample(range(30), choices.randint(1, 6))]
        # No more later acts of an entry than are recorded.
        fit = [one for one in some if sum(one.id in each for each in demands.values()) <= MAX_LATER_ACTS]
        if fit:
            await list_store.add_entries(fit, "bob", f"case {number}", f"act-{number}")
            demands[f"act-{number}"] = {one.id for one in fit}
        if number % 5 == 4:
            gone = choices.sample(sorted(demands), min(3, len(demands)))
            await asyncio.gather(*(undo(ListStore(store), each) for each in gone))
            for each in gone:
                del demands[each]
            acts = await listed(list_store)
            assert set(acts) == set().union(*demands.values())
            assert all(one in demands[act] for one, act in acts.items())
    entries: list[Entry] = [each async for some in list_store.scan("a") for each in some]
    assert all(each.reason == f"case {each.act.removeprefix('act-')}" or not each.reason for each in entries)


async def test_acts_work_on_every_kind_of_store(spread: Store) -> None:
    """With Sentinel and on a cluster too: all keys of the lists are on one node."""
    list_store = ListStore(spread)
    await list_store.create_list(HashList("a"), "me")
    await list_store.add_entries([entry("a", 1), entry("a", 2)], "bob", "", "act-1")
    await list_store.add_entries([entry("a", 1)], "cyd", "", "act-2")
    await undo(list_store, "act-1")
    assert await listed(list_store) == {entry("a", 1).id: "act-2"}


def act_of(listed: Sequence[Entry]) -> Act:
    act = from_entries("act-1", listed)
    assert act is not None
    return act


def ids_of(listed: Sequence[Entry]) -> list[str]:
    return [each.id for each in listed]


async def test_an_act_is_restored_once(store: Store, list_store: ListStore) -> None:
    """By however many at the same time: its ids come with its record, and nothing else is left in the store."""
    listed_once = [replace(entry("a", n), added_by="bob", act="act-1") for n in range(3)]
    await asyncio.gather(*(list_store.acts.restore(act_of(listed_once), ids_of(listed_once)) for _ in range(5)))
    ids, more = await list_store.acts.added("act-1")
    assert (sorted(ids), more) == (sorted(each.id for each in listed_once), False)
    act = await list_store.acts.get("act-1")
    assert (act.by, act.at) == ("bob", listed_once[0].added_at)
    record, added = list_store.acts.keys("act-1")
    assert {key.decode() for key in await store.redis.keys(record + "*")} == {record, added}
    assert await store.redis.ttl(added) == -1


async def test_an_undone_act_is_forgotten_after_its_time(store: Store, list_store: ListStore) -> None:
    """It does not expire: what it did is evidence, and nothing may list under its id. Others stay."""
    for act in ("act-1", "act-2"):
        await list_store.add_entries([entry("a", 1), entry("a", 2)], "bob", "", act)
    await undo(list_store, "act-1")
    await undo(list_store, "act-1")
    done_at = (await list_store.acts.get("act-1")).done_at
    keys = await store.redis.keys(store.key("{blocklist}", "act:act-1*"))
    assert len(keys) == 2
    assert {await store.redis.ttl(key) for key in keys} == {-1}
    await list_store.acts.forget_undone(done_at - 1)
    assert (await list_store.acts.get("act-1")).kept == 2
    await list_store.acts.forget_undone(done_at + 1)
    assert await store.redis.keys(store.key("{blocklist}", "act:act-1*")) == []
    assert await store.redis.exists(store.key("{blocklist}", "undone")) == 0
    assert (await list_store.acts.get("act-2")).done_at == 0


async def test_an_act_is_restored_whole_or_not_at_all(store: Store, list_store: ListStore) -> None:
    """If ids of its entries have expired, as the store's clock was set forwards, that is said: it is tried again."""
    ones = [replace(entry("a", n), added_by="bob", act="act-1") for n in range(3)]
    redis: Any = store.redis
    pushed = 0

    async def lost(key: str, *ids: str) -> None:
        nonlocal pushed
        pushed += 1
        await redis.rpush(key, *ids[1:])

    list_store.acts._redis = SimpleNamespace(rpush=lost, expire=redis.expire, unlink=redis.unlink)
    with pytest.raises(StoreUnavailable, match="clock was set forwards"):
        await list_store.acts.restore(act_of(ones), ids_of(ones))
    assert pushed == 1
    assert await store.redis.keys(store.key("{blocklist}", "act:*")) == []
