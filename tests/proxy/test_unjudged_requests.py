"""A request whose response was not judged is sent again; the response is judged and recorded."""

import asyncio
import time
from pathlib import Path

import pytest
from mitmproxy import http
from tests.proxy.conftest import StartWorker, Worker
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg, sha256

from edgeward import metrics
from edgeward.proxy import unjudged_requests
from edgeward.proxy.journal import Journal
from edgeward.proxy.refetch import FullResponse
from edgeward.proxy.unjudged_requests import UnjudgedRequests
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.types import Target

IMAGE = ("Content-Type: image/jpeg",)


async def seen(worker: Worker) -> list[Target]:
    sightings = Sightings(worker.store, SightingsSettings())
    return [target for target, _ in await sightings.targets(sha256(jpeg()).value)]


def unjudged(worker: Worker) -> UnjudgedRequests:
    return worker.runtime.gate.unjudged_requests


async def hang_up(worker: Worker, path: str, *headers: str) -> None:
    """Send a request, hang up as soon as the upstream, which holds its response, has it; wait until that is noticed."""
    before = len(worker.upstream.seen)
    _, writer = await asyncio.open_connection(*worker.address)
    writer.write("\r\n".join([f"GET {path} HTTP/1.1", "Host: img.test", *headers, "", ""]).encode("latin-1"))
    await eventually(lambda: len(worker.upstream.seen) > before)
    writer.close()
    await eventually(lambda: len(unjudged(worker)))


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


async def test_a_listed_image_is_purged_though_the_client_hung_up(worker: Worker) -> None:
    """A purge is ordered as for one that was blocked."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    await worker.list(sha256(jpeg()))
    worker.upstream.hold.clear()
    await hang_up(worker, "/a")
    worker.upstream.hold.set()
    await eventually(lambda: worker.store.redis.xlen(worker.store.key("{purges}", "orders")))


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


async def test_equal_requests_are_sent_once(worker: Worker) -> None:
    """However often a request was made, it waits once."""
    worker.upstream.hold.clear()
    unjudged_here = unjudged(worker)
    for path in ("/a", "/a", "/b"):
        unjudged_here.retry(unjudged_here.journal.begin(f"http\r\n{path}\r\nhost: img.test".encode()))
    assert len(unjudged_here) == 2
    worker.upstream.hold.set()


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
    unjudged_here, fetching = unjudged(worker), asyncio.Event()

    async def fetch_for_ever(request: http.Request) -> FullResponse:
        fetching.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(unjudged_here._refetcher, "fetch", fetch_for_ever)
    unjudged_here.retry(unjudged_here.journal.begin(b"http\r\n/slow\r\nhost: img.test"))
    await fetching.wait()
    worker.upstream.put("/a", jpeg(), *IMAGE)
    assert (await worker.get("/a")).status == 200
    await eventually(lambda: seen(worker))
    await eventually(lambda: len(unjudged_here.journal) == 1)
