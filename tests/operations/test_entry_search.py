"""Entries are found by hash, by what is near, and by what is known of them."""

import pytest

from edgeward.errors import BadSignal, InvalidValue, NotFound
from edgeward.operations import entry_search, lists
from edgeward.operations.entry_search import EntryFilter, by_hash, near, scan
from edgeward.operations.services import Services
from edgeward.operations.waiting import wait_applied
from edgeward.types import Entry, HashList, Mode, Signal

PDQ = "0f1e2d3c4b5a6978" * 4
NEAR = "0f1e2d3c4b5a6970" + PDQ[16:]
ALL = EntryFilter()


async def listed(services: Services, *entries: Entry, act: str = "") -> None:
    for name in sorted({entry.list for entry in entries} - {each.name for each in await services.list_store.lists()}):
        await lists.create(services, HashList(name), "ana", "")
    await services.list_store.add_entries(entries, "ana", "", act)
    await wait_applied(services.list_store, await services.list_store.version())


def md5(number: int, list_name: str = "a", **known: object) -> Entry:
    return Entry(list_name, Signal("md5", f"{number:032x}"), **known)  # type: ignore[arg-type]


async def all_of(services: Services, wanted: EntryFilter, limit: int = 100) -> list[str]:
    """The values of all entries that are asked for, read page by page."""
    found, cursor = [], ""
    while True:
        page = await scan(services, wanted, cursor, limit)
        found += [f"{entry.list}:{int(entry.signal.value, 16)}" for entry in page.entries]
        cursor = page.cursor
        if not cursor:
            return sorted(set(found))


async def test_a_hash_is_found_on_every_list(services: Services) -> None:
    """On one list if it is named; what else is asked for counts too."""
    await listed(services, md5(1), md5(2), md5(1, "b", reason="x"))
    text = f"md5:{1:032X}"
    assert [each.list for each in (await by_hash(services, text, ALL)).entries] == ["a", "b"]
    assert [each.list for each in (await by_hash(services, text, EntryFilter(list="b"))).entries] == ["b"]
    assert [each.list for each in (await by_hash(services, text, EntryFilter(reason="X"))).entries] == ["b"]
    assert (await by_hash(services, f"md5:{3:032x}", ALL)).entries == []
    with pytest.raises(NotFound):
        await by_hash(services, text, EntryFilter(list="none"))
    with pytest.raises(BadSignal):
        await by_hash(services, "md5:12", ALL)


async def test_what_is_near_is_found_nearest_first(services: Services) -> None:
    """Within the radius of each list that is not off, page by page."""
    await listed(services, *(Entry(name, Signal("pdq", value, 90)) for name, value in (("a", NEAR), ("b", PDQ))))
    await lists.create(services, HashList("narrow", radius={"pdq": 0}), "ana", "")
    await lists.create(services, HashList("off", mode=Mode.OFF), "ana", "")
    await listed(services, *(Entry(name, Signal("pdq", NEAR, 90)) for name in ("narrow", "off")))
    found = await near(services, f"pdq:{PDQ}", ALL, "", 10)
    assert [(each.list, bits) for each, bits in zip(found.entries, found.distances, strict=True)] == [
        ("b", 0),
        ("a", 1),
    ]
    first = await near(services, f"pdq:{PDQ}", ALL, "", 1)
    assert ([each.list for each in first.entries], first.cursor) == (["b"], "1")
    second = await near(services, f"pdq:{PDQ}", ALL, first.cursor, 1)
    assert ([each.list for each in second.entries], second.distances, second.cursor) == (["a"], [1], "")
    assert [each.list for each in (await near(services, f"pdq:{PDQ}", EntryFilter("a"), "", 9)).entries] == ["a"]


async def test_entries_are_found_by_what_is_known(services: Services) -> None:
    """Reason, source id, act, tag, type and time; all that are given must hold."""
    await listed(services, md5(1, reason="Order 17", added_at=100.0), md5(2, source_id="r1", tags=("A1", "b")))
    await listed(services, md5(3, "b", source_id="r1", added_at=200.0), Entry("b", Signal("sha1", f"{4:040x}")))
    await listed(services, md5(5), act="act-0000000000000005")
    assert await all_of(services, ALL) == ["a:1", "a:2", "a:5", "b:3", "b:4"]
    for wanted, expected in (
        (EntryFilter(reason="order"), ["a:1"]),
        (EntryFilter(source_id="r1"), ["a:2", "b:3"]),
        (EntryFilter(source_id="r"), []),
        (EntryFilter(source_id="r1", list="b"), ["b:3"]),
        (EntryFilter(tag="b"), ["a:2"]),
        (EntryFilter(act="act-0000000000000005"), ["a:5"]),
        (EntryFilter(type="sha1"), ["b:4"]),
        (EntryFilter(since=100.0, until=200.0), ["a:1", "b:3"]),
        (EntryFilter(tag="A1", reason="order"), []),
    ):
        assert await all_of(services, wanted) == expected, wanted


async def test_a_long_search_is_read_in_parts(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call reads a bounded part, perhaps without any that is asked for; also when a list is deleted meanwhile."""
    monkeypatch.setattr(entry_search, "READ_AT_ONCE", 10)
    monkeypatch.setattr(entry_search, "MAX_READ", 20)
    await listed(services, *(md5(number + 1) for number in range(1500)), md5(7, "b", tags=("x",)), md5(7, "c"))
    first = await scan(services, EntryFilter(tag="x"), "", 5)
    assert (first.entries, first.cursor != "") == ([], True)
    assert await all_of(services, EntryFilter(tag="x")) == ["b:7"]
    assert len(await all_of(services, ALL, 50)) == 1502
    await lists.delete(services, "a", "ana", "")
    rest = await scan(services, ALL, first.cursor, 100)
    assert {each.list for each in rest.entries} == {"b", "c"}
    for cursor in ("x", "a:x", "a:-1"):
        with pytest.raises(InvalidValue, match="cursor"):
            await scan(services, ALL, cursor, 5)
    with pytest.raises(InvalidValue, match="cursor"):
        await near(services, f"pdq:{PDQ}", ALL, "a:1", 5)
