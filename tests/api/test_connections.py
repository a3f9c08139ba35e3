"""Connections whose requests are not HTTP, or not possible."""

import re
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.controllers import Api
from tests.support.eventually import until

from edgeward import metrics

VERSION = re.compile(rb"python|aiohttp|\d\.\d+\.\d", re.IGNORECASE)
MALFORMED = {
    "long target": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "long query": b"GET /metrics?" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
    "garbage": b"\x00\xff\xfe garbage\r\n\r\n",
    "TLS": bytes.fromhex("16030100a5010000a1030305") + b"x" * 100 + b"\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "another version": b"GET / HTTP/3.0\r\nHost: localhost\r\n\r\n",
    "bad method": b"G@T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bad header": b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    "bad length": b"POST /api/v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
    "two lengths": b"POST /api/v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "bad chunk": b"POST /api/v1/check HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    "bad target": b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "expect": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: the-unexpected\r\n\r\n",
    "connect": b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


def answer_to(api: Api, sent: bytes) -> bytes:
    """All that the listener answers until it closes the connection."""
    parts = urlsplit(api.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_no_answer_names_a_version(api: Api, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """An answer to a malformed request names neither Python nor aiohttp, and it leaves no traceback in the log."""
    caplog.set_level("DEBUG")
    answer = answer_to(api, sent)
    assert re.match(rb"HTTP/(0\.9|1\.[01]) 4", answer)
    head = answer.partition(b"\r\n\r\n")[0]
    assert b"\r\nServer: edgeward" in head
    assert not VERSION.search(answer)
    # Other controllers of this process log what their caches and stores do.
    records = [record for record in caplog.records if record.name.startswith(("aiohttp", "edgeward.api"))]
    assert len(records) <= 1
    assert not any(record.exc_info for record in records)


def test_malformed_requests_are_counted(api: Api) -> None:
    """They have a route of their own."""
    labels = {"route": "malformed", "status": "400"}

    def counted() -> float:
        return metrics.registry.get_sample_value("edgeward_api_requests_total", labels) or 0.0

    before = counted()
    answer = answer_to(api, MALFORMED["long target"])
    assert b"application/problem+json" in answer
    assert b"too long" in answer
    until(lambda: counted() == before + 1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=300))
def test_any_bytes(api: Api, sent: bytes) -> None:
    """Whatever a client sends, no answer names a version, and the listener goes on."""
    for each in (sent + b"\r\n\r\n", b"GET /" + sent + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"):
        answer = answer_to(api, each)
        assert not answer or b"\r\nServer: edgeward\r\n" in answer
        assert not re.search(rb"python|aiohttp", answer, re.IGNORECASE)
    assert api.get("/healthz").status == 200
