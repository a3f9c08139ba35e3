"""A request whose response was not judged is sent again; the response is judged and recorded."""

import asyncio
import time
from pathlib import Path

import pytest
from mitmproxy import http
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.unjudged import add, hang_up, purged, seen, slow_fetches, unjudged
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg, sha256

from edgeward import metrics
from edgeward.proxy import retry_places, unjudged_requests
from edgeward.proxy.journal import Journal
from edgeward.purging.orders import Orders
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.types import Cause

IMAGE = ("Content-Type: image/jpeg",)


@pytest.mark.usefixtures("patient_tries")
async def test_an_image_is_recorded_though_the_client_hung_up(worker: Worker) -> None:
    """The upstream may have stored it: the sighting has the target byte for byte as the client sent it."""
    worker.upstream.put("/%61?x=1", jpeg(), *IMAGE, "Vary: Accept")
    worker.upstream.hold.clear()
    await hang_up(worker, "/%61?x=1", "Accept: image/webp")
    worker.upstream.hold.set()
    await eventually(lambda: seen(worker))
    (target,) = await seen(worker)
    assert (target.host, target.path, target.vary) == ("img.test", "/%61?x=1", (("accept", "image/webp"),))
    assert len(worker.upstream.seen) == 2


@pytest.mark.usefixtures("patient_tries")
async def test_credentials_are_not_recorded(worker: Worker) -> None:
    """Neither the journal nor the second request holds the client's credentials."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.upstream.hold.clear()
    await hang_up(worker, "/a", "Cookie: session=hush", "Authorization: Bearer hush", "Accept: image/png")
    written = unjudged(worker).journal.path.read_bytes()
    worker.upstream.hold.set()
    await eventually(lambda: seen(worker))
    assert b"image/png" in written and b"hush" not in written
    first, second = worker.upstream.seen
    assert b"hush" in first and b"hush" not in second


async def test_a_judged_request_is_not_sent_again(worker: Worker) -> None:
    """The upstream gets one request, and nothing is left of it once its sighting is in the store."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    assert (await worker.get("/a")).status == 200
    await eventually(lambda: seen(worker))
    await eventually(lambda: len(unjudged(worker).journal) == 0)
    assert len(worker.upstream.seen) == 1


@pytest.mark.usefixtures("patient_tries")
async def test_a_listed_image_is_purged_though_the_client_hung_up(worker: Worker) -> None:
    """A purge is ordered as for one that was blocked, and another one for those who wait for unjudged responses."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    await worker.list(sha256(jpeg()))
    worker.upstream.hold.clear()
    await hang_up(worker, "/a")
    worker.upstream.hold.set()
    await eventually(lambda: len(unjudged(worker).journal) == 0)
    orders = [order for order, _ in await Orders(worker.store).recent()]
    assert {order.cause for order in orders} == {Cause.MATCH, Cause.UNJUDGED}
    assert {order.target.path for order in orders} == {"/a"}


async def test_a_response_before_the_lists_are_loaded_is_judged_later(worker: Worker) -> None:
    """The client is refused; the copy that the upstream may have stored is recorded when the lists are loaded."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.runtime.replica.ready = False
    assert (await worker.get("/a")).status == 503
    # The first try has ended when the second begins.
    await eventually(lambda: len(worker.upstream.seen) >= 3)
    assert await seen(worker) == []
    worker.runtime.replica.ready = True
    await eventually(lambda: seen(worker))


async def test_the_next_worker_sends_the_requests_of_a_dead_one(start_worker: StartWorker, tmp_path: Path) -> None:
    """It takes over the journal when it starts."""
    first = await start_worker()
    first.upstream.put("/a", jpeg(), *IMAGE)
    upstream = f"http://{first.upstream.address}"
    dead = Journal(tmp_path / "under-way", upstream)
    dead.begin(b"http\r\n/a\r\nhost: img.test")
    dead.close()
    second = await start_worker(first.upstream.address)
    await eventually(lambda: seen(second))


async def test_an_upstream_that_fails_is_asked_until_it_recovers(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 5xx is not judged, but tried again."""
    monkeypatch.setattr(unjudged_requests, "PAUSE_SECONDS", (0.01, 0.01))
    worker.upstream.put("/a", b"", status="503 Service Unavailable")
    unjudged_here = unjudged(worker)
    unjudged_here.retry(unjudged_here.journal.begin(b"http\r\n/a\r\nhost: img.test"))
    await eventually(lambda: len(worker.upstream.seen) >= 3)
    assert len(unjudged_here) == 1
    worker.upstream.put("/a", jpeg(), *IMAGE)
    await eventually(lambda: seen(worker))
    assert len(unjudged_here) == 0


async def test_an_overdue_request_is_sent_again(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that began and never ended counts as unjudged after a while."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    request = http.Request.make("GET", "http://img.test/a", headers={"Host": "img.test"})
    began = time.monotonic()
    unjudged(worker).begin(request)
    unjudged(worker)._retry_overdue(began + unjudged_requests.OVERDUE_SECONDS)
    assert len(unjudged(worker)) == 0
    monkeypatch.setattr(unjudged_requests, "OVERDUE_SECONDS", 0.1)
    await eventually(lambda: seen(worker))


@pytest.mark.usefixtures("patient_tries")
async def test_equal_requests_are_sent_once(worker: Worker) -> None:
    """However often a request was made, it waits once."""
    worker.upstream.hold.clear()
    unjudged_here = unjudged(worker)
    for path in ("/a", "/a", "/b"):
        unjudged_here.retry(unjudged_here.journal.begin(f"http\r\n{path}\r\nhost: img.test".encode()))
    assert len(unjudged_here) == 2
    worker.upstream.hold.set()


@pytest.mark.usefixtures("patient_tries")
async def test_a_page_without_images_leaves_nothing(start_worker: StartWorker) -> None:
    """It is fetched once and recorded nowhere."""
    worker = await start_worker(hashing={"data_uris": True, "processes": 1})
    worker.upstream.put("/page", b"<p>hello", "Content-Type: text/html")
    worker.upstream.hold.clear()
    await hang_up(worker, "/page")
    worker.upstream.hold.set()
    here = unjudged(worker)
    await eventually(lambda: len(worker.upstream.seen) == 2 and len(here) == len(here.journal) == 0)
    assert [each async for each in Sightings(worker.store, SightingsSettings()).images()] == []


async def test_the_loop_survives_a_defect(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect outside the fetch of one request is counted, and later requests are sent again."""
    unjudged_here, defects = unjudged(worker), [ValueError()]
    retry_overdue = unjudged_here._retry_overdue

    def fail_once(now: float) -> None:
        if defects:
            raise defects.pop()
        retry_overdue(now)

    before = metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "unjudged_requests"}) or 0
    monkeypatch.setattr(unjudged_here, "_retry_overdue", fail_once)
    await eventually(lambda: not defects)
    worker.upstream.put("/a", jpeg(), *IMAGE)
    unjudged_here.retry(unjudged_here.journal.begin(b"http\r\n/a\r\nhost: img.test"))
    await eventually(lambda: seen(worker))
    assert metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "unjudged_requests"}) == before + 1


async def test_slow_fetches_delay_no_other_request(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the store is forgotten while a request that is sent again waits for its upstream."""
    sent = slow_fetches(worker, monkeypatch, ends=False)
    add(worker, "/slow")
    await eventually(lambda: sent)
    worker.upstream.put("/a", jpeg(), *IMAGE)
    assert (await worker.get("/a")).status == 200
    await eventually(lambda: seen(worker))
    await eventually(lambda: len(unjudged(worker).journal) == 1)


async def test_a_new_request_is_sent_before_many_that_get_no_answer(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where they are of the same host: those that wait give way, and are sent again later."""
    monkeypatch.setattr(retry_places, "MAX_SILENT", 0)
    sent = slow_fetches(worker, monkeypatch)
    worker.upstream.put("/a", jpeg(), *IMAGE)
    for number in range(100):
        add(worker, f"/slow{number}")
    await eventually(lambda: len(sent) == retry_places.MAX_FETCHES_PER_HOST)
    add(worker, "/a")
    await eventually(lambda: seen(worker))
    assert len(sent) < 50


async def test_a_host_that_does_not_answer_delays_no_other(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host has some of the places, never all."""
    monkeypatch.setattr(retry_places, "MAX_SILENT", 0)
    sent = slow_fetches(worker, monkeypatch, ends=False)
    worker.upstream.put("/a", jpeg(), *IMAGE)
    for number in range(100):
        add(worker, f"/slow{number}")
    await eventually(lambda: len(sent) == retry_places.MAX_FETCHES_PER_HOST)
    add(worker, "/a", "other.test")
    await eventually(lambda: seen(worker))


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "206 Partial Content"])
async def test_an_answer_that_says_nothing_about_the_target(worker: Worker, status: str) -> None:
    """The cache may hold what it gave to the client, who had credentials: the target is purged."""
    worker.upstream.put("/a", b"part", status=status)
    add(worker, "/a", headers="\r\nauthorization")
    await eventually(lambda: purged(worker))
    assert len(worker.upstream.seen) == 1


@pytest.mark.parametrize(
    "status", ["200 OK", "404 Not Found", "410 Gone", "301 Moved Permanently", "403 Forbidden", "405 Not Allowed"]
)
async def test_an_answer_without_an_image_purges_nothing(worker: Worker, status: str) -> None:
    """That is what the target has: there is nothing to record."""
    worker.upstream.put("/a", b"text", "Content-Type: text/plain", status=status)
    add(worker, "/a")
    await eventually(lambda: len(unjudged(worker).journal) == 0)
    assert await purged(worker) == []


async def test_more_than_may_wait_is_purged_at_once(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not sent again is not forgotten."""
    monkeypatch.setattr(unjudged_requests, "MAX_WAITING", 2)
    slow_fetches(worker, monkeypatch, ends=False)
    for path in ("/slow1", "/slow2", "/a"):
        add(worker, path)
    await eventually(lambda: purged(worker))
    assert await purged(worker) == ["http://img.test/a"]
    await eventually(lambda: len(unjudged(worker).journal) == 2)


async def test_nothing_is_given_up_before_the_lists_are_loaded(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then no response can be judged, which is not the fault of the request."""
    monkeypatch.setattr(unjudged_requests, "GIVE_UP_SECONDS", 1.0)
    monkeypatch.setattr(unjudged_requests, "PAUSE_SECONDS", (0.05, 0.05))
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.runtime.replica.ready = False
    add(worker, "/a")
    await eventually(lambda: len(worker.upstream.seen) >= 30)
    assert len(unjudged(worker)) == 1
    worker.runtime.replica.ready = True
    await eventually(lambda: seen(worker))
    assert await purged(worker) == []


@pytest.mark.usefixtures("patient_tries")
async def test_a_variant_that_cannot_be_asked_for_is_purged(worker: Worker) -> None:
    """Vary names a header that was not recorded, since no Vary had named it before: from now on it is."""
    worker.upstream.put("/a", jpeg(), *IMAGE, "Vary: User-Agent")
    for number in (1, 2):
        worker.upstream.hold.clear()
        await hang_up(worker, "/a", f"User-Agent: {number}")
        worker.upstream.hold.set()
        await eventually(lambda: len(unjudged(worker).journal) == 0)
        assert len(await purged(worker)) == 1
    assert (("user-agent", "2"),) in [target.vary for target in await seen(worker)]


@pytest.mark.usefixtures("patient_tries")
async def test_a_variant_by_a_credential_is_always_purged(worker: Worker) -> None:
    """The credential is never recorded, so that variant can never be asked for."""
    worker.upstream.put("/a", jpeg(), *IMAGE, "Vary: X-Api-Key")
    worker.upstream.put("/b", jpeg(), *IMAGE, "Vary: X-Api-Key")
    for path in ("/a", "/b"):
        worker.upstream.hold.clear()
        await hang_up(worker, path, "X-Api-Key: hush")
        assert b"hush" not in unjudged(worker).journal.path.read_bytes()
        worker.upstream.hold.set()
        await eventually(lambda: len(unjudged(worker).journal) == 0)
    assert await purged(worker) == ["http://img.test/a", "http://img.test/b"]


@pytest.mark.usefixtures("patient_tries")
async def test_the_same_request_during_its_fetch_is_sent_once_more(worker: Worker) -> None:
    """What the cache stored for it may be newer than the response to the fetch."""
    worker.upstream.put("/a", b"text", "Content-Type: text/plain")
    worker.upstream.hold.clear()
    for _ in range(3):
        add(worker, "/a")
        await eventually(lambda: worker.upstream.seen)
    worker.upstream.hold.set()
    await eventually(lambda: len(unjudged(worker).journal) == 0)
    assert len(worker.upstream.seen) == 2
    assert unjudged(worker).open_count == 0


@pytest.mark.usefixtures("patient_tries")
async def test_settled_is_what_is_in_the_store(worker: Worker) -> None:
    """Who waits for unjudged requests finds their sightings in the store afterwards."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.upstream.hold.clear()
    await hang_up(worker, "/a")
    settling = asyncio.create_task(unjudged(worker).settle())
    assert await worker.list_store.wait_judged(0.0) == 1
    assert not settling.done()
    worker.upstream.hold.set()
    await settling
    assert len(await seen(worker)) == 1
    assert await worker.list_store.wait_judged(60) == 0


@pytest.mark.usefixtures("patient_tries")
async def test_what_comes_too_late_for_a_wait_is_purged(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waited was told that it is not known, and looks for it no more: it is purged whatever it shows."""
    monkeypatch.setattr(unjudged_requests, "SETTLE_SECONDS", 0.1)
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.upstream.hold.clear()
    await hang_up(worker, "/a")
    settling = asyncio.create_task(unjudged(worker).settle())
    await eventually(lambda: [each.purge for each in unjudged(worker)._waiting.values()] == [True])
    worker.upstream.hold.set()
    await settling
    assert await purged(worker) == ["http://img.test/a"]
    assert len(await seen(worker)) == 1


@pytest.mark.usefixtures("patient_tries")
async def test_only_what_selects_a_response_is_recorded(worker: Worker) -> None:
    """Neither the journal nor the second request tells who asked; nothing stays of the URL when it has ended."""
    private = ("X-Forwarded-For: 192.0.2.7", "Referer: http://a.test/hush", "X-Api-Key: hush", "Cookie: hush")
    worker.upstream.put("/a?token=hush", jpeg(), *IMAGE)
    worker.upstream.hold.clear()
    await hang_up(worker, "/a?token=hush", "Accept: image/png", "X-Forwarded-Proto: https", *private)
    journal = unjudged(worker).journal
    written = journal.path.read_bytes()
    assert b"image/png" in written and b"192.0.2.7" not in written and written.count(b"hush") == 1
    worker.upstream.hold.set()
    await eventually(lambda: len(journal) == 0)
    assert journal.path.read_bytes().strip(b"\0") == b""
    second = worker.upstream.seen[1].lower()
    assert b"x-forwarded-proto: https" in second and b"192.0.2.7" not in second and second.count(b"hush") == 1


@pytest.mark.usefixtures("patient_tries")
async def test_a_request_that_ends_while_it_is_sent_again(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long download, without an image, ends as its repetition is under way: nothing of it stays open."""
    monkeypatch.setattr(unjudged_requests, "OVERDUE_SECONDS", 0.2)
    worker.upstream.put("/a", b"text", "Content-Type: text/plain")
    worker.upstream.hold.clear()
    here = unjudged(worker)
    number = here.begin(http.Request.make("GET", "http://img.test/a", headers={"Host": "img.test"}))
    await eventually(lambda: len(here) == 1)
    here.end(number, recorded=False)
    worker.upstream.hold.set()
    await eventually(lambda: len(here) == here.open_count == len(here.journal) == 0)
