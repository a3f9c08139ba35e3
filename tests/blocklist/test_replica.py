"""The live copy: it loads, follows, reports, and lets nothing through that was acknowledged."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from tests.blocklist.entries import NEVER, entries, entry, image, until

from edgeward import metrics
from edgeward.blocklist import replica as module
from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.replica import Replica
from edgeward.blocklist.rollcall import LOADING, Beat, RollCall
from edgeward.store.connection import Store
from edgeward.types import Action, Change, Entry, HashList, Mode, Signal


async def test_loads_what_is_there(store: Store, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """After start every list and entry is there, at the store's version."""
    monkeypatch.setattr("edgeward.blocklist.catalogue.SCAN_CHUNK", 50)
    many = entries(600)
    await catalogue.add_entries(many, "me")
    await catalogue.create_list(HashList("b", mode=Mode.MONITOR), "me")
    copy = Replica(store, "two")
    await copy.start()
    assert (copy.ready, copy.version) == (True, await catalogue.version())
    assert set(copy.matcher.entries("a")) == {one.id for one in many}
    assert copy.matcher.lists == {one.name: one for one in await catalogue.lists()}
    await copy.close()


async def test_follows_every_kind_of_change(catalogue: Catalogue, replica: Replica) -> None:
    """Each kind of change acts, and is told to who wants to know, in order."""
    told: list[Change] = []
    replica.on_change.append(told.append)
    listed = entry("a", 1)
    made = await catalogue.add_entries([listed], "me")
    assert await replica.wait_version(made[-1].version, 60)
    assert replica.matcher.verdict(image(listed)).blocks
    made.append(await catalogue.set_list(HashList("a", action=Action.GONE), "me"))
    assert await replica.wait_version(made[-1].version, 60)
    assert replica.matcher.verdict(image(listed)).action is Action.GONE
    made.append(await catalogue.remove_entry("a", listed.id, "me"))
    assert await replica.wait_version(made[-1].version, 60)
    assert not replica.matcher.verdict(image(listed)).blocks
    made += await catalogue.add_entries(entries(600), "me")
    made.append(await catalogue.delete_list("a", "me"))
    assert await replica.wait_version(made[-1].version, 60)
    assert not replica.matcher.lists
    assert not replica.matcher.entries("a")
    await until("all told", lambda: len(told) == len(made))
    assert told == made


async def test_a_new_entry_acts_at_once(store: Store, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reaches every one of several copies, and is reported, without waiting for the time of their next call."""
    monkeypatch.setattr(module, "BEAT_SECONDS", 60.0)
    copies = [Replica(store, f"copy {number}") for number in range(3)]
    for copy in copies:
        await copy.start()
    for one in entries(10):
        changes = await catalogue.add_entries([one], "me")
        assert await catalogue.wait_applied(changes[-1].version, 60) == []
        assert all(copy.matcher.verdict(image(one)).blocks for copy in copies)
    for copy in copies:
        await copy.close()


async def test_what_is_acknowledged_is_never_let_through(
    store: Store, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While copies come and go, each that is ready when an entry was acknowledged matches it, always."""
    copies: dict[int, Replica] = {}
    stopping = asyncio.Event()

    async def come_and_go(number: int) -> None:
        while not stopping.is_set():
            copy = copies[number] = Replica(store, f"copy {number}")
            await copy.start()
            await asyncio.sleep(0.01 * number)
            del copies[number]  # nothing is let through from here on
            await copy.close()

    monkeypatch.setattr("edgeward.blocklist.catalogue.SCAN_CHUNK", 50)
    await catalogue.add_entries(entries(300), "me")
    tasks = [asyncio.create_task(come_and_go(number)) for number in range(4)]
    ready = listed = 0
    while listed < 30 or ready < 20:
        (one,) = entries(1)
        changes = await catalogue.add_entries([one], "me")
        assert await catalogue.wait_applied(changes[-1].version, 60) == []
        listed += 1
        ready += sum(copy.ready for copy in copies.values())
        assert all(copy.matcher.verdict(image(one)).blocks for copy in copies.values() if copy.ready)
    stopping.set()
    await asyncio.gather(*tasks)


async def test_it_calls_in_before_it_reads(store: Store, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lists something after a copy has read the version is told of that copy."""
    known: list[list[str]] = []
    original = Catalogue.version

    async def version(self: Catalogue) -> int:
        known.append(await self.laggards(NEVER))
        return await original(self)

    monkeypatch.setattr(Catalogue, "version", version)
    copy = Replica(store, "two")
    await copy.start()
    assert [len(names) for names in known] == [1]
    await copy.close()


async def test_it_is_ready_only_when_it_has_caught_up(store: Store, catalogue: Catalogue) -> None:
    """What was listed behind the back of the load is there in the moment that the copy is ready."""
    copy = Replica(store, "two")
    original = copy._read_snapshot

    async def then_list_more() -> None:
        await original()
        await catalogue.add_entries([entry("a", 1)], "me")

    copy._read_snapshot = then_list_more  # type: ignore[method-assign]
    seen: list[bool] = []
    told = copy._tell

    async def look() -> None:
        await told()
        if copy.ready:
            seen.append(copy.matcher.verdict(image(entry("a", 1))).blocks)

    copy._tell = look  # type: ignore[method-assign]
    await copy.start()
    assert seen[0] is True
    await copy.close()


async def test_it_loads_what_is_listed_meanwhile(
    store: Store, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy calls in before it reads anything. What changes while it loads is in it."""
    monkeypatch.setattr("edgeward.blocklist.catalogue.SCAN_CHUNK", 10)
    await catalogue.add_entries(entries(200), "me")
    copy = Replica(store, "two")
    reading, go_on = _held_at_its_first_page(copy, monkeypatch)
    starting = asyncio.create_task(copy.start())
    page = await reading
    assert await catalogue.laggards(NEVER)
    changes = await catalogue.add_entries([entry("a", 1)], "me")
    await catalogue.remove_entry("a", page[0].id, "me")
    assert not copy.ready
    go_on.set()
    assert await catalogue.wait_applied(changes[-1].version, 60) == []
    assert not copy.ready or copy.matcher.verdict(image(entry("a", 1))).blocks
    await starting
    assert copy.matcher.verdict(image(entry("a", 1))).blocks
    assert len(copy.matcher.entries("a")) == await catalogue.count("a") == 200
    await copy.close()


def _held_at_its_first_page(
    copy: Replica, monkeypatch: pytest.MonkeyPatch
) -> tuple[asyncio.Future[list[Entry]], asyncio.Event]:
    """Its load stops with the first entries of a list in its hands, which are told, and goes on with the event."""
    reading: asyncio.Future[list[Entry]] = asyncio.get_running_loop().create_future()
    go_on = asyncio.Event()
    scan = copy._catalogue.scan

    async def held(list_name: str) -> AsyncIterator[list[Entry]]:
        async for page in scan(list_name):
            if not reading.done():
                reading.set_result(page)
            await go_on.wait()
            yield page

    monkeypatch.setattr(copy._catalogue, "scan", held)
    return reading, go_on


async def test_signs_off(catalogue: Catalogue, replica: Replica) -> None:
    """A copy that was closed is not waited for."""
    assert len(await catalogue.laggards(NEVER)) == 1
    await replica.close()
    assert await catalogue.laggards(NEVER) == []


async def test_two_of_one_name_are_two(store: Store, catalogue: Catalogue, replica: Replica) -> None:
    """A second copy under the same name neither reports nor signs off in the first one's place."""
    twin = Replica(store, "one")
    await twin.start()
    assert len(await catalogue.laggards(NEVER)) == 2
    await twin.close()
    assert len(await catalogue.laggards(NEVER)) == 1


async def test_waiting_for_a_version(catalogue: Catalogue, replica: Replica) -> None:
    """The wait ends with the version, or in time without it."""
    version = replica.version
    assert await replica.wait_version(version, 0)
    assert not await replica.wait_version(version + 1, 0.05)
    waiting = asyncio.create_task(replica.wait_version(version + 1, 60))
    await catalogue.add_entries([entry("a", 1)], "me")
    assert await waiting


async def test_metrics(catalogue: Catalogue, replica: Replica) -> None:
    """Entries by list and type, version and last contact are exported; a type that is gone counts 0."""

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"edgeward_blocklist_{name}", labels)

    changes = await catalogue.add_entries([*entries(3), entry("a", 1)], "me")
    assert await replica.wait_version(changes[-1].version, 60)
    assert value("entries", list="a", signal="pdq") == 3
    assert value("entries", list="a", signal="sha256") == 1
    assert value("version") == replica.version
    assert value("contact_timestamp_seconds") == replica.contact == pytest.approx(time.time(), abs=10)
    change = await catalogue.delete_list("a", "me")
    assert await replica.wait_version(change.version, 60)
    assert value("entries", list="a", signal="pdq") == 0


async def test_an_entry_that_cannot_match_stops_nothing(
    store: Store, catalogue: Catalogue, replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    """A value that is not hexadecimal is named in the log by its entry, and what comes after it acts."""
    bad = Entry("a", Signal("pdq", "x" * 64))
    await catalogue.add_entries([bad], "me")
    changes = await catalogue.add_entries([entry("a", 1)], "me")
    assert await catalogue.wait_applied(changes[-1].version, 60) == []
    assert replica.matcher.verdict(image(entry("a", 1))).blocks
    assert bad.id in caplog.text
    copy = Replica(store, "two")
    await copy.start()
    assert copy.ready
    await copy.close()


async def test_a_defect_does_not_end_it(
    catalogue: Catalogue, replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    """A callback that raises is logged and counted; the copy loads anew and goes on following."""

    def fail(change: Change) -> None:
        replica.on_change.clear()
        raise RuntimeError("deliberate")

    replica.on_change.append(fail)
    before = metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "replica"}) or 0
    await catalogue.add_entries([entry("a", 1)], "me")
    changes = await catalogue.add_entries([entry("a", 2)], "me")
    assert await replica.wait_version(changes[-1].version, 60)
    assert replica.matcher.verdict(image(entry("a", 2))).blocks
    assert "deliberate" in caplog.text
    assert metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "replica"}) == before + 1


async def test_beats_while_it_has_much_to_do(
    store: Store, catalogue: Catalogue, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long loads and deletions do not let the lease run out: it calls in between the steps."""
    beats: list[int] = []
    original = RollCall.beat

    async def count(self: RollCall, name: str, reported: int, *more: int) -> object:
        beats.append(reported)
        return await original(self, name, reported, *more)

    changes = await catalogue.add_entries(entries(1000), "me")
    assert await catalogue.wait_applied(changes[-1].version, 60) == []
    monkeypatch.setattr(RollCall, "beat", count)
    monkeypatch.setattr(module, "LOADING_BEAT_SECONDS", 0.0)
    monkeypatch.setattr("edgeward.blocklist.catalogue.SCAN_CHUNK", 100)
    copy = Replica(store, "two")
    await copy.start()
    assert beats.count(LOADING) >= 5
    await copy.close()


async def test_changes_that_come_while_it_calls_are_no_loss(
    catalogue: Catalogue, replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    """A change that is applied while a call is on its way does not pass for another history of the store."""
    original = replica._rollcall.beat
    answered, arrives = asyncio.Event(), asyncio.Event()

    async def slow(*args: int | str) -> Beat:
        answer = await original(*args)  # type: ignore[arg-type]
        answered.set()
        await arrives.wait()
        return answer

    changes = await catalogue.add_entries([entry("a", 1)], "me")
    assert await replica.wait_version(changes[-1].version, 60)
    replica._rollcall.beat = slow  # type: ignore[method-assign]
    calling = asyncio.create_task(replica._beat())
    await asyncio.wait_for(answered.wait(), 10)
    for number in range(5):
        await replica._apply(await catalogue.add_entries([entry("a", 2 + number)], "me"))
    arrives.set()
    await calling
    assert "lost" not in caplog.text
    assert replica.ready
