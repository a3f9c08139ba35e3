"""Responses without a full body are judged by the image that they stand for."""

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.responses import IMAGE
from tests.support.proxy_pictures import jpeg, sha256


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
