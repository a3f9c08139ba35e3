"""Incidents of one worker: one for a target, an entry and a minute, with every request counted."""

from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
from tests.support.eventually import eventually
from tests.support.real_caches import target

from edgeward import metrics
from edgeward.errors import StoreUnavailable
from edgeward.incidents import Incidents
from edgeward.proxy import incident_reporter as module
from edgeward.proxy.incident_reporter import IncidentReporter
from edgeward.store.connection import Store
from edgeward.types import Decision, Entry, Incident, Match, Reason, Signal, Verdict

ENTRY = Entry("bad", Signal("sha256", "ab" * 32), "why", "ana", 1.0, "act-1", "NCMEC-7", ("A1", "B2"))
BLOCK = Verdict(Decision.BLOCK, Reason.MATCH, Match(ENTRY.signal, ENTRY, 0))
MONITORED = Verdict(Decision.DELIVER, Reason.MONITORED, BLOCK.match)


@pytest.fixture
async def reporter(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[IncidentReporter]:
    monkeypatch.setattr(module, "HITS_SECONDS", 0.02)
    one = IncidentReporter(Incidents(store))
    await one.start()
    yield one
    await one.close()


def report(reporter: IncidentReporter, path: str = "/1", verdict: Verdict = BLOCK, times: int = 1) -> None:
    for _ in range(times):
        reporter.report(target(path), ENTRY.signal.value, verdict)


def dropped(what: str) -> float:
    counters = {"incident": metrics.incidents_dropped, "hits": metrics.incident_hits_dropped}
    return float(counters[what]._value.get())


async def hits(store: Store) -> dict[str, int]:
    return {each.target.path: each.hits for each in await Incidents(store).recent()}


async def test_every_request_is_a_hit_of_its_incident(reporter: IncidentReporter, store: Store) -> None:
    """They are counted before the incident is written, and after; each target has its own."""
    report(reporter, times=30)
    report(reporter, "/2")

    async def are(expected: Mapping[str, int]) -> bool:
        return await hits(store) == expected

    await eventually(lambda: are({"/1": 30, "/2": 1}), "the first hits")
    report(reporter, times=12)
    await eventually(lambda: are({"/1": 42, "/2": 1}), "the other hits")
    found = await Incidents(store).recent()
    assert len(found) == 2
    assert {(each.act, each.entry_id, each.list) for each in found} == {("act-1", ENTRY.id, "bad")}
    assert {(each.source_id, each.tags) for each in found} == {(ENTRY.source_id, ENTRY.tags)}


async def test_a_block_is_not_a_hit_of_a_monitored_match(reporter: IncidentReporter, store: Store) -> None:
    """A list that changes from monitoring to blocking makes another incident; no match makes none."""
    report(reporter, verdict=MONITORED, times=2)
    report(reporter, times=3)
    report(reporter, verdict=Verdict(Decision.DELIVER, Reason.NO_MATCH))
    await reporter.close()
    found = await Incidents(store).recent()
    assert {(each.decision, each.hits) for each in found} == {(Decision.DELIVER, 2), (Decision.BLOCK, 3)}


async def test_the_next_minute_is_another_incident(
    reporter: IncidentReporter, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hits of each minute are its own, also if those of the first are not written yet."""
    monkeypatch.setattr(module, "WINDOW_SECONDS", 0.0)
    report(reporter, times=3)
    monkeypatch.setattr(module, "WINDOW_SECONDS", 600.0)
    report(reporter, times=5)
    await reporter.close()
    assert [each.hits for each in await Incidents(store).recent()] == [5, 1, 1, 1]


async def test_hits_wait_for_the_store(
    reporter: IncidentReporter, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store is away hits are kept, and none is counted twice after a write that failed half-way."""
    real, calls = Incidents.set_hits, 0

    async def fails_at_first(self: Incidents, totals: Mapping[str, int]) -> None:
        nonlocal calls
        calls += 1
        await real(self, totals)
        if calls < 3:
            raise StoreUnavailable("its answer was lost")

    monkeypatch.setattr(Incidents, "set_hits", fails_at_first)
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.01, 0.01))
    report(reporter)

    async def is_written() -> bool:
        return await hits(store) == {"/1": 1}

    await eventually(is_written, "the incident")
    report(reporter, times=9)
    await eventually(lambda: calls >= 3, "the third attempt")
    await reporter.close()
    assert await hits(store) == {"/1": 10}


async def test_what_is_lost_is_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every buffer is bounded: incidents that do not fit, and hits of more incidents than are remembered."""
    monkeypatch.setattr(module, "MAX_INCIDENTS", 3)
    monkeypatch.setattr(module, "MAX_UNWRITTEN", 2)
    reporter = IncidentReporter(Incidents(store))  # nothing is written before it is started
    before = dropped("incident"), dropped("hits")
    for number in range(5):
        report(reporter, f"/{number}")
    assert dropped("incident") == before[0] + 2
    for number in range(3):
        report(reporter, f"/{number}", times=4)
    assert dropped("hits") == before[1] + 4
    await reporter.start()
    await reporter.close()
    assert await hits(store) == {"/0": 5, "/1": 5, "/2": 1}


async def test_the_remembered_minutes_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the oldest get another incident: nothing is lost."""
    monkeypatch.setattr(module, "MAX_WINDOWS", 64)
    reporter = IncidentReporter(Incidents(store))
    for number in range(66):
        report(reporter, f"/{number}", times=2)
    assert len(reporter._windows) <= 64
    report(reporter, "/0", times=3)
    await reporter.start()
    await reporter.close()
    found = await Incidents(store).recent(1000)
    assert sum(each.hits for each in found) == 66 * 2 + 3
    assert sorted(each.hits for each in found if each.target.path == "/0") == [2, 3]


async def test_hits_that_the_store_never_got_are_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of a worker, if the store is away."""

    async def away(_: Incidents, __: object) -> None:
        raise StoreUnavailable("away")

    reporter = IncidentReporter(Incidents(store))
    await reporter.start()
    report(reporter)

    async def is_written() -> bool:
        return bool(await hits(store))

    await eventually(is_written, "the incident")
    monkeypatch.setattr(Incidents, "set_hits", away)
    report(reporter, times=4)
    before = dropped("hits")
    await reporter.close()
    assert dropped("hits") == before + 4


async def test_a_retried_batch_keeps_its_hits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the first write fails, the next has the hits up to then."""
    real, failed = Incidents.add, False

    async def fails_once(self: Incidents, incidents: Sequence[Incident]) -> list[str]:
        nonlocal failed
        if not failed:
            failed = True
            report(reporter, times=2)
            raise StoreUnavailable("away")
        return await real(self, incidents)

    monkeypatch.setattr(Incidents, "add", fails_once)
    reporter = IncidentReporter(Incidents(store))
    await reporter.start()
    report(reporter)
    await eventually(lambda: failed, "the first write")
    await reporter.close()
    assert await hits(store) == {"/1": 3}
