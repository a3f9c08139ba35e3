"""What we rely on in mitmproxy's private layers, on real connections."""

import asyncio
import gc
import io

from backports import zstd
from mitmproxy import http
from PIL import Image
from pytest import LogCaptureFixture
from skimage import data
from tests.proxy.conftest import StartWorker, Worker, read_reply
from tests.support import proxy_pictures as pictures
from tests.support.proxy_pictures import sha256


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.fromarray(data.astronaut()).save(out, "JPEG", quality=85)
    return out.getvalue()


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


async def test_every_split_of_a_body_arrives(worker: Worker) -> None:
    """A body passes byte for byte however it arrives: shorter than what is sniffed, longer, in single bytes."""
    for length in (0, 1, 511, 512, 513, 5000, 200_000):
        body = bytes(range(256)) * (length // 256) + bytes(length % 256)
        worker.upstream.put(f"/plain{length}", body, "Content-Type: application/octet-stream")
        worker.upstream.put(f"/chunks{length}", chunked(body, 100), "Transfer-Encoding: chunked")
        assert (await worker.get(f"/plain{length}")).body == body
        assert (await worker.get(f"/chunks{length}")).body == body


async def test_chunked_image_over_the_limit_is_refused(start_worker: StartWorker) -> None:
    """A body without a length is refused once it exceeds hashing.max_bytes, and the upstream connection is closed."""
    worker = await start_worker(hashing={"max_bytes": 10_000})
    worker.upstream.put("/big", chunked(jpeg(), 1000), "Transfer-Encoding: chunked", "Content-Type: image/jpeg")
    reply = await worker.get("/big")
    assert (reply.status, reply.headers.get("retry-after")) == (403, None)
    assert b"JFIF" not in reply.body


async def test_chunked_image_over_the_limit_is_streamed_by_policy(start_worker: StartWorker) -> None:
    """With policy.too_large = "deliver" it is delivered in full, from the first byte on."""
    worker = await start_worker(hashing={"max_bytes": 10_000}, policy={"too_large": "deliver"})
    image = jpeg()
    worker.upstream.put("/big", chunked(image, 1000), "Transfer-Encoding: chunked", "Content-Type: image/jpeg")
    assert (await worker.get("/big")).body == image


async def test_declared_length_over_the_limit_is_refused_at_once(start_worker: StartWorker) -> None:
    """A Content-Length over the limit is refused at once, without waiting for the body."""
    worker = await start_worker(hashing={"max_bytes": 10_000})
    worker.upstream.put("/big", jpeg()[:600], "Content-Type: image/jpeg", "Content-Length: 99999999")
    assert (await worker.get("/big")).status == 403


async def test_a_connection_lives_on_after_a_refusal(start_worker: StartWorker) -> None:
    """After a refused response the next request on the same client connection is served."""
    worker = await start_worker(hashing={"max_bytes": 10_000})
    worker.upstream.put("/big", jpeg(), "Content-Type: image/jpeg")
    worker.upstream.put("/small", b"hello", "Content-Type: text/plain")
    two = b"GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    reader, writer = await asyncio.open_connection(*worker.address)
    writer.write(two)
    everything = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    assert everything.startswith(b"HTTP/1.1 403")
    assert everything.endswith(b"hello")


async def test_a_refused_upload_is_not_forwarded(worker: Worker) -> None:
    """The body of a refused request is dropped."""
    reply = await worker.get("/x", "Content-Type: text/plain", method="BAN", body=b"secret" * 1000)
    assert reply.status == 405
    assert worker.upstream.seen == []


async def test_what_was_on_its_way_when_refused_is_dropped(
    start_worker: StartWorker, caplog: LogCaptureFixture
) -> None:
    """A refusal at the headers takes a moment; the body that arrives meanwhile is dropped."""
    worker = await start_worker()
    image = jpeg()
    part = f"Content-Range: bytes 0-{len(image) - 1}/{len(image) + 1}"
    worker.upstream.put("/a", image, "Content-Type: image/jpeg", part, status="206 Partial Content", method="RANGE")
    for _ in range(5):
        reader, writer = await asyncio.open_connection(*worker.address)
        writer.write(b"GET /a HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\n\r\n")
        assert (await asyncio.wait_for(read_reply(reader), 60)).status == 503
        writer.write(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await asyncio.wait_for(read_reply(reader), 60)).status == 404
        writer.close()
    assert "crashed" not in caplog.text


async def test_events_are_not_held_up(worker: Worker) -> None:
    """A stream of events is not held up: the first event arrives before the second is sent."""
    worker.upstream.put("/events", b"data: 1\n\n", "Content-Type: text/event-stream", "Content-Length: 18")
    reader, writer = await asyncio.open_connection(*worker.address)
    writer.write(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b"data: 1\n\n"), 60)
    worker.upstream.writers[0].write(b"data: 2\n\n")
    await asyncio.wait_for(reader.readuntil(b"data: 2\n\n"), 60)
    writer.close()


async def test_image_under_zstd_and_a_wrong_type(worker: Worker) -> None:
    """Also where the first bytes of the body tell nothing yet."""
    image = jpeg()
    worker.upstream.put("/z", zstd.compress(image), "Content-Type: text/html", "Content-Encoding: zstd")
    await worker.list(sha256(image))
    assert (await worker.get("/z")).status == 451


async def test_bodies_are_forgotten_once_sent(worker: Worker) -> None:
    """A body is freed when it is sent, not at the next full garbage collection."""
    image = pictures.jpeg("rocket", 71)  # that no other test serves
    worker.upstream.put("/a", image, "Content-Type: image/jpeg")
    gc.disable()
    try:
        for _ in range(3):
            await worker.get("/a")
        alive = [one for one in gc.get_objects() if isinstance(one, http.Response) and one.raw_content == image]
    finally:
        gc.enable()
    assert alive == []


async def test_a_tunnel_keeps_nothing(start_worker: StartWorker) -> None:
    """After a 101 bytes pass both ways; an endless message of a WebSocket is not collected."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        worker = await start_worker(f"{host}:{port}")
        reader, writer = await asyncio.open_connection(*worker.address)
        headers = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
        writer.write(f"GET /ws HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        # A text message whose first frame is not the last: all that follows belongs to it.
        message = b"\x01\x7f" + (1 << 40).to_bytes(8, "big") + b"x" * 100_000
        writer.write(message)
        assert await asyncio.wait_for(reader.readexactly(len(message)), 60) == message
        writer.close()
