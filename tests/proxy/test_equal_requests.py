"""The same request, made again and again while nobody answers it: one stands for all."""

import asyncio

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.unjudged import IMAGE, add, purged, seen, unjudged
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg

from edgeward.proxy import unjudged_requests
from edgeward.proxy.journal import _unfinished

CACHES = ["nginx", "varnish"]


async def start(start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch, driver: str) -> Worker:
    worker = await start_worker(caches=[{"name": "edge", "driver": driver, "url": "http://127.0.0.1:1"}])
    worker.upstream.hold.clear()

    async def is_up(at: float, host: str) -> bool:
        return True

    monkeypatch.setattr(unjudged(worker)._contact, "is_up_since", is_up)
    return worker


@pytest.mark.parametrize("driver", CACHES)
async def test_they_take_the_memory_of_a_few(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    """While it is tried, between two tries, and while it is asked late."""
    monkeypatch.setattr(unjudged_requests, "GIVE_UP_SECONDS", 1.2)
    worker = await start(start_worker, monkeypatch, driver)
    here, most = unjudged(worker), 0
    path = "/" + "x" * 7000
    for number in range(1400):
        add(worker, path)
        most = max(most, len(here.journal))
        if number % 100 == 0:
            await asyncio.sleep(0.01)
    await eventually(lambda: here._slow_bodies.late_count and not len(here))
    for _ in range(100):
        add(worker, path)
    assert max(most, len(here.journal)) <= 5
    assert here.journal.path.stat().st_size < 100_000
    worker.upstream.hold.set()
    await eventually(lambda: not len(here.journal))


@pytest.mark.usefixtures("patient_tries")
async def test_what_came_during_a_try_is_tried_after_it(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many came: the try that began before them says nothing of what a cache stored for them."""
    worker = await start(start_worker, monkeypatch, "nginx")
    worker.upstream.put("/a", jpeg(), *IMAGE)
    add(worker, "/a")
    await eventually(lambda: len(worker.upstream.seen) == 1)
    for _ in range(20):
        add(worker, "/a")
    worker.upstream.hold.set()
    await eventually(lambda: not len(unjudged(worker).journal))
    assert len(worker.upstream.seen) == 2
    assert len(await seen(worker)) == 1


async def test_one_that_was_answered_makes_the_one_that_stands_for_it_so(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For those who wait, and for the next worker if this one is killed."""
    worker = await start(start_worker, monkeypatch, "nginx")
    here, record = unjudged(worker), b"http\r\n/a\r\nhost: img.test"
    here.retry(here.journal.begin(record))
    await eventually(lambda: here.report().pending == 1)
    here.retry(here.journal.begin(record))
    here.retry(here.journal.begin(record, answered=True))
    await eventually(lambda: here.report().open_count >= 1)
    await eventually(lambda: not any(each.missed for each in here._waiting.values()))
    assert any(here.journal.is_answered(number) for number in here._open.numbers)
    left = [*_unfinished(here.journal.path.read_bytes())]
    assert len(left) <= 3 and any(answered for _, answered in left)


async def test_who_waits_for_one_waits_for_all(start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait that began when one was pending and the same request came again does not end before both are known."""
    worker = await start(start_worker, monkeypatch, "varnish")
    here = unjudged(worker)
    add(worker, "/a")
    await eventually(lambda: here.report().pending == 1)
    add(worker, "/a")
    add(worker, "/a")
    await here.settle()
    # Each order is in the store: the second may have come when the first was being written.
    assert set(await purged(worker)) == {"http://img.test/a"}
    assert here.report().open_count == here.report().pending == 0


async def test_while_the_store_is_away_memory_is_bounded(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is judged and can't be written is forgotten, the oldest first, and its host remembered: a later listing
    purges that host, should this worker be killed before it has written all."""
    monkeypatch.setattr("edgeward.proxy.journal.MAX_MEMORY_BYTES", 20_000)
    worker = await start_worker()
    worker.upstream.put("/a", jpeg(), *IMAGE)
    here = unjudged(worker)
    monkeypatch.setattr(here._recorder, "is_written", lambda position: False)
    lost = list[str]()
    monkeypatch.setattr(here._recorder, "forget", lambda target, version: lost.append(target.url))
    for number in range(100):
        taken = here.journal.begin(b"http\r\n/%d\r\nhost: img.test" % number)
        here.end(taken, recorded=True)
        assert (await worker.get("/a")).status == 200
    assert len(here.journal) < 45
    assert lost[0] == "http://img.test/0" and "http://img.test/30" in lost
    waits = asyncio.create_task(here.settle())
    await asyncio.sleep(0)
    assert not waits.done()
    monkeypatch.undo()
    await waits
