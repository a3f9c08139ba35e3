"""Those who wait for unjudged responses: what is settled, and by which lists."""

import asyncio

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.unjudged import IMAGE, add, purged, seen, unjudged
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg

from edgeward.purging.orders import Orders

VARNISH = {"name": "edge", "driver": "varnish", "url": "http://127.0.0.1:1"}


async def test_what_nobody_answers_is_settled_where_a_purge_waits_for_it(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one order, which is in the store when the wait ends; nothing is open then."""
    worker = await start_worker(caches=[VARNISH])
    worker.upstream.hold.clear()

    async def is_up(at: float, host: str) -> bool:
        return True

    monkeypatch.setattr(unjudged(worker)._contact, "is_up_since", is_up)
    for path in ("/a", "/b"):
        add(worker, path)
    assert await worker.list_store.wait_judged(60) == 0
    orders = [order for order, _ in await Orders(worker.store).recent()]
    assert sorted((order.target.path, order.unanswered) for order in orders) == [("/a", True), ("/b", True)]
    assert unjudged(worker).open_count == 0


async def test_an_upstream_that_stands_still_settles_nothing(worker: Worker) -> None:
    """What it has stored is not known, so who waits is told so."""
    worker.upstream.hold.clear()
    add(worker, "/a")
    assert await worker.list_store.wait_judged(3.0) == 1
    assert await purged(worker) == []


@pytest.mark.usefixtures("patient_tries")
async def test_what_older_lists_judged_is_not_settled(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response that was judged before the entry was applied is asked for once more, and judged by it."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.upstream.hold.clear()
    here, judge = unjudged(worker), unjudged(worker)._repeater._judge
    version = type(judge).version
    add(worker, "/a")
    await eventually(lambda: worker.upstream.seen)
    monkeypatch.setattr(type(judge), "version", property(lambda self: version.fget(self) - 5))  # type: ignore[attr-defined]
    settling = asyncio.create_task(here.settle(1))
    await eventually(lambda: [each.least_version for each in here._waiting.values()] == [1])
    worker.upstream.hold.set()
    await eventually(lambda: len(worker.upstream.seen) > 1)
    assert not settling.done()
    monkeypatch.setattr(type(judge), "version", property(lambda self: 1))
    await settling
    assert len(await seen(worker)) == 1


async def test_nothing_is_settled_before_the_lists_of_the_wait_are_applied(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flush request that is read together with a part of the changes before it."""
    replica = worker.runtime.replica
    settled: list[int] = []

    async def settle() -> None:
        settled.append(replica.version)

    replica.settle = settle
    before = replica._settle_request
    replica._flush_request, replica.flush_version = b"9999999999999-0", replica.version + 3
    replica._update_reports()
    assert replica._settle_request == before
    replica.matcher.version += 3
    replica._update_reports()
    await eventually(lambda: settled)
