"""However many clients ask for however large images: a worker holds no more of them than its budget."""

import asyncio
import socket

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.responses import ended, verdict_count
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg, sha256

from edgeward.proxy import body_memory as module
from edgeward.proxy import unjudged_requests
from edgeward.proxy.body_memory import Reservation
from edgeward.purging.orders import Orders
from edgeward.types import Cause

MB = 1_000_000


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates are taken sooner: over some looks still, since a busy machine moves nothing between two of them."""
    monkeypatch.setattr(module, "RATE_SECONDS", 1.0)


BODY = jpeg() + bytes(8 * MB)


async def stalled_client(worker: Worker, path: str) -> socket.socket:
    """A client that asks and reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, worker.address)
    await asyncio.get_running_loop().sock_sendall(client, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return client


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_clients_that_do_not_read_hold_no_more_than_the_budget(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch, quick: None, framing: str
) -> None:
    """However many they are: the budget is kept, they are ended one by one as others wait, and a client that reads
    gets its image."""
    worker = await start_worker(proxy={"body_memory_mb": 20})
    memory = worker.runtime.gate.memory
    if framing == "length":
        worker.upstream.put("/a", BODY, "Content-Type: image/jpeg")
    else:
        coded = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
        worker.upstream.put("/a", coded, "Content-Type: image/jpeg", "Transfer-Encoding: chunked")
    most, grow = 0, Reservation.grow

    def watched(reservation: Reservation, received: int) -> None:
        nonlocal most
        grow(reservation, received)
        most = max(most, memory.used)

    monkeypatch.setattr(Reservation, "grow", watched)
    before = ended("slow_client")
    clients = [await stalled_client(worker, "/a") for _ in range(5)]
    reply = await worker.get("/a")
    assert reply.status == 200
    assert reply.body == BODY
    await eventually(lambda: ended("slow_client") > before)
    # Of those of unknown length one may exceed it.
    assert most <= (20 << 20) + (0 if framing == "length" else len(BODY) + (1 << 20))
    for client in clients:
        client.close()
    await eventually(lambda: memory.used == 0)


async def test_without_memory_a_body_is_refused_for_the_moment(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with Retry-After, counted as overloaded; other responses pass, and so does the image a moment later."""
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.1)
    worker = await start_worker(proxy={"body_memory_mb": 16})
    worker.upstream.put("/a", BODY, "Content-Type: image/jpeg")
    worker.upstream.put("/t", b"text" * 9_000_000, "Content-Type: text/plain")
    held, before = await worker.runtime.gate.memory.reserve(16 << 20), verdict_count("block", "overloaded")
    assert held is not None
    reply = await worker.get("/a")
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    assert verdict_count("block", "overloaded") == before + 1
    assert len((await worker.get("/t")).body) == 36_000_000
    held.release()
    await eventually(lambda: worker.runtime.gate.memory.used == 0)
    assert (await worker.get("/a")).body == BODY


async def test_without_memory_a_body_is_delivered_by_policy(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With policy.overloaded = "deliver" it is streamed unchecked, from the first byte on."""
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.1)
    worker = await start_worker(proxy={"body_memory_mb": 16}, policy={"overloaded": "deliver"})
    worker.upstream.put("/a", BODY, "Content-Type: image/jpeg")
    worker.upstream.put("/c", b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY), "Transfer-Encoding: chunked")
    held = await worker.runtime.gate.memory.reserve(16 << 20)
    assert held is not None
    for path in ("/a", "/c"):
        assert (await worker.get(path)).body == BODY
    held.release()


async def purges_without_memory(worker: Worker, path: str) -> list[Cause]:
    """Ask for a path while there is no memory; the causes of the purges that follow from that."""
    held = await worker.runtime.gate.memory.reserve(16 << 20)
    assert held is not None
    unjudged = worker.runtime.gate.unjudged_requests
    assert (await worker.get(path)).status == 503
    await eventually(lambda: len(unjudged.journal) == 0)
    held.release()
    return [order.cause for order, _ in await Orders(worker.store).recent()]


@pytest.mark.parametrize("path", ["/a", "/c", "/page"])
async def test_without_memory_what_is_known_is_not_purged(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """The cache has what the target showed before, as its validators say. What may be another is purged in the end."""
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.1)
    worker = await start_worker(proxy={"body_memory_mb": 16})
    image = jpeg()

    def put(etag: str) -> None:
        coded = b"%x\r\n%b\r\n0\r\n\r\n" % (len(image), image)
        worker.upstream.put("/a", image, "Content-Type: image/jpeg", etag)
        worker.upstream.put("/c", coded, "Transfer-Encoding: chunked", etag)
        worker.upstream.put("/page", b"<p>hello", "Content-Type: image/png", etag)

    put('ETag: "1"')
    await worker.get(path)
    assert await purges_without_memory(worker, path) == []
    put('ETag: "2"')
    monkeypatch.setattr(unjudged_requests, "GIVE_UP_SECONDS", 1.0)
    assert await purges_without_memory(worker, path) == [Cause.UNJUDGED]


async def test_without_memory_what_was_listed_meanwhile_is_purged(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache may have stored it after the purge that followed from the listing."""
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.1)
    monkeypatch.setattr(unjudged_requests, "GIVE_UP_SECONDS", 1.0)
    worker = await start_worker(proxy={"body_memory_mb": 16}, policy={"recheck_seconds": 0})
    worker.upstream.put("/a", jpeg(), "Content-Type: image/jpeg", 'ETag: "1"')
    assert (await worker.get("/a")).status == 200
    await worker.list(sha256(jpeg()))
    assert Cause.UNJUDGED in await purges_without_memory(worker, "/a")


async def test_memory_is_given_back_whatever_happens(start_worker: StartWorker) -> None:
    """After deliveries, refusals, ranges, broken upstreams and clients that leave."""
    worker = await start_worker(hashing={"max_bytes": 200_000})
    image = jpeg()
    worker.upstream.put("/a", image, "Content-Type: image/jpeg")
    worker.upstream.put("/big", image + bytes(300_000), "Content-Type: image/jpeg")
    big = image + bytes(300_000)
    worker.upstream.put("/bigc", b"%x\r\n%b\r\n0\r\n\r\n" % (len(big), big), "Transfer-Encoding: chunked")
    worker.upstream.put("/short", image[:900], "Content-Type: image/jpeg", "Content-Length: 5000", "Connection: close")
    part = ("Content-Type: image/jpeg", f"Content-Range: bytes 0-99/{len(image)}")
    worker.upstream.put("/a", image[:100], *part, status="206 Partial Content", method="RANGE")
    assert [(await worker.get(path)).status for path in ("/a", "/big", "/bigc", "/short")] == [200, 403, 403, 502]
    assert (await worker.get("/a", "Range: bytes=0-99")).status == 200
    for path in ("/a", "/bigc"):
        _, writer = await asyncio.open_connection(*worker.address)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        writer.close()
    await eventually(lambda: worker.runtime.gate.memory.used == 0)
