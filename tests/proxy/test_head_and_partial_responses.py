"""Responses without a full body are judged by the image that they stand for."""

import asyncio

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.responses import IMAGE
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg, sha256

from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.types import Target, image_tag


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
    """A 304 would make the client show its own copy: for a listed image it becomes a 451, cached here or not."""
    image = jpeg()
    worker.upstream.put("/a", image, *IMAGE)
    worker.upstream.answers["IF /a"] = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'
    await worker.list(sha256(image))
    assert (await worker.get("/a", 'If-None-Match: "1"')).status == 451
    assert (await worker.get("/a", 'If-None-Match: "1"')).status == 451


async def test_not_modified_without_a_full_response(worker: Worker) -> None:
    """A 304 is refused when the full response can't be fetched, and so not be judged."""
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
    """A part of a listed image is refused; another image is sent whole, as it was judged."""
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
    """A part of what is no image passes as a part."""
    video = b"\x00\x00\x00\x18ftypmp42" + bytes(50_000)
    worker.upstream.put("/v", video, "Content-Type: video/mp4")
    worker.upstream.put("/v", video[10:20], "Content-Type: video/mp4", status="206 Partial Content", method="RANGE")
    reply = await worker.get("/v", "Range: bytes=10-19")
    assert (reply.status, reply.body) == (206, video[10:20])


async def test_part_without_a_full_response(worker: Worker) -> None:
    """A part is refused when the full response can't be fetched."""
    worker.upstream.put("/a", jpeg()[100:300], *IMAGE, status="206 Partial Content", method="RANGE")
    assert (await worker.get("/a", "Range: bytes=100-299")).status == 503


@pytest.mark.parametrize("policy", ["block", "deliver"])
async def test_what_was_not_judged_stands_for_nothing(start_worker: StartWorker, policy: str) -> None:
    """What was fetched before the lists were loaded is judged once they are: it is not remembered as no image."""
    worker = await start_worker(policy={"not_ready": policy})
    image = jpeg()
    worker.upstream.put("/a", image, *IMAGE)
    worker.upstream.put("/a", image[100:300], *IMAGE, status="206 Partial Content", method="RANGE")
    await worker.list(sha256(image))
    worker.runtime.replica.ready = False
    assert (await worker.get("/a", "Range: bytes=100-299")).status == (503 if policy == "block" else 200)
    worker.runtime.replica.ready = True
    assert (await worker.get("/a", "Range: bytes=100-299")).status == 451


async def test_an_error_page_stands_for_nothing(worker: Worker) -> None:
    """A 304 is refused each time that the upstream answers with an error page instead of the full image."""
    worker.upstream.put("/a", b"<p>later</p>", "Content-Type: text/html", status="503 Service Unavailable")
    worker.upstream.answers["IF /a"] = b"HTTP/1.1 304 Not Modified\r\n\r\n"
    for _ in range(2):
        assert (await worker.get("/a", 'If-None-Match: "1"')).status == 503


async def test_a_known_image_waits_for_the_lists(worker: Worker) -> None:
    """While the lists are loaded anew, the policy decides about a 304 for an image that was judged before."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    await worker.get("/a")
    worker.upstream.answers["IF /a"] = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'
    worker.runtime.replica.ready = False
    assert (await worker.get("/a", 'If-None-Match: "1"')).status == 503
    worker.runtime.replica.ready = True
    assert (await worker.get("/a", 'If-None-Match: "1"')).status == 304


async def targets(worker: Worker) -> list[Target]:
    """Where the image was seen, by its sightings."""
    return [target for target, _ in await Sightings(worker.store, SightingsSettings()).targets(sha256(jpeg()).value)]


@pytest.mark.parametrize("content_type", ["application/octet-stream", "text/plain", "", "image/jpeg"])
async def test_what_a_head_may_have_stored_is_known(worker: Worker, content_type: str) -> None:
    """A cache may fetch the whole for a HEAD under any type: it is judged, with its length; the HEAD does not wait."""
    image, headers = jpeg(), [f"Content-Type: {content_type}"] if content_type else []
    worker.upstream.put("/a", image, *headers)
    worker.upstream.put("/a", b"", *headers, f"Content-Length: {len(image)}", method="HEAD")
    assert (await worker.get("/a", method="HEAD")).status == 200
    await eventually(lambda: targets(worker))
    assert [(target.path, target.size) for target in await targets(worker)] == [("/a", len(image))]


async def test_a_listed_image_that_a_head_may_have_stored(worker: Worker) -> None:
    """It is purged, and refused at the next HEAD."""
    image = jpeg()
    worker.upstream.put("/a", image, "Content-Type: text/plain")
    worker.upstream.put("/a", b"", "Content-Type: text/plain", "Content-Length: 9", method="HEAD")
    await worker.list(sha256(image))
    await worker.get("/a", method="HEAD")
    await eventually(lambda: worker.store.redis.xlen(worker.store.key("{purges}", "orders")))
    assert (await worker.get("/a", method="HEAD")).status == 451


async def test_a_head_of_what_is_known_asks_for_nothing_more(worker: Worker) -> None:
    """Neither does one without a body, nor one of a 204."""
    worker.upstream.put("/t", b"text", "Content-Type: text/plain", 'ETag: "1"')
    worker.upstream.put("/t", b"", "Content-Type: text/plain", 'ETag: "1"', "Content-Length: 4", method="HEAD")
    worker.upstream.put("/empty", b"", "Content-Type: text/plain", method="HEAD")
    worker.upstream.put("/none", b"", status="204 No Content", method="HEAD")
    await worker.get("/t")
    for path in ("/t", "/empty", "/none"):
        await worker.get(path, method="HEAD")
    await eventually(lambda: len(worker.runtime.gate.unjudged_requests.journal) == 0)
    assert len(worker.upstream.seen) == 4


async def test_a_head_behind_the_cache_asks_for_nothing_more(start_worker: StartWorker) -> None:
    """There the cache itself asks for what it stores."""
    worker = await start_worker(proxy={"placement": "fill"})
    worker.upstream.put("/t", b"", "Content-Type: text/plain", "Content-Length: 4", method="HEAD")
    await worker.get("/t", method="HEAD")
    await eventually(lambda: len(worker.runtime.gate.unjudged_requests.journal) == 0)
    assert len(worker.upstream.seen) == 1


async def test_a_head_whose_client_leaves_is_judged(worker: Worker) -> None:
    """Nobody reads the response to it."""
    worker.upstream.put("/a", jpeg(), "Content-Type: text/plain")
    worker.upstream.hold.clear()
    _, writer = await asyncio.open_connection(*worker.address)
    writer.write(b"HEAD /a HTTP/1.1\r\nHost: img.test\r\n\r\n")
    await eventually(lambda: worker.upstream.seen)
    writer.close()
    worker.upstream.hold.set()
    await eventually(lambda: targets(worker))


@pytest.mark.parametrize(
    "status", ["412 Precondition Failed", "416 Range Not Satisfiable"], ids=["condition", "beyond the end"]
)
async def test_what_an_answer_was_made_from_is_known(worker: Worker, status: str) -> None:
    """A cache may have fetched the whole to find that a condition does not hold, or that a range is beyond the end."""
    worker.upstream.put("/a", jpeg(), "Content-Type: text/plain")
    worker.upstream.put("/a", b"", status=status, method="RANGE")
    reply = await worker.get("/a", "Range: bytes=99999999-")
    assert reply.status == int(status[:3])
    await eventually(lambda: targets(worker))


async def test_a_head_of_a_range_that_a_cache_refuses(worker: Worker) -> None:
    """Varnish fetches the whole, and answers 416 without a body: that it is empty says nothing of the whole."""
    worker.upstream.put("/a", jpeg(), "Content-Type: text/plain")
    worker.upstream.put("/a", b"", "Content-Length: 0", status="416 Range Not Satisfiable", method="HEAD")
    assert (await worker.get("/a", "Range: bytes=0-1,4-5", method="HEAD")).status == 416
    await eventually(lambda: targets(worker))


async def test_a_sighting_by_a_part_has_the_full_length(worker: Worker) -> None:
    """A cache that stores slices has more of them than the part: by the part that is fetched whole, and by the one that
    is judged by what is known."""
    image = jpeg()
    for path in ("/new", "/known"):
        worker.upstream.put(path, image, *IMAGE)
        part = f"Content-Range: bytes 100-299/{len(image)}"
        worker.upstream.put(path, image[100:300], *IMAGE, part, status="206 Partial Content", method="RANGE")
    await worker.get("/new", "Range: bytes=100-299")
    await eventually(lambda: targets(worker))
    assert [target.size for target in await targets(worker)] == [len(image)]
    await worker.get("/known")
    await worker.runtime.gate._actions._recorder.flush()
    await forget_sightings(worker)
    await worker.get("/known", "Range: bytes=100-299")
    await eventually(lambda: targets(worker))
    assert [(target.path, target.size) for target in await targets(worker)] == [("/known", len(image))]


async def test_a_revalidated_image_is_seen_again(worker: Worker) -> None:
    """Clients that only revalidate keep its sighting from being forgotten while a cache holds it."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.upstream.answers["IF /a"] = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'
    await worker.get("/a")
    await eventually(lambda: targets(worker))
    await forget_sightings(worker)
    assert (await worker.get("/a", 'If-None-Match: "1"')).status == 304
    await eventually(lambda: targets(worker))
    assert [target.size for target in await targets(worker)] == [len(jpeg())]


async def forget_sightings(worker: Worker) -> None:
    """The store has none, and the recorder writes sightings as if none had been written before. Other workers and
    controllers of this process share the store, in namespaces of their own."""
    async for keys in worker.store.scan(f"{worker.store.namespace}:*"):
        await worker.store.redis.delete(*keys)
    worker.runtime.gate._actions._recorder._recent_sightings._times.clear()


async def test_a_whole_in_place_of_a_part_is_tagged(start_worker: StartWorker) -> None:
    """Behind a cache that purges by tag: it stores what it is sent."""
    cache = {"name": "edge", "driver": "varnish", "url": "http://127.0.0.1:1", "tags": True}
    worker = await start_worker(proxy={"placement": "fill"}, caches=[cache])
    image = jpeg()
    worker.upstream.put("/a", image, *IMAGE)
    worker.upstream.put("/a", image[:10], *IMAGE, status="206 Partial Content", method="RANGE")
    reply = await worker.get("/a", "Range: bytes=0-9")
    assert (reply.status, reply.headers["xkey"]) == (200, image_tag(sha256(image).value))


async def test_a_head_whose_whole_is_an_error_is_asked_for_again(worker: Worker) -> None:
    """The cache may have fetched the whole for it."""
    worker.upstream.put("/a", b"", *IMAGE, "Content-Length: 999", method="HEAD")
    worker.upstream.put("/a", b"", status="503 Service Unavailable")
    assert (await worker.get("/a", method="HEAD")).status == 200
    worker.upstream.put("/a", jpeg(), *IMAGE)
    await eventually(lambda: targets(worker))


async def test_a_part_whose_whole_is_an_error_is_asked_for_again(worker: Worker) -> None:
    """What the cache stored is not known yet, whatever the client got."""
    worker.upstream.put("/a", jpeg()[100:300], *IMAGE, status="206 Partial Content", method="RANGE")
    worker.upstream.put("/a", b"", status="503 Service Unavailable")
    assert (await worker.get("/a", "Range: bytes=100-299")).status == 503
    worker.upstream.put("/a", jpeg(), *IMAGE)
    await eventually(lambda: targets(worker))


@pytest.mark.parametrize(
    ("method", "headers", "answer"),
    [
        ("HEAD", (), "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 999\r\n\r\n"),
        ("HEAD", (), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 999\r\n\r\n"),
        ("GET", ('If-None-Match: "2"',), "HTTP/1.1 304 Not Modified\r\n\r\n"),
        ("GET", ("Range: bytes=99999-",), "HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n"),
    ],
    ids=["image", "text", "not modified", "range"],
)
async def test_another_image_than_a_moment_ago(
    worker: Worker, method: str, headers: tuple[str, ...], answer: str
) -> None:
    """Without validators nothing tells that the target shows the same: what a cache has stored by now is judged."""
    worker.upstream.put("/a", jpeg("coffee"), "Content-Type: image/jpeg")
    await worker.get("/a")
    asked_for = {"HEAD": "HEAD", "If-None-Match": "IF", "Range": "RANGE"}
    kind = asked_for[method if method == "HEAD" else headers[0].partition(":")[0]]
    worker.upstream.answers[f"{kind} /a"] = answer.encode()
    worker.upstream.put("/a", jpeg(), "Content-Type: image/jpeg")
    await worker.get("/a", *headers, method=method)
    await eventually(lambda: targets(worker), "the image is on record")
