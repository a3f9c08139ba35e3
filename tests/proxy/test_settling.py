"""Those who wait for unjudged responses: what is settled, and by which lists."""

import asyncio
from typing import Any

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.unjudged import IMAGE, add, purged, seen, unjudged
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg

from edgeward.proxy import settling as settling_module
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
    replica._reader.flush_request, replica._reader.flush_version = b"9999999999999-0", replica.version + 3
    replica._update_reports()
    assert replica._settle_request == before
    replica.matcher.version += 3
    replica._update_reports()
    await eventually(lambda: settled)


async def test_what_is_stuck_is_left(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response that hangs is waited for until it is a few seconds old, and no more after that: the wait ends, it
    counts, and what it leaves behind is purged when it ends. It holds up no wait for others, which are judged."""
    here, judging = unjudged(worker), asyncio.Event()
    judge = here._repeater._judge.judge

    async def slowly(*args: Any) -> Any:
        await judging.wait()
        return await judge(*args)

    monkeypatch.setattr(settling_module, "STUCK_SECONDS", 600.0)
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.upstream.put("/b", jpeg(), *IMAGE)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(here._repeater._judge, "judge", slowly)
        add(worker, "/a")
        settling = asyncio.create_task(here.settle())
        await eventually(lambda: [each.answered for each in here._waiting.values()] == [True])
        assert not settling.done() and here.report().stuck == 0
        monkeypatch.setattr(settling_module, "STUCK_SECONDS", 0.0)
        await settling
    assert (here.report().stuck, here.report().open_count) == (1, 1)
    assert [each.purge for each in here._waiting.values()] == [True]
    assert await worker.list_store.wait_judged(60) == 1
    monkeypatch.setattr(settling_module, "STUCK_SECONDS", 600.0)
    add(worker, "/b")
    here._open._since[min(here._open._since)] -= 700.0
    assert await worker.list_store.wait_judged(60) == 1
    assert [target.path for target in await seen(worker)] == ["/b"]
    judging.set()
    await eventually(lambda: here.open_count == 0)
    assert (await purged(worker), here.report().stuck) == (["http://img.test/a"], 0)
    assert await worker.list_store.wait_judged(60) == 0


async def test_more_than_purges_wait_for_are_asked_again(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stay pending, and what comes of them is purged whatever it shows. The wait does not wait for them."""
    worker = await start_worker(caches=[VARNISH])
    monkeypatch.setattr(unjudged(worker)._purges._unanswered_allowance, "_orders_per_host", 0)
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.upstream.hold.clear()

    async def is_up(at: float, host: str) -> bool:
        return True

    monkeypatch.setattr(unjudged(worker)._contact, "is_up_since", is_up)
    add(worker, "/a")
    here = unjudged(worker)
    await eventually(lambda: here.report().pending == 1)
    assert await worker.list_store.wait_judged(60) == 0
    assert (here.report().pending, await purged(worker)) == (1, [])
    worker.upstream.hold.set()
    await eventually(lambda: here.open_count == 0)
    assert await purged(worker) == ["http://img.test/a"]


async def test_an_upstream_that_is_down_is_asked_once(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for each request that is pending: that would take longer than anybody waits."""
    here, asked = unjudged(worker), list[str]()
    worker.upstream.hold.clear()

    async def is_down(at: float, host: str) -> bool:
        asked.append(host)
        return False

    for number in range(3):
        add(worker, f"/{number}", f"{number}.test")
    here._open.set_pending([*here._open.numbers], True)
    monkeypatch.setattr(here._contact, "is_up_since", is_down)
    monkeypatch.setattr(settling_module, "STUCK_SECONDS", 0.0)
    await here.settle()
    assert (len(asked), here.report().pending, here.report().stuck) == (1, 0, 3)
