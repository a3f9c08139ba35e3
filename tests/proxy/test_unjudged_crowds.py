"""Many requests that nobody can judge, clients that hide what they asked for, and workers that die with some."""

from pathlib import Path

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.unjudged import add, hang_up, purged, seen, slow_fetches, unjudged
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg

from edgeward import metrics
from edgeward.lists.replication import membership
from edgeward.lists.replication.membership import Membership
from edgeward.proxy import purge_allowance, unjudged_purges, unjudged_requests
from edgeward.proxy.journal import Journal
from edgeward.purging.orders import Orders
from edgeward.types import Scope

IMAGE = ("Content-Type: image/jpeg",)


async def test_what_nobody_answers_is_purged(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request is not sent for ever: in the end its target is purged and counted, and it is asked for once more."""
    monkeypatch.setattr(unjudged_requests, "GIVE_UP_SECONDS", 0.2)
    slow_fetches(worker, monkeypatch)
    before = metrics.registry.get_sample_value("edgeward_unjudged_total", {"result": "purged"}) or 0
    for number in range(30):
        add(worker, f"/slow{number}")
    await eventually(lambda: unjudged(worker).open_count == 0)
    assert await purged(worker) == sorted(f"http://img.test/slow{number}" for number in range(30))
    assert metrics.registry.get_sample_value("edgeward_unjudged_total", {"result": "purged"}) == before + 30
    assert len(unjudged(worker).journal) == unjudged(worker)._slow_bodies.late_count == 30


@pytest.mark.usefixtures("patient_tries")
@pytest.mark.parametrize("junk", [3, 70, 200])
async def test_a_client_cannot_hide_its_variant(worker: Worker, junk: int) -> None:
    """Many headers, of which not all are recorded: its variant can't be asked for, so the target is purged. Also once
    it is known that responses vary by that header."""
    for path in ("/first", "/second"):
        worker.upstream.put(path, jpeg(), *IMAGE, "Vary: X-Variant")
        worker.upstream.hold.clear()
        others = [*["Accept: image/x"] * 64, *(f"X-Junk-{number}: 1" for number in range(junk))]
        await hang_up(worker, path, *others, "X-Variant: b")
        worker.upstream.hold.set()
        await eventually(lambda: len(unjudged(worker).journal) == 0)
    assert await purged(worker) == ["http://img.test/first", "http://img.test/second"]


async def test_a_flood_of_requests_that_nobody_answers(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that breaks off requests for many targets does not have as many purges ordered: beyond a bound its host
    is purged by one order for all of them. What is not ordered yet counts as open."""
    monkeypatch.setattr(unjudged_requests, "MAX_WAITING", 0)
    monkeypatch.setattr(purge_allowance, "PERIOD_SECONDS", 600.0)
    here, one_by_one = unjudged(worker), purge_allowance.ORDERS_PER_HOST
    monkeypatch.setattr(unjudged_purges, "MAX_EXCESS", 300)
    many = one_by_one + unjudged_purges.MAX_EXCESS
    for number in range(many + 1):
        add(worker, f"/{number}")
    await eventually(lambda: len(here.journal) == 0)
    assert (here.open_count, here._purges.excess) == (0, {})
    for number in range(10):
        add(worker, f"/again{number}")
    await eventually(lambda: here.open_count == 10)
    orders = [order for order, _ in await Orders(worker.store).recent(2000)]
    (by_prefix,) = [order for order in orders if order.scope is Scope.PREFIX]
    assert (by_prefix.target.host, by_prefix.forgotten) == ("img.test", many + 1 - one_by_one)
    assert len(await purged(worker)) == one_by_one


async def test_a_few_too_many_are_purged_a_little_later(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one: the host keeps what it has."""
    monkeypatch.setattr(purge_allowance, "PERIOD_SECONDS", 0.3)
    monkeypatch.setattr(purge_allowance, "ORDERS", 30)
    monkeypatch.setattr(unjudged_requests, "MAX_WAITING", 0)
    for number in range(100):
        add(worker, f"/{number}")
    await eventually(lambda: len(unjudged(worker).journal) == 0)
    assert len(await purged(worker)) == len(await Orders(worker.store).recent(2000)) == 100


async def test_a_crowd_of_one_host_costs_no_other(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too many wait, one of the host with the most is given up."""
    monkeypatch.setattr(unjudged_requests, "MAX_WAITING", 100)
    slow_fetches(worker, monkeypatch, ends=False)
    worker.upstream.put("/popular.jpg", jpeg(), *IMAGE)
    for number in range(100):
        add(worker, f"/slow{number}", "noisy.test")
    add(worker, "/popular.jpg", "other.test")
    await eventually(lambda: seen(worker))
    await eventually(lambda: purged(worker))
    (url,) = await purged(worker)
    assert url.startswith("http://noisy.test/slow")
    add(worker, "/slow100", "noisy.test")
    add(worker, "/slow101", "noisy.test")
    assert unjudged(worker)._waiting.by_host == {"noisy.test": 100}


async def test_a_lost_purge_is_counted_once(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its host is remembered and purged, so it is no more than one sighting that was dropped."""
    monkeypatch.setattr(unjudged(worker)._recorder._order_buffer, "_size", 0)
    worker.upstream.put("/a", b"", status="407 Who")
    before = metrics.registry.get_sample_value("edgeward_sightings_dropped_total") or 0
    add(worker, "/a")
    await eventually(lambda: len(unjudged(worker).journal) == 0)
    assert metrics.registry.get_sample_value("edgeward_sightings_dropped_total") == before + 1
    ((order, _),) = await Orders(worker.store).recent()
    assert (order.scope, order.target.host) == (Scope.PREFIX, "img.test")


@pytest.mark.usefixtures("patient_tries")
async def test_what_a_dead_worker_had_under_way_is_not_judged(
    start_worker: StartWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts until another worker of its machine, which looks for it from time to time, has judged it."""
    monkeypatch.setattr(membership, "LEASE_SECONDS", 60.0)
    worker = await start_worker()
    worker.upstream.put("/a", jpeg(), *IMAGE)
    dead = Journal(tmp_path / "under-way", f"http://{worker.upstream.address}")
    dead.begin(b"http\r\n/a\r\nhost: img.test")
    members = Membership(worker.store)
    await members.heartbeat("dead", 0, under_way=1, journal=dead.name)
    await members.leave("dead", 1)

    async def only_one_is_unjudged() -> bool:
        # The living worker counts too until it has answered.
        return await worker.list_store.wait_judged(0.2) == 1

    await eventually(only_one_is_unjudged)
    worker.upstream.hold.clear()
    dead.close()  # as the system does when its process ends
    monkeypatch.setattr(unjudged_requests, "TAKE_OVER_SECONDS", 0.1)
    unjudged(worker)._take_over_at = 0.0
    await eventually(lambda: worker.upstream.seen)
    await eventually(only_one_is_unjudged)
    worker.upstream.hold.set()
    assert await worker.list_store.wait_judged(60) == 0
    assert len(await seen(worker)) == 1


async def test_what_a_worker_leaves_is_not_judged(start_worker: StartWorker) -> None:
    """It says so as it stops; with nothing left it is forgotten."""
    worker = await start_worker()
    here = unjudged(worker)
    assert (here.report().under_way, here.report().journal) == (0, here.journal.name)
    worker.upstream.hold.clear()
    await hang_up(worker, "/a")
    report = here.report()
    assert (report.open_count, report.under_way) == (1, 1)
    assert 0 <= report.open_seconds < 60
    await worker.runtime.__aexit__(None, None, None)
    assert await worker.list_store.wait_judged(0.0) == 1
    here.journal.path.unlink()  # another worker took it over
    assert here.report().under_way == 0
