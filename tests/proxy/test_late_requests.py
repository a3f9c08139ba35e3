"""Requests that nobody answered in time: what is known of them while they are asked once more."""

import asyncio
import resource
import time

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.unjudged import IMAGE, add, purged, seen, unjudged
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg

from edgeward import metrics
from edgeward.proxy import late_requests, slow_bodies, unjudged_requests
from edgeward.purging.orders import Orders

NGINX = {"name": "edge", "driver": "nginx", "url": "http://127.0.0.1:1"}
VARNISH = {"name": "edge", "driver": "varnish", "url": "http://127.0.0.1:1"}


async def start(start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch, cache: object) -> Worker:
    """A worker whose requests are given up soon, and whose upstream answers nothing but what shows that it is up."""
    monkeypatch.setattr(unjudged_requests, "GIVE_UP_SECONDS", 1.2)
    worker = await start_worker(caches=[cache])
    worker.upstream.hold.clear()
    monkeypatch.setattr(unjudged(worker)._contact, "is_up_since", _is_up)
    return worker


async def _is_up(at: float, host: str) -> bool:
    return True


def counts(worker: Worker) -> tuple[int, int]:
    """What a heartbeat says: unjudged, and pending."""
    report = unjudged(worker).report()
    return report.open_count, report.pending


async def test_a_request_stays_pending_while_it_is_asked_late(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a purge does not wait: its target is purged, and a listing says all the same that it has no answer. When
    headers come it is unjudged, until it is judged and recorded."""
    worker = await start(start_worker, monkeypatch, NGINX)
    worker.upstream.put("/a", jpeg(), *IMAGE)
    add(worker, "/a")
    here = unjudged(worker)
    await eventually(lambda: here._slow_bodies.late_count == 1)
    await eventually(lambda: purged(worker))
    assert (counts(worker), len(here)) == ((0, 1), 0)
    assert await worker.list_store.wait_judged(60) == 0
    (late,) = here._late
    late.purge = False
    repeat, judging = here._repeater._judge.judge, asyncio.Event()

    async def slow(*args: object) -> object:
        await judging.wait()
        return await repeat(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(here._repeater._judge, "judge", slow)
    worker.upstream.hold.set()
    await eventually(lambda: counts(worker) == (1, 0))
    judging.set()
    await eventually(lambda: here.open_count == 0)
    assert len(await seen(worker)) == 1
    assert await purged(worker) == ["http://img.test/a"]


async def test_one_that_a_wait_was_told_of_is_purged_when_it_is_answered(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it shows: who waited did not learn of its copy."""
    worker = await start(start_worker, monkeypatch, NGINX)
    worker.upstream.put("/a", jpeg(), *IMAGE)
    add(worker, "/a")
    here = unjudged(worker)
    await eventually(lambda: here._slow_bodies.late_count == 1)
    await here.settle()
    worker.upstream.hold.set()
    await eventually(lambda: here.open_count == 0)
    assert await purged(worker) == ["http://img.test/a"] * 2


async def test_what_cannot_be_asked_late_is_not_known(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until no cache can be fetching it any more: then its target is purged, and that purge is waited for. The same
    request again is with the first."""
    monkeypatch.setattr(slow_bodies, "MAX_LATE", 1)
    worker = await start(start_worker, monkeypatch, NGINX)
    here = unjudged(worker)
    add(worker, "/asked")
    await eventually(lambda: here._slow_bodies.late_count == 1)
    add(worker, "/asked")
    await eventually(lambda: len(here) == 0)
    assert counts(worker) == (0, 1)
    add(worker, "/0")
    await eventually(lambda: len(here) == 0)
    await eventually(lambda: counts(worker) == (1, 1))
    (each,) = here._late._not_asked.values()
    assert 60 < each.purge_at - time.monotonic() < 75
    assert await worker.list_store.wait_judged(0.5) == 1
    before = (await purged(worker)).count("http://img.test/0")
    each.purge_at = 0.0
    await eventually(lambda: counts(worker) == (0, 1))
    assert (await purged(worker)).count("http://img.test/0") == before + 1
    assert await worker.list_store.wait_judged(60) == 0
    assert (await Orders(worker.store).wait_unjudged(["edge"], 0.0)).count > 0


async def test_what_could_not_be_asked_is_asked_as_soon_as_it_can(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The origin answers the first, and the place is free."""
    monkeypatch.setattr(slow_bodies, "MAX_LATE", 1)
    worker = await start(start_worker, monkeypatch, NGINX)
    worker.upstream.put("/b", jpeg(), *IMAGE)
    here = unjudged(worker)
    add(worker, "/a")
    await eventually(lambda: here._slow_bodies.late_count == 1)
    add(worker, "/b")
    await eventually(lambda: len(here._late._not_asked) == 1)
    worker.upstream.hold.set()
    await eventually(lambda: here.open_count == 0)
    assert len(await seen(worker)) == 1


async def test_more_than_are_kept_are_remembered_by_host(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what could not be asked late: a listing purges that host, or says that not everything is known."""
    monkeypatch.setattr(slow_bodies, "MAX_LATE", 1)
    monkeypatch.setattr(late_requests, "MAX_NOT_ASKED", 2)
    worker = await start(start_worker, monkeypatch, NGINX)
    here = unjudged(worker)
    add(worker, "/asked")
    await eventually(lambda: here._slow_bodies.late_count == 1)
    dropped = metrics.sightings_dropped._value.get()
    for number in range(3):
        add(worker, f"/{number}", "other.test" if number else "first.test")
    await eventually(lambda: len(here) == 0)
    await eventually(lambda: counts(worker) == (2, 1))
    assert metrics.sightings_dropped._value.get() == dropped + 1


async def test_one_host_takes_half_of_the_places(start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many requests to it nobody answers, those to another are asked."""
    monkeypatch.setattr(slow_bodies, "MAX_LATE", 8)
    worker = await start(start_worker, monkeypatch, NGINX)
    here = unjudged(worker)
    for number in range(10):
        add(worker, f"/{number}")
    await eventually(lambda: len(here) == 0)
    assert here._slow_bodies.late_count == 4
    add(worker, "/a", "other.test")
    await eventually(lambda: len(here) == 0)
    assert here._slow_bodies.late_count == 5
    assert [each.host for each in here._late].count("other.test") == 1


async def test_late_requests_are_bounded_by_bytes_and_descriptors(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients connect by descriptors too."""
    worker = await start(start_worker, monkeypatch, NGINX)
    bodies = unjudged(worker)._slow_bodies
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert bodies._max_late == min(512, descriptors // 8)
    monkeypatch.setattr(slow_bodies, "MAX_LATE_BYTES", 1000)
    assert bodies.may_ask_late(b"x" * 1000, "img.test") and not bodies.may_ask_late(b"x" * 1001, "img.test")


async def test_where_a_purge_waits_the_order_has_the_mark(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is closed with its order; what is asked late is like a client's request: unjudged when it is
    answered, and in the journal from the start."""
    worker = await start(start_worker, monkeypatch, VARNISH)
    worker.upstream.put("/a", jpeg(), *IMAGE)
    add(worker, "/a")
    here = unjudged(worker)
    await eventually(lambda: here._slow_bodies.late_count == 1)
    await eventually(lambda: here.open_count == 0)
    ((order, _),) = await worker.runtime.gate.unjudged_requests._recorder._orders.recent()
    assert order.unanswered
    assert (counts(worker), len(here.journal)) == ((0, 0), 1)
    worker.upstream.hold.set()
    await eventually(lambda: len(here.journal) == 0)
    assert len(await seen(worker)) == 1


async def test_what_was_answered_first_is_purged_again_at_the_end(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache may have gone on with a body that nobody gets any more."""
    monkeypatch.setattr(slow_bodies, "SLOW_BODY_SECONDS", 0.5)
    worker = await start(start_worker, monkeypatch, NGINX)
    here = unjudged(worker)
    here.retry(here.journal.begin(b"http\r\n/a\r\nhost: img.test", answered=True))
    await eventually(lambda: here._slow_bodies.late_count == 1)
    assert counts(worker) == (1, 0)
    await eventually(lambda: here.open_count == 0)
    assert await purged(worker) == ["http://img.test/a"] * 2


async def test_a_client_has_a_share_of_the_late_ones(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its host: the others find a place."""
    monkeypatch.setattr(slow_bodies, "MAX_LATE", 8)
    bodies = slow_bodies.SlowBodies(unjudged(worker)._repeater)
    worker.upstream.hold.clear()

    def ask(number: int, client: str) -> bool:
        record = b"http\r\n/%d\r\nhost: img.test" % number
        return bodies.ask_late(record, "img.test", lambda status: None, lambda result: None, client)

    assert [ask(number, "one") for number in range(4)] == [True, True, True, False]
    assert [ask(number, "two") for number in range(4, 6)] == [True, False]
    await bodies.close()
    assert bodies._late_by_client == {}
