"""HTCP messages, byte for byte, and how a real Squid reacts."""

import socket

import pytest
from tests.caches.cache_client import is_cached, send
from tests.support.real_caches import target

from edgeward.caches.htcp import MAX_MESSAGE_BYTES, clr_message, send_clear
from edgeward.demo.caches import CacheServer, Squid
from edgeward.types import Target


def test_the_message() -> None:
    """Header, DATA with the CLR's reason and specifier, and an empty AUTH, as in RFC 2756."""
    message = clr_message(Target("http", "a.test", "/\xe9"), [("Accept", "*/*")], number=0x01020304, reply=True)
    assert message == (
        b"\x00\x3a\x00\x01"  # 58 bytes, version 0.1
        b"\x00\x34\x40\x02\x01\x02\x03\x04"  # DATA of 52 bytes, CLR, an answer is wanted, its number
        b"\x00\x00\x00\x03GET\x00\x0fhttp://a.test/\xe9\x00\x031.1\x00\x0dAccept: */*\r\n"
        b"\x00\x02"
    )


def ask(squid: Squid, message: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(message, squid.htcp_address)
        return client.recv(100)


def test_squid_takes_it(squid: CacheServer) -> None:
    """The URL is removed, and the response says whether it was there (RESPONSE 0, or 2 where it was not)."""
    assert isinstance(squid, Squid)
    send(squid, "/clr")
    message = clr_message(target("/clr"), number=7, reply=True)
    there, not_there = ask(squid, message), ask(squid, message)
    assert not is_cached(squid, "/clr")
    # Version 0.1, then LENGTH of DATA, OPCODE 4 with RESPONSE, RR, and the number that was sent.
    assert (there[2:4], there[6:8], there[8:12]) == (b"\x00\x01", b"\x40\x01", b"\x00\x00\x00\x07")
    assert not_there[6] == 0x42


async def test_sends_one_for_each() -> None:
    """Each target gets a message; one that would be too long is left out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        host, port = server.getsockname()
        await send_clear(f"{host}:{port}", [target("/a"), target("/" + "l" * MAX_MESSAGE_BYTES), target("/b")])
        assert [server.recv(9000) for _ in range(2)] == [clr_message(target("/a")), clr_message(target("/b"))]


async def test_a_host_without_an_address() -> None:
    """A host that cannot be resolved raises OSError."""
    with pytest.raises(OSError):
        await send_clear("nowhere.invalid:4827", [target("/a")])
