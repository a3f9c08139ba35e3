"""The small Master: shared port, drain, what upstream errors look like."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from tests.proxy.conftest import StartWorker, Worker, read_reply
from tests.support.eventually import eventually
from tests.support.programs import free_port

from edgeward.listening_sockets import PROXY_FD, listening_socket


def test_a_worker_loads_no_client_of_cdns() -> None:
    """It knows what kinds of caches there are, but calls no API: aiohttp is not loaded, which takes time and memory."""
    code = "import sys, edgeward.proxy.server; print('aiohttp' in sys.modules)"
    addons = str(Path(__file__).parents[2] / "addons")
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": addons}, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


async def test_upstream_down_is_a_plain_502(start_worker: StartWorker) -> None:
    """The response names no inner address and no version."""
    worker = await start_worker(f"127.0.0.1:{free_port()}")
    reply = await worker.get("/a.jpg")
    assert reply.status == 502
    assert b"127.0.0.1" not in reply.body
    assert "server" not in reply.headers
    assert reply.headers["cache-control"] == "no-store"


async def test_broken_upstream_is_a_502(worker: Worker) -> None:
    """Garbage and an incomplete body are answered with 502, and nothing of them is sent."""
    worker.upstream.answers["GET /garbage"] = b"SSH-2.0-nonsense\r\nConnection: close\r\n\r\n"
    worker.upstream.put("/short", b"\xff\xd8\xff\xe0" + b"x" * 2000, "Content-Length: 5000", "Connection: close")
    assert (await worker.get("/garbage")).status == 502
    short = await worker.get("/short")
    assert short.status == 502
    assert b"\xff\xd8" not in short.body


async def refuses(worker: Worker) -> bool:
    """Whether its port is closed."""
    try:
        _, writer = await asyncio.open_connection(*worker.address)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_drain_lets_responses_end(worker: Worker) -> None:
    """After the stop signal the port is closed, and the response under way still arrives complete."""
    worker.upstream.put("/later", b"", "Content-Length: 5")
    reader, writer = await asyncio.open_connection(*worker.address)
    writer.write(b"GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
    await eventually(lambda: worker.upstream.seen)
    draining = asyncio.create_task(worker.master.drain(60))
    await eventually(lambda: refuses(worker))
    assert not draining.done()
    worker.upstream.writers[0].write(b"hello")
    reply = await asyncio.wait_for(read_reply(reader), 60)
    assert (reply.body, reply.headers["connection"]) == (b"hello", "close")
    await asyncio.wait_for(draining, 60)
    writer.close()


async def test_drain_ends_at_its_deadline(worker: Worker) -> None:
    """A response that never ends does not keep a worker alive."""
    worker.upstream.put("/never", b"", "Content-Length: 5")
    _, writer = await asyncio.open_connection(*worker.address)
    writer.write(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
    await eventually(lambda: worker.upstream.seen)
    await asyncio.wait_for(worker.master.drain(0.2), 60)
    writer.close()


async def test_inherited_socket(start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker serves on the socket that the supervisor hands down."""
    sock = listening_socket("127.0.0.1:0", "proxy.listen", shared=True)
    address = sock.getsockname()
    monkeypatch.setenv(PROXY_FD, str(sock.detach()))
    worker = await start_worker()
    assert worker.address == address
    worker.upstream.put("/", b"hi")
    assert (await worker.get("/")).body == b"hi"


async def test_https_upstream_needs_a_trusted_certificate(start_worker: StartWorker) -> None:
    """An upstream that does not speak TLS, or is not trusted, is a 502, never bypassed."""
    worker = await start_worker(proxy={"upstream": f"https://127.0.0.1:{free_port()}"})
    assert (await worker.get("/")).status == 502
