"""Responses at URLs that are not scanned: they pass, and nothing is known of them."""

import asyncio

import pytest
from tests.proxy.conftest import StartWorker
from tests.proxy.responses import IMAGE, verdict_count
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg, sha256

from edgeward.hashing.hashers.pool import HasherPool
from edgeward.proxy.body_sniffing import BodySniffer
from edgeward.proxy.request_repeater import Repeated
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings

PART = (
    b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/999\r\nContent-Length: 4\r\n"
    b"Content-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0"
)
EXCEPTIONS = [{"hosts": ["img.test"], "paths": ["/private/"]}]


async def test_a_listed_image_passes_unseen_where_nothing_is_scanned(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte, counted with a reason of its own, never looked at or hashed, and with no sighting; elsewhere on
    the host it is blocked, whatever the spelling."""
    worker = await start_worker(scan_exceptions=EXCEPTIONS)
    body, paths = jpeg("astronaut"), ("/private/a.jpg", "/b.jpg", "/private/../b.jpg", "/private%2Fa.jpg")
    for path in paths:
        worker.upstream.put(path, body, *IMAGE)
    await worker.list(sha256(body))
    before = verdict_count("deliver", "not_scanned")

    def looked_at(*_: object, **__: object) -> None:
        raise AssertionError("it was looked at")

    with monkeypatch.context() as patch:
        patch.setattr(BodySniffer, "may_be_image", looked_at)
        patch.setattr(HasherPool, "fingerprint", looked_at)
        worker.upstream.put("/private/a.jpg", b"", *IMAGE, "Content-Length: 9", method="HEAD")
        worker.upstream.answers["RANGE /private/a.jpg"] = PART
        whole, part, head = (
            await worker.get("/private/a.jpg"),
            await worker.get("/private/a.jpg", "Range: bytes=0-3"),
            await worker.get("/private/a.jpg", method="HEAD"),
        )
    assert (whole.status, whole.body) == (200, body)
    assert (part.status, part.body) == (206, b"\xff\xd8\xff\xe0")
    assert (head.status, head.body) == (200, b"")
    assert verdict_count("deliver", "not_scanned") == before + 3
    replies = [await worker.get(path) for path in paths]
    assert [reply.status for reply in replies] == [200, 451, 451, 451]
    assert replies[0].body == body
    recorder = worker.runtime.gate._actions._recorder
    await recorder.flush()
    seen = {record.target.path for record in await Sightings(worker.store, SightingsSettings()).find()}
    assert seen == set(paths[1:])


async def test_a_request_that_breaks_off_is_not_asked_again(start_worker: StartWorker) -> None:
    """The worker keeps no record of it: what came of it nobody is to know."""
    worker = await start_worker(scan_exceptions=EXCEPTIONS)
    worker.upstream.put("/private/a.jpg", jpeg(), *IMAGE)
    worker.upstream.hold.clear()
    _, writer = await asyncio.open_connection(*worker.address)
    writer.write(b"GET /private/a.jpg HTTP/1.1\r\nHost: img.test\r\n\r\n")
    await eventually(lambda: bool(worker.upstream.seen))
    unjudged = worker.runtime.gate.unjudged_requests
    assert unjudged._began == {}
    writer.close()
    worker.upstream.hold.set()
    await eventually(lambda: not worker.runtime.gate.under_way)
    assert unjudged.report().open_count == unjudged.report().under_way == 0
    assert len(worker.upstream.seen) == 1


async def test_a_record_from_before_is_not_asked_for(start_worker: StartWorker) -> None:
    """Of a request that a worker left when scanning was still on there."""
    worker = await start_worker(scan_exceptions=EXCEPTIONS)
    worker.upstream.put("/private/a.jpg", jpeg(), *IMAGE)
    repeater = worker.runtime.gate.unjudged_requests._repeater
    assert await repeater.repeat(b"http\r\n/private/a.jpg\r\nhost: img.test", 10) is Repeated.JUDGED
    assert worker.upstream.seen == []
    assert await repeater.repeat(b"http\r\n/b.jpg\r\nhost: img.test", 10) is Repeated.JUDGED
    assert len(worker.upstream.seen) == 1


async def test_another_host_is_no_way_around(start_worker: StartWorker) -> None:
    """Neither a second Host, nor a target in absolute-form that names another host than Host does, gets an image of a
    scanned host past the lists; so it is with a list that acts at some hosts alone."""
    body = jpeg("coffee")
    for policy in ({"scan_exceptions": [{"hosts": ["law.test"]}]}, {}):
        worker = await start_worker(**policy)
        worker.upstream.put("/a.jpg", body, *IMAGE)
        worker.upstream.put("http://img.test/a.jpg", body, *IMAGE)
        await worker.list(sha256(body), **({} if policy else {"hosts": ("img.test",)}))
        statuses = {}
        for name, head in (
            ("plain", "GET /a.jpg HTTP/1.1\r\nHost: law.test"),
            ("absolute", "GET http://img.test/a.jpg HTTP/1.1\r\nHost: law.test"),
            ("two hosts", "GET /a.jpg HTTP/1.1\r\nHost: law.test\r\nHost: img.test"),
            ("port", "GET /a.jpg HTTP/1.1\r\nHost: IMG.test.:81"),
        ):
            statuses[name] = (await worker.raw(f"{head}\r\n\r\n".encode())).status
        assert statuses == {"plain": 200, "absolute": 451, "two hosts": 400, "port": 451}
