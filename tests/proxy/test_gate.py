"""Every path through the gate ends in a verdict, and no way around it gets a listed image."""

import asyncio
import gzip
from typing import Any

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.responses import IMAGE, shows, verdict_count
from tests.support.proxy_pictures import encoded, jpeg, pdq, sha256

from edgeward import metrics
from edgeward.proxy.judge import Judge
from edgeward.proxy.unjudged_requests import UnjudgedRequests


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
    assert reply.status in (451, 503)
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
        b"GET http://other.test/a HTTP/1.1\r\nHost: img.test\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["two hosts", "another authority", "smuggling"],
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
