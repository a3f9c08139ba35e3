"""Responses that broke off before a worker could judge them are waited for, and counted."""

import asyncio
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.edges import HOST, Edge, with_store
from tests.support.eventually import eventually
from tests.support.services import carry_out

from edgeward.api.serializers import purge_status
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import membership
from edgeward.lists.replication.membership import LOADING, Membership
from edgeward.operations import entries, lists, receipts, unjudged_responses
from edgeward.operations.order_totals import OrderSummary, ReceiptState
from edgeward.operations.services import Services
from edgeward.operations.statements import statement, unknowns
from edgeward.operations.unjudged_responses import UnjudgedResponses, wait_judged
from edgeward.operations.waiting import PurgeStatus
from edgeward.purging.orders import Orders
from edgeward.purging.unjudged_orders import Unjudged
from edgeward.store.connection import Store
from edgeward.takedowns.takedowns import Takedown
from edgeward.types import Cause, Delivery, Entry, Fingerprint, HashList, Outcome, PurgeOrder, Sighting, Signal, Target

IMAGE = Fingerprint("ab" * 32, "image/jpeg", 9, (Signal("sha256", "ab" * 32),))
UNJUDGED = PurgeOrder(Target("http", HOST, "/broken-off"), Cause.UNJUDGED, 1.0)


def test_responses_that_are_not_judged_are_counted(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that a live process has still to judge, and those whose purge a cache has not carried out. No request holds
    up every wait: the answer comes after a few seconds, whatever the timeout."""
    monkeypatch.setattr(unjudged_responses, "UNJUDGED_SECONDS", 0.3)
    monkeypatch.setattr(membership, "LEASE_SECONDS", 600.0)

    name = f"unjudged-{time.monotonic_ns()}"
    assert edge.api.post("/lists", {"name": name}).status == 201

    def unjudged() -> int:
        answer = edge.api.post(f"/lists/{name}/entries", {"hashes": ["md5:" + "7" * 32]}, wait="verified", timeout=60)
        return int(answer.json["purge"]["unjudged"])

    async def list_beside_a_busy_process(store: Store) -> None:
        asking = asyncio.create_task(asyncio.to_thread(unjudged))
        while not asking.done():  # it applies every change
            await Membership(store).heartbeat("busy", await ListStore(store).version(), judged=0, open_count=3)
            await asyncio.wait([asking], timeout=0.05)
        assert await asking == 3
        await Membership(store).leave("busy")

    assert unjudged() == 0
    began = time.monotonic()
    with_store(edge.config, list_beside_a_busy_process)
    assert time.monotonic() - began < 30  # of 60
    with_store(edge.config, lambda store: Orders(store).place([UNJUDGED]))
    assert unjudged() == 1  # the dead cache owes it
    takedown = edge.api.post("/takedowns", {"urls": [f"http://{HOST}/x"]}, wait="verified", timeout=0.3)
    assert takedown.json["purge"]["unjudged"] == 1
    purge = edge.api.post("/purges", {"urls": [f"http://{HOST}/x"]}, wait="verified", timeout=0.3)
    assert purge.json["unjudged"] == 1
    assert edge.api.post("/purges", {"urls": [f"http://{HOST}/x"]}).json["unjudged"] == 0
    # Other tests share the edge, whose dead cache will never carry this order out.
    with_store(edge.config, lambda store: store.redis.delete(store.key("{purges}", "unjudged")))


@pytest.fixture
def a_minute_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked now is more than SETTLED_SECONDS old."""
    monkeypatch.setattr(unjudged_responses, "SETTLED_SECONDS", -1.0)


async def listed(services: Services) -> Entry:
    """An entry whose only copy is gone."""
    await lists.create(services, HashList("a"), "ana", "")
    await services.sightings.write([Sighting(UNJUDGED.target, IMAGE, time.time(), 0)])
    (entry,) = (await entries.add(services, "a", [IMAGE.signals[0]], "ana", "")).entries
    version = await services.list_store.version()

    async def matched() -> bool:
        return await services.retromatch.version() >= version

    await eventually(matched)
    await carry_out(services)
    return entry


async def receipt(services: Services, entry: Entry) -> OrderSummary:
    return (await receipts.of_entry(services, entry.id, 0, 10)).page.summary


async def test_a_purge_that_a_cache_owes_is_not_known_later(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that is down may hold the copy for days: the receipt does not turn to "gone" meanwhile."""
    entry = await listed(services)
    await services.orders.place([replace(UNJUDGED, started_at=time.time())])
    await carry_out(services, cache="outer")
    for passed in (0.0, 61.0, 86400.0):
        clock = SimpleNamespace(time=lambda passed=passed: time.time() + passed, monotonic=time.monotonic)
        monkeypatch.setattr(unjudged_responses, "time", clock)
        summary = await receipt(services, entry)
        assert (summary.state, summary.unjudged) == (ReceiptState.UNKNOWN, 1)
    await carry_out(services)
    assert (await receipt(services, entry)).state is ReceiptState.GONE


async def test_purges_of_later_responses_say_nothing_of_an_earlier_listing(
    services: Services, a_minute_later: None
) -> None:
    """The copy was stored after it."""
    entry = await listed(services)
    await eventually(lambda: time.time() > entry.added_at + 0.1)
    await services.orders.place([replace(UNJUDGED, started_at=time.time())])
    summary = await receipt(services, entry)
    assert (summary.state, summary.unjudged) == (ReceiptState.GONE, 0)


async def test_what_a_worker_cannot_judge_for_long(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lists are not loaded: then a receipt says so also later."""
    entry = await listed(services)
    monkeypatch.setattr(unjudged_responses, "SETTLED_SECONDS", 0.0)
    await Membership(services.store).heartbeat("stuck", LOADING, judged=0, open_count=3, open_seconds=100.0)
    summary = await receipt(services, entry)
    assert (summary.state, summary.unjudged) == (ReceiptState.UNKNOWN, 3)


async def test_a_refused_purge_is_said_to_be_refused(services: Services) -> None:
    """With what to do: nobody waits for a verdict any more."""
    entry = await listed(services)
    await services.orders.place([replace(UNJUDGED, started_at=time.time())])
    await carry_out(services, Delivery.REFUSED, "inner")
    await carry_out(services)
    summary = await receipt(services, entry)
    assert (summary.state, summary.unjudged, summary.unjudged_refused) == (ReceiptState.UNKNOWN, 0, {"inner": 1})
    (text,) = unknowns(summary)
    assert "inner refuses 1 purge" in text and "fix its access rules" in text
    assert purge_status(PurgeStatus(summary, True))["unjudged_refused"] == {"inner": 1}


async def only_left(services: Services, seconds: float, left: Unjudged) -> None:
    """A wait for so long ends with this. On a busy machine the process of the test may miss the end of some waits."""

    async def is_left() -> bool:
        return await wait_judged(services, seconds) == left

    await eventually(is_left)


async def test_what_a_dead_worker_left_is_not_known(services: Services) -> None:
    """A listing with a wait says so, and how many; no process takes that worker's requests over."""
    members = Membership(services.store)
    await members.heartbeat("dead", await services.list_store.version(), open_count=3, under_way=3, journal="j")
    await members.leave("dead", 3)
    await only_left(services, 0.3, Unjudged(3))
    entry = await listed(services)
    assert (await receipt(services, entry)).unjudged == 3


async def test_processes_that_do_not_report_are_said_apart(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen worker may have something in hand, or nothing: it is no response that broke off. Whether its lease has
    ended or not."""
    entry = await listed(services)
    members = Membership(services.store)
    for name in ("frozen", "other"):
        await members.heartbeat(name, await services.list_store.version(), journal=f"of-{name}")
    monkeypatch.setattr(unjudged_responses, "UNJUDGED_SECONDS", 0.1)
    monkeypatch.setattr(unjudged_responses, "NOTHING_UNJUDGED_SECONDS", 0.1)
    await only_left(services, 0.1, Unjudged(silent=2))
    for name in ("frozen", "other"):
        await _end_lease(services, name)
    found: list[OrderSummary] = []

    async def all_others_report() -> bool:
        found.append(await receipt(services, entry))
        return found[-1].silent_processes == 2

    await eventually(all_others_report)
    summary = found[-1]
    assert (summary.state, summary.unjudged, summary.silent_processes) == (ReceiptState.UNKNOWN, 0, 2)
    assert unknowns(summary) == ["2 processes of Edgeward do not report: what they had in hand is not known"]
    assert purge_status(PurgeStatus(summary, True))["silent_processes"] == 2


async def _end_lease(services: Services, name: str) -> None:
    """As if its last heartbeat were long ago."""
    key = services.store.key("{blocklist}", "replicas")
    fields = (await services.store.redis.hget(key, name)).decode().split()
    fields[1] = f"{float(fields[1]) - membership.LEASE_SECONDS - 1:.6f}"
    await services.store.redis.hset(key, name, " ".join(fields))


async def test_what_nobody_has_answered_makes_nothing_unknown(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In workers, and where a purge waits in the cache for it: a receipt says "gone", and has the number."""
    entry = await listed(services)
    await Membership(services.store).heartbeat("worker", await services.list_store.version(), pending=2)
    (order_id,) = await services.orders.place([replace(UNJUDGED, unanswered=True, started_at=time.time())])
    clock = SimpleNamespace(time=lambda: time.time() + 61.0, monotonic=time.monotonic)
    monkeypatch.setattr(unjudged_responses, "time", clock)
    summary = await receipt(services, entry)
    assert (summary.state, summary.unjudged, summary.pending) == (ReceiptState.UNKNOWN, 1, 2)
    for cache in services.caches:
        attempt = Outcome(order_id, cache, Delivery.WAITING, time.time(), timed_out=True)
        await services.orders.failed_attempts.note(cache, [attempt])
    summary = await receipt(services, entry)
    assert (summary.state, summary.unjudged, summary.pending) == (ReceiptState.GONE, 0, 3)
    assert purge_status(PurgeStatus(summary, True))["pending"] == 3


async def test_hosts_of_what_is_not_judged_are_named(services: Services) -> None:
    """Those of workers, and those of purges that a cache owes; not those that every cache has carried out."""
    entry = await listed(services)
    done = replace(UNJUDGED, target=Target("http", "done.test", "/"), started_at=time.time())
    await services.orders.place([done])
    await carry_out(services)
    for host in ("owed.test", "owed.test", "other.test"):
        await services.orders.place([replace(UNJUDGED, target=Target("http", host, "/"), started_at=time.time())])
    await carry_out(services, cache="outer")
    await Membership(services.store).heartbeat(
        "busy", await services.list_store.version(), judged=0, open_count=3, hosts=["busy.test"]
    )
    assert (await wait_judged(services, 0.1)).hosts == ["busy.test", "owed.test", "other.test"]
    (text,) = unknowns(await receipt(services, entry))
    assert "6 responses that broke off are not judged yet at busy.test, owed.test, other.test, and" in text
    answer = purge_status(PurgeStatus(await receipt(services, entry), True))
    assert answer["unjudged_hosts"] == ["busy.test", "owed.test", "other.test"]
    await Membership(services.store).leave("busy")
    await carry_out(services)
    assert (await wait_judged(services, 0.1)).hosts == []


def test_what_is_at_other_hosts_does_not_concern_a_url() -> None:
    """However hosts are written. Unless there may be some at hosts that nobody names."""
    found = UnjudgedResponses(2, {"edge": 1}, 3, hosts=["A.test:80", "b.test"], names_all_hosts=True)
    assert found.at(["a.test"]) is found.at(["c.test", "b.test."]) is found
    assert found.at(["c.test"]) == Unjudged(pending=3)
    assert found.at(["*"]) is found
    for unknown in (replace(found, names_all_hosts=False), UnjudgedResponses(silent=1)):
        assert unknown.at(["c.test"]) is unknown


def test_what_a_takedown_concerns() -> None:
    """Its URLs and prefixes have hosts. An image may be anywhere, unless it is removed from some hosts only."""
    found = UnjudgedResponses(1, hosts=["a.test"], names_all_hosts=True)
    here, elsewhere = Target("http", "a.test", "/x"), Target("http", "c.test", "/x")
    image = (Signal("md5", "1" * 32),)
    plain = Takedown("ann", "api", 1.0)
    for more, is_concerned in [
        ({"urls": (here,)}, True),
        ({"urls": (elsewhere,)}, False),
        ({"urls": (elsewhere,), "prefixes": (here,)}, True),
        ({"signals": image}, True),
        ({"signals": image, "hosts": ("c.test",)}, False),
        ({"signals": image, "hosts": ("c.test",), "urls": (here,)}, True),
        ({"signals": image, "hosts": ("*",)}, True),
        ({"signals": image, "hosts": ("c.test",), "list": "removed"}, True),
    ]:
        assert bool(found.of(replace(plain, **more)).count) is is_concerned, more  # type: ignore[arg-type]


async def test_what_is_known_is_said_beside_what_is_not(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copies that were known are gone; only at a host that is named may be others."""
    monkeypatch.setattr(unjudged_responses, "COUNT_SECONDS", 0.3)
    entry = await listed(services)
    now, members = await services.list_store.version(), Membership(services.store)

    async def state(**report: Any) -> tuple[object, object, bool, str]:
        await members.heartbeat("busy", now, judged=0, open_count=2, settled=2**62, stuck=2, **report)
        found = await receipt(services, entry)
        return found.state, found.known_state, found.unjudged_elsewhere, statement(found)

    unknown, known, elsewhere, text = await state(hosts=["busy.test"])
    assert (unknown, known, elsewhere) == (ReceiptState.UNKNOWN, ReceiptState.GONE, False)
    assert "not judged yet at busy.test, and" in text and "At all other hosts: " in text
    unknown, known, elsewhere, text = await state(hosts=["busy.test"], elsewhere=1)
    assert (unknown, known, elsewhere) == (ReceiptState.UNKNOWN, ReceiptState.GONE, True)
    assert "Apart from that: " in text
    answer = purge_status(PurgeStatus(await receipt(services, entry), True))
    assert (answer["state"], answer["known_state"], answer["unjudged_elsewhere"]) == ("unknown", "gone", True)
    await members.leave("busy")
    answer = purge_status(PurgeStatus(await receipt(services, entry), True))
    assert (answer["state"], answer["known_state"], answer["unjudged_elsewhere"]) == ("gone", "gone", False)
