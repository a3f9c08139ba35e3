"""Every path through the gate ends in a verdict, and no way around it gets a listed image."""

import asyncio
import gzip
from typing import Any

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.responses import IMAGE, shows, verdict_count
from tests.support.eventually import eventually
from tests.support.proxy_pictures import encoded, jpeg, pdq, sha256

from edgeward import metrics
from edgeward.proxy import stream
from edgeward.proxy.judge import Judge
from edgeward.proxy.unjudged_requests import UnjudgedRequests
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings


async def test_listed_image_is_answered_451(worker: Worker) -> None:
    """A listed image is refused, another passes byte for byte with all its headers."""
    listed, other = jpeg("astronaut"), jpeg("coffee")
    worker.upstream.put("/a.jpg", listed, *IMAGE)
    worker.upstream.put("/b.jpg", other, *IMAGE, "X-Odd: kept", "Set-Cookie: a=1", "Set-Cookie: b=2")
    assert (await worker.get("/a.jpg")).body == listed
    await worker.list(sha256(listed))
    blocked, passed = await worker.get("/a.jpg"), await worker.get("/b.jpg")
    assert (blocked.status, blocked.headers["cache-control"]) == (451, "no-store")
    assert not shows(blocked, listed)
    assert "etag" not in blocked.headers
    assert (passed.status, passed.body, passed.headers["x-odd"]) == (200, other, "kept")


async def test_perceptual_match(worker: Worker) -> None:
    """A smaller, recompressed WebP of a listed photograph is the listed photograph."""
    small = encoded("coffee", "WEBP", (300, 200), quality=60)
    worker.upstream.put("/small.webp", small, "Content-Type: image/webp")
    await worker.list(pdq("coffee"))
    assert (await worker.get("/small.webp")).status == 451


@pytest.mark.parametrize(
    "headers",
    [(), ("Content-Type: text/html",), ("Content-Type: application/octet-stream",), ("Content-Type: video/mp4",)],
    ids=["none", "html", "octets", "video"],
)
async def test_image_under_any_type(worker: Worker, headers: tuple[str, ...]) -> None:
    """An image is judged, whatever type it declares."""
    worker.upstream.put("/a", jpeg(), *headers)
    await worker.list(sha256(jpeg()))
    assert (await worker.get("/a")).status == 451


@pytest.mark.parametrize("content_type", ["image/jpeg", "text/css"])
async def test_coded_image(worker: Worker, content_type: str) -> None:
    """A gzip-coded image is decoded and judged."""
    worker.upstream.put("/a", gzip.compress(jpeg()), f"Content-Type: {content_type}", "Content-Encoding: gzip")
    await worker.list(sha256(jpeg()))
    assert (await worker.get("/a")).status == 451


async def test_image_under_an_unknown_coding(worker: Worker) -> None:
    """Browsers ignore a coding that they don't know: an image under one is not let through."""
    worker.upstream.put("/a", jpeg(), "Content-Encoding: x-none", "Content-Type: text/plain")
    await worker.list(sha256(jpeg()))
    reply = await worker.get("/a")
    assert reply.status in (403, 451)
    assert not shows(reply, jpeg())


@pytest.mark.parametrize("method", ["PURGE", "BAN", "PURGEKEYS", "REFRESH", "purge", "TRACE", "FOO"])
async def test_purge_methods_are_refused(worker: Worker, method: str) -> None:
    """The cache may accept purges from this host: clients can't send them through it."""
    before = verdict_count("block", "method_refused")
    assert (await worker.get("/a", method=method)).status == 405
    assert worker.upstream.seen == []
    assert verdict_count("block", "method_refused") == before + 1


@pytest.mark.parametrize("header", ["xkey-purge: a", "X-Ban-Url: .", "Edgeward-Secret: guess", "X-Refresh: 1"])
async def test_purge_headers_are_refused(worker: Worker, header: str) -> None:
    """Purges by a header neither."""
    assert (await worker.get("/a", header)).status == 403
    assert worker.upstream.seen == []


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["two hosts", "smuggling"],
)
async def test_ambiguous_requests_are_refused(worker: Worker, request_: bytes) -> None:
    """A request that we and the cache could read differently is a 400."""
    assert (await worker.raw(request_)).status == 400
    assert worker.upstream.seen == []


CALLED_BY_HOOK = {
    "requestheaders": (UnjudgedRequests, "begin"),
    "responseheaders": (Judge, "policy_verdict"),
    "response": (Judge, "judge"),
}


@pytest.mark.parametrize("hook", CALLED_BY_HOOK)
@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError, KeyboardInterrupt, MemoryError])
async def test_a_failing_hook_delivers_nothing(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, hook: str, error: type[BaseException]
) -> None:
    """mitmproxy delivers unfiltered when a hook raises; ours refuses, counts and goes on."""
    worker.upstream.put("/a", jpeg(), *IMAGE)

    def fail(*_: Any) -> None:
        raise error("provoked")

    before = verdict_count("block", "error")
    monkeypatch.setattr(*CALLED_BY_HOOK[hook], fail)
    reply = await worker.get("/a")
    assert reply.status == 503
    assert not shows(reply, jpeg())
    assert verdict_count("block", "error") == before + 1
    monkeypatch.undo()
    assert (await worker.get("/a")).body == jpeg()


async def test_a_failing_hook_by_policy(start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """With policy.error = "deliver" a defect lets the response through, counted."""
    worker = await start_worker(policy={"error": "deliver"})
    worker.upstream.put("/a", jpeg(), *IMAGE)

    def fail(*_: Any) -> None:
        raise RuntimeError("provoked")

    monkeypatch.setattr(Judge, "judge", fail)
    before = verdict_count("deliver", "error")
    assert (await worker.get("/a")).body == jpeg()
    assert verdict_count("deliver", "error") == before + 1


async def test_known_listed_target_is_refused_without_the_upstream(worker: Worker) -> None:
    """Once seen listed, a target is not fetched again for policy.recheck_seconds; undoing acts at once all the same."""
    image = jpeg()
    worker.upstream.put("/a", image, *IMAGE)
    (entry,) = await worker.list(sha256(image))
    assert (await worker.get("/a")).status == 451
    seen = len(worker.upstream.seen)
    assert (await worker.get("/a")).status == 451
    assert len(worker.upstream.seen) == seen
    change = await worker.list_store.remove_entry("staff", entry.id, "test", "mistake")
    assert await worker.runtime.replica.wait_version(change.version, 60)
    assert (await worker.get("/a")).body == image


async def test_not_ready_is_decided(start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the lists are loaded an image is refused and other content passes."""
    worker = await start_worker()
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.upstream.put("/t", b"text", "Content-Type: text/plain")
    monkeypatch.setattr(worker.runtime.replica, "ready", False)
    assert (await worker.get("/a")).status == 503
    assert (await worker.get("/t")).body == b"text"


async def test_every_response_is_counted_once(worker: Worker) -> None:
    """The sum over all verdicts and reasons grows by one with each response."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.upstream.put("/t", b"text", "Content-Type: text/plain")

    def total() -> float:
        samples = [sample for family in metrics.responses.collect() for sample in family.samples]
        return sum(sample.value for sample in samples if sample.name.endswith("_total"))

    before = total()
    for path, method in (
        ("/a", "GET"),
        ("/t", "GET"),
        ("/none", "GET"),
        ("/t", "HEAD"),
        ("/x", "PURGE"),
        ("/t", "POST"),
    ):
        await worker.get(path, method=method)
    assert total() == before + 6


async def test_the_answer_to_a_post_says_nothing_of_the_target(worker: Worker) -> None:
    """A listed image in answer to POST is refused; what GET gives at that target is another matter."""
    image = jpeg()
    worker.upstream.put("/a", image, *IMAGE, method="POST")
    worker.upstream.put("/a", b"text", "Content-Type: text/plain")
    await worker.list(sha256(image))
    assert (await worker.get("/a", method="POST")).status == 451
    assert (await worker.get("/a")).body == b"text"


async def seen(worker: Worker) -> list[str]:
    """The paths where the image was seen, by its sightings."""
    targets = await Sightings(worker.store, SightingsSettings()).targets(sha256(jpeg()).value)
    return [target.path for target, _ in targets]


@pytest.mark.parametrize(
    ("method", "freshness", "recorded"),
    [
        ("POST", "Cache-Control: max-age=60", True),
        ("POST", "Cache-Control: S-MaxAge=60", True),
        ("POST", "Expires: Thu, 01 Jan 2099 00:00:00 GMT", True),
        ("POST", "X-None: 1", False),
        ("OPTIONS", "Cache-Control: max-age=60", True),
        ("GET", "X-None: 1", True),
    ],
)
async def test_what_a_cache_may_store_is_recorded(worker: Worker, method: str, freshness: str, recorded: bool) -> None:
    """A response to another method than GET only where it says how long it is fresh (RFC 9110, 9.3.3)."""
    worker.upstream.put("/a", jpeg(), "Content-Type: image/jpeg", freshness, method=method)
    worker.upstream.put("/last", jpeg(), "Content-Type: image/jpeg")
    assert (await worker.get("/a", method=method)).body == jpeg()
    await worker.get("/last")
    await eventually(lambda: seen(worker))
    assert ("/a" in await seen(worker)) == recorded


async def test_an_exchange_that_mitmproxy_fails_at_is_judged(
    worker: Worker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It calls no hook any more: the request is sent again when its connection ends."""

    def fail(*_: object) -> None:
        raise RuntimeError("a defect of mitmproxy")

    worker.upstream.put("/a", jpeg(), *IMAGE)
    with monkeypatch.context() as broken:
        broken.setattr(stream.GateStream, "state_consume_response_body", fail)
        _, writer = await asyncio.open_connection(*worker.address)
        writer.write(b"GET /a HTTP/1.1\r\nHost: img.test\r\n\r\n")
        await eventually(lambda: "a defect of mitmproxy" in caplog.text)
    assert await seen(worker) == []
    writer.close()
    await eventually(lambda: seen(worker))


async def test_an_image_with_trailers_is_judged(worker: Worker) -> None:
    """Trailers are dropped, so that mitmproxy does not fail at them."""
    chunked = b"%x\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(jpeg()), jpeg())
    worker.upstream.put("/a", chunked, "Transfer-Encoding: chunked", "Content-Type: image/jpeg")
    assert (await worker.get("/a")).body == jpeg()
    await eventually(lambda: seen(worker))


async def test_a_client_that_leaves_does_not_hide_what_is_not_judged(worker: Worker) -> None:
    """That a response was not judged still counts when the client leaves after it was decided."""
    worker.upstream.put("/a", jpeg(), "Content-Type: image/jpeg")
    head = b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n"
    worker.upstream.answers["RANGE /a"] = head + b"a part" * 20
    reader, writer = await asyncio.open_connection(*worker.address)
    writer.write(b"GET /a HTTP/1.1\r\nHost: img.test\r\nRange: bytes=9999999-\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await eventually(lambda: seen(worker))


@pytest.mark.parametrize("status", ["203 Other", "301 Moved", "404 Not Found", "410 Gone", "501 Not Implemented"])
async def test_an_image_under_any_status(worker: Worker, status: str) -> None:
    """It is judged and recorded: caches store more than 200."""
    worker.upstream.put("/a", jpeg(), *IMAGE, status=status)
    assert (await worker.get("/a")).body == jpeg()
    await eventually(lambda: seen(worker))
    await worker.list(sha256(jpeg()))
    assert (await worker.get("/a")).status == 451


async def test_what_follows_an_interim_response_is_judged(worker: Worker) -> None:
    """mitmproxy takes a 103 for the response, and drops the one that follows: the cache has stored it."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    final = worker.upstream.answers["GET /a"]
    worker.upstream.answers["GET /a"] = b"HTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n" + final
    _, writer = await asyncio.open_connection(*worker.address)
    writer.write(b"GET /a HTTP/1.1\r\nHost: img.test\r\n\r\n")
    await eventually(lambda: seen(worker))
    writer.close()


async def test_an_upgrade_that_is_answered_with_an_image(worker: Worker) -> None:
    """It is judged like any other response."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    await worker.list(sha256(jpeg()))
    reply = await worker.get("/a", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    assert reply.status == 451


async def test_pipelined_requests_of_a_client_that_leaves(worker: Worker) -> None:
    """Each of them that reached the upstream is judged."""
    paths = [f"/{number}" for number in range(5)]
    for path in paths:
        worker.upstream.put(path, jpeg(), *IMAGE)
    worker.upstream.hold.clear()
    _, writer = await asyncio.open_connection(*worker.address)
    writer.write(b"".join(f"GET {path} HTTP/1.1\r\nHost: img.test\r\n\r\n".encode() for path in paths))
    await eventually(lambda: worker.upstream.seen)
    writer.close()
    worker.upstream.hold.set()
    await eventually(lambda: len(worker.runtime.gate.unjudged_requests.journal) == 0)
    reached = {head.split(b" ")[1].decode() for head in worker.upstream.seen}
    assert set(await seen(worker)) == reached
