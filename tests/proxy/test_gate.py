"""Every path through the gate ends in a verdict, and no way around it gets a listed image."""

import asyncio
import gzip
from typing import Any

import pytest
from tests.proxy.conftest import Reply, StartWorker, Worker
from tests.proxy.pictures import encoded, jpeg, pdq, sha256

from edgeward import metrics
from edgeward.proxy.gate import EdgewardGate
from edgeward.takedown.incidents import Incidents
from edgeward.takedown.purging.orders import Orders
from edgeward.types import Action, Kind, Mode

IMAGE = ("Content-Type: image/jpeg", 'ETag: "1"')


def count(verdict: str, reason: str) -> float:
    return metrics.registry.get_sample_value("edgeward_responses_total", {"verdict": verdict, "reason": reason}) or 0


def shows(reply: Reply, image: bytes) -> bool:
    """Whether any part of the image's data is in the reply."""
    return any(image[at : at + 64] in reply.body for at in range(0, len(image) - 64, 997))


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


@pytest.mark.parametrize("action", list(Action))
async def test_action_of_the_list(worker: Worker, action: Action) -> None:
    """The list says what clients get."""
    image = jpeg()
    worker.upstream.put("/a", image, *IMAGE)
    await worker.list(sha256(image), action=action)
    reply = await worker.get("/a")
    assert reply.status == (200 if action is Action.PLACEHOLDER else int(action))
    assert not shows(reply, image)


async def test_allowlist_wins_and_monitor_delivers(worker: Worker) -> None:
    """An allowlist undoes a block at once; a monitored match is delivered and reported."""
    image, watched = jpeg("astronaut"), jpeg("rocket")
    worker.upstream.put("/a", image, *IMAGE)
    worker.upstream.put("/w", watched, *IMAGE)
    await worker.list(sha256(image))
    await worker.list(sha256(watched), name="watch", mode=Mode.MONITOR)
    assert (await worker.get("/a")).status == 451
    await worker.list(sha256(image), name="ours", kind=Kind.ALLOW)
    assert (await worker.get("/a")).body == image
    before = count("deliver", "monitored")
    assert (await worker.get("/w")).body == watched
    assert count("deliver", "monitored") == before + 1


@pytest.mark.parametrize(
    "headers",
    [(), ("Content-Type: text/html",), ("Content-Type: application/octet-stream",), ("Content-Type: video/mp4",)],
    ids=["none", "html", "octets", "video"],
)
async def test_image_under_any_type(worker: Worker, headers: tuple[str, ...]) -> None:
    """Image bytes are an image, whatever they are declared to be."""
    worker.upstream.put("/a", jpeg(), *headers)
    await worker.list(sha256(jpeg()))
    assert (await worker.get("/a")).status == 451


@pytest.mark.parametrize("content_type", ["image/jpeg", "text/css"])
async def test_coded_image(worker: Worker, content_type: str) -> None:
    """A gzip-coded image is looked into."""
    worker.upstream.put("/a", gzip.compress(jpeg()), f"Content-Type: {content_type}", "Content-Encoding: gzip")
    await worker.list(sha256(jpeg()))
    assert (await worker.get("/a")).status == 451


async def test_image_under_an_unknown_coding(worker: Worker) -> None:
    """Browsers show a body under a coding they don't know as if it had none: it is not let through."""
    worker.upstream.put("/a", jpeg(), "Content-Encoding: x-none", "Content-Type: text/plain")
    await worker.list(sha256(jpeg()))
    reply = await worker.get("/a")
    assert reply.status in (451, 503)
    assert not shows(reply, jpeg())


async def test_head_of_a_listed_image(worker: Worker) -> None:
    """HEAD is refused too, without a body, whether or not the target was seen before."""
    image = jpeg()
    for path in ("/seen", "/unseen"):
        worker.upstream.put(path, image, *IMAGE)
        worker.upstream.put(path, b"", *IMAGE, f"Content-Length: {len(image)}", method="HEAD")
    await worker.get("/seen")
    await worker.list(sha256(image))
    for path in ("/seen", "/unseen"):
        reply = await worker.get(path, method="HEAD")
        assert (reply.status, reply.headers.get("content-length", "0")) == (451, "0")


async def test_not_modified_of_a_listed_image(worker: Worker) -> None:
    """A 304 would make the client show its own copy: for a listed image it is a 451, seen before or not."""
    image = jpeg()
    worker.upstream.put("/a", image, *IMAGE)
    worker.upstream.answers["IF /a"] = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'
    await worker.list(sha256(image))
    assert (await worker.get("/a", 'If-None-Match: "1"')).status == 451
    assert (await worker.get("/a", 'If-None-Match: "1"')).status == 451


async def test_not_modified_without_a_whole(worker: Worker) -> None:
    """A 304 whose whole can't be had can't be judged: it is refused."""
    worker.upstream.answers["IF /a"] = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'
    assert (await worker.get("/a", 'If-None-Match: "1"')).status == 503


async def test_not_modified_of_a_clean_image(worker: Worker) -> None:
    """A 304 for an image that was judged clean passes, without another fetch."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    await worker.get("/a")
    worker.upstream.answers["GET /a"] = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'
    seen = len(worker.upstream.seen)
    assert (await worker.get("/a", 'If-None-Match: "1"')).status == 304
    assert len(worker.upstream.seen) == seen + 1


async def test_ranges_of_an_image(worker: Worker) -> None:
    """A part of a listed image is refused; of another image the whole is sent, as it was judged."""
    listed, other = jpeg("astronaut"), jpeg("coffee")
    for path, image in (("/a", listed), ("/b", other)):
        worker.upstream.put(path, image, *IMAGE)
        part = f"Content-Range: bytes 100-299/{len(image)}"
        worker.upstream.put(path, image[100:300], *IMAGE, part, status="206 Partial Content", method="RANGE")
    await worker.list(sha256(listed))
    blocked, passed = [await worker.get(path, "Range: bytes=100-299") for path in ("/a", "/b")]
    assert blocked.status == 451
    assert (passed.status, passed.body) == (200, other)


async def test_ranges_of_a_known_image(worker: Worker) -> None:
    """Where the same representation was judged clean before, the part itself passes."""
    image = jpeg()
    worker.upstream.put("/a", image, *IMAGE)
    worker.upstream.put("/a", image[100:300], *IMAGE, status="206 Partial Content", method="RANGE")
    await worker.get("/a")
    reply = await worker.get("/a", "Range: bytes=100-299")
    assert (reply.status, reply.body) == (206, image[100:300])


async def test_ranges_of_a_video_pass(worker: Worker) -> None:
    """What is no image keeps its ranges."""
    video = b"\x00\x00\x00\x18ftypmp42" + bytes(50_000)
    worker.upstream.put("/v", video, "Content-Type: video/mp4")
    worker.upstream.put("/v", video[10:20], "Content-Type: video/mp4", status="206 Partial Content", method="RANGE")
    reply = await worker.get("/v", "Range: bytes=10-19")
    assert (reply.status, reply.body) == (206, video[10:20])


async def test_part_without_a_whole(worker: Worker) -> None:
    """A part whose whole can't be had is refused."""
    worker.upstream.put("/a", jpeg()[100:300], *IMAGE, status="206 Partial Content", method="RANGE")
    assert (await worker.get("/a", "Range: bytes=100-299")).status == 503


@pytest.mark.parametrize("method", ["PURGE", "BAN", "PURGEKEYS", "REFRESH", "purge", "TRACE", "FOO"])
async def test_purge_methods_are_refused(worker: Worker, method: str) -> None:
    """The cache may let this host purge: no client may, through us."""
    before = count("block", "method_refused")
    assert (await worker.get("/a", method=method)).status == 405
    assert worker.upstream.seen == []
    assert count("block", "method_refused") == before + 1


@pytest.mark.parametrize("header", ["xkey-purge: a", "X-Ban-Url: .", "Edgeward-Secret: guess", "X-Refresh: 1"])
async def test_purge_headers_are_refused(worker: Worker, header: str) -> None:
    """Nor by a header."""
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


HOOKS = ["requestheaders", "responseheaders", "response"]
INNER = {"requestheaders": "_refusable", "responseheaders": "_admit", "response": "_judge_body"}


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError, KeyboardInterrupt, MemoryError])
async def test_a_failing_hook_delivers_nothing(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, hook: str, error: type[BaseException]
) -> None:
    """mitmproxy delivers unfiltered when a hook raises; ours refuses, counts and goes on."""
    worker.upstream.put("/a", jpeg(), *IMAGE)

    def fail(*_: Any) -> None:
        raise error("provoked")

    before = count("block", "error")
    monkeypatch.setattr(EdgewardGate, INNER[hook], fail)
    reply = await worker.get("/a")
    assert reply.status == 503
    assert not shows(reply, jpeg())
    assert count("block", "error") == before + 1
    monkeypatch.undo()
    assert (await worker.get("/a")).body == jpeg()


async def test_a_failing_hook_by_policy(start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """With policy.error = "deliver" a defect lets the response through, counted."""
    worker = await start_worker(policy={"error": "deliver"})
    worker.upstream.put("/a", jpeg(), *IMAGE)

    def fail(*_: Any) -> None:
        raise RuntimeError("provoked")

    monkeypatch.setattr(EdgewardGate, "_judge_body", fail)
    before = count("deliver", "error")
    assert (await worker.get("/a")).body == jpeg()
    assert count("deliver", "error") == before + 1


async def test_known_listed_target_is_refused_without_the_upstream(worker: Worker) -> None:
    """Once seen listed, a target is not fetched again for policy.recheck_seconds; undoing acts at once all the same."""
    image = jpeg()
    worker.upstream.put("/a", image, *IMAGE)
    (entry,) = await worker.list(sha256(image))
    assert (await worker.get("/a")).status == 451
    seen = len(worker.upstream.seen)
    assert (await worker.get("/a")).status == 451
    assert len(worker.upstream.seen) == seen
    change = await worker.catalogue.remove_entry("staff", entry.id, "test", "mistake")
    assert await worker.runtime.replica.wait_version(change.version, 60)
    assert (await worker.get("/a")).body == image


async def test_a_match_in_transit_orders_a_purge_and_reports(worker: Worker) -> None:
    """The block leaves a purge order for the exact target and an incident."""
    image = jpeg()
    worker.upstream.put("/%61?x=1", image, *IMAGE, "Vary: Accept")
    (entry,) = await worker.list(sha256(image))
    await worker.get("/%61?x=1", "Accept: image/webp")
    orders, incidents = Orders(worker.store), Incidents(worker.store)
    async with asyncio.timeout(20):
        while not (placed := await orders.recent(10)) or not (reported := await incidents.recent(10)):
            await asyncio.sleep(0.02)
    order = placed[0][0]
    assert (order.target.url, order.target.vary) == ("http://img.test/%61?x=1", (("accept", "image/webp"),))
    assert (order.entry_id, reported[0].entry_id) == (entry.id, entry.id)


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
