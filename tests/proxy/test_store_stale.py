"""A worker that is cut off from the store: policy.store_stale decides about what its lists do not have."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.support.eventually import eventually
from tests.support.pausing_proxy import PausingProxy
from tests.support.proxy_pictures import jpeg, sha256

from edgeward import metrics
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import membership
from edgeward.proxy import judge as module
from edgeward.store.connection import Store
from edgeward.types import Entry

JPEG = "Content-Type: image/jpeg"


@pytest.fixture
def link(redis_url: str) -> Iterator[PausingProxy]:
    with PausingProxy(redis_url) as proxy:
        yield proxy
        proxy.resume()


@pytest.fixture
def start_worker(link: PausingProxy, start_worker: StartWorker) -> Iterator[StartWorker]:
    """The link outlives the worker: one that ends without the store waits for it."""
    yield start_worker
    link.resume()


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(module, "TURN_SECONDS", 0.1)
    monkeypatch.setattr(module, "CATCH_UP_TURNS", (600, 600))
    monkeypatch.setattr(module, "LOOKUP_SECONDS", 0.05)


def counted(verdict: str) -> float:
    labels = {"verdict": verdict, "reason": "store_stale"}
    return metrics.registry.get_sample_value("edgeward_responses_total", labels) or 0


async def cut_off(link: PausingProxy, worker: Worker) -> None:
    """Cut the link, and wait until the worker can't know any more that it is current. From now on it waits shortly."""
    module.CATCH_UP_TURNS = 2, 1
    link.pause()
    await eventually(lambda: not worker.runtime.replica.freshness.is_current, "it is cut off")


async def heal(link: PausingProxy, worker: Worker) -> None:
    module.CATCH_UP_TURNS = 600, 600
    link.resume()
    await eventually(lambda: worker.runtime.replica.freshness.is_current, "it is current")


async def started(start_worker: StartWorker, link: PausingProxy, **policy: Any) -> Worker:
    worker = await start_worker(store={"url": link.url, "timeout_ms": 1000}, policy=policy)
    worker.upstream.put("/a.jpg", jpeg(), JPEG, 'ETag: "a"')
    worker.upstream.put("/a.jpg", b"", 'ETag: "a"', status="304 Not Modified", method="IF")
    worker.upstream.put("/a.jpg", b"", JPEG, 'ETag: "a"', f"Content-Length: {len(jpeg())}", method="HEAD")
    worker.upstream.put("/listed.jpg", jpeg("rocket"), JPEG)
    worker.upstream.put("/text", b"a text")
    await worker.list(sha256(jpeg("rocket")))
    assert (await worker.get("/a.jpg")).status == 200
    return worker


async def test_it_delivers_what_its_lists_do_not_have_and_counts_it(
    start_worker: StartWorker, link: PausingProxy
) -> None:
    """By default. What they have is blocked, and what is no image does not wait for the store."""
    worker, before = await started(start_worker, link), counted("deliver")
    await cut_off(link, worker)
    assert [(await worker.get(path)).status for path in ("/a.jpg", "/listed.jpg", "/text")] == [200, 451, 200]
    assert counted("deliver") == before + 1
    await heal(link, worker)
    assert (await worker.get("/a.jpg")).status == 200
    assert counted("deliver") == before + 1


async def test_it_refuses_it_where_policy_says_so(
    start_worker: StartWorker, link: PausingProxy, caplog: pytest.LogCaptureFixture
) -> None:
    """With a whole body or without: 503 and Retry-After, until the store answers. One line in the log."""
    worker = await started(start_worker, link, store_stale="block", store_stale_seconds=0)
    before = counted("block")
    await cut_off(link, worker)
    replies = [
        await worker.get("/a.jpg"),
        await worker.get("/a.jpg", 'If-None-Match: "a"'),
        await worker.get("/a.jpg", method="HEAD"),
    ]
    assert [reply.status for reply in replies] == [503] * 3
    assert all(reply.headers["retry-after"] == "5" for reply in replies)
    assert counted("block") == before + 3
    assert (await worker.get("/listed.jpg")).status == 451
    assert (await worker.get("/text")).status == 200
    assert caplog.text.count("policy.store_stale (block) decides") == 1
    await heal(link, worker)
    assert (await worker.get("/a.jpg")).status == 200
    assert (await worker.get("/a.jpg", 'If-None-Match: "a"')).status == 304


async def test_it_refuses_nothing_before_the_time_is_over(start_worker: StartWorker, link: PausingProxy) -> None:
    """policy.store_stale_seconds after the last contact."""
    worker = await started(start_worker, link, store_stale="block", store_stale_seconds=3600)
    await cut_off(link, worker)
    assert (await worker.get("/a.jpg")).status == 200


async def test_no_request_waits_for_the_store_while_it_answers(start_worker: StartWorker, link: PausingProxy) -> None:
    """A worker that was in touch with the store a moment ago judges without it: no message goes to the store."""
    worker = await started(start_worker, link)
    asked: list[float] = []
    wait_current = worker.runtime.replica.wait_current

    async def counting() -> bool:
        asked.append(worker.runtime.replica.freshness.age)
        return await wait_current()

    worker.runtime.replica.wait_current = counting  # type: ignore[method-assign]
    await eventually(lambda: worker.runtime.replica.freshness.age < 0.5, "a new contact")
    link.pause()
    assert [(await worker.get("/a.jpg")).status for _ in range(10)] == [200] * 10
    assert all(age > membership.LEASE_SECONDS for age in asked)  # this machine stood still
    link.resume()


@pytest.mark.parametrize("step", [0, -300, 300])
async def test_what_was_listed_in_the_silence_is_blocked_for_all_who_wait(
    start_worker: StartWorker, link: PausingProxy, redis_url: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer of the store names a version: until that is applied no image is delivered, also if the clock of
    the machine is set `step` seconds on meanwhile."""
    worker = await started(start_worker, link)
    await cut_off(link, worker)
    module.CATCH_UP_TURNS = 600, 600
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + step)
    waiting = [asyncio.create_task(worker.get("/a.jpg")) for _ in range(30)]
    direct = await Store.connect(redis_url, worker.store.namespace, timeout_ms=30_000)
    (change,) = await ListStore(direct).add_entries([Entry("staff", sha256(jpeg()))], "test")

    async def is_silent() -> bool:
        """Whether nobody waits for the worker any more. The lease clock goes on with the heartbeats of another one."""
        await membership.Membership(direct).heartbeat("another", change.version)
        return bool((await ListStore(direct).laggards(change.version)).silent)

    await eventually(is_silent, "the worker is silent")
    await direct.close()
    link.resume()
    assert {(await each).status for each in waiting} == {451}
