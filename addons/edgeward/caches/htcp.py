"""HTCP (RFC 2756): the CLR message, which removes a URL from a cache, and from the peers that the cache tells."""

import asyncio
import struct
from collections.abc import Sequence

from edgeward.types import Target

_CLR = 4
MAX_MESSAGE_BYTES = 8000
"""Squid ignores longer messages."""


def clr_message(target: Target, headers: Sequence[tuple[str, str]] = (), number: int = 0, reply: bool = False) -> bytes:
    """A CLR request (RFC 2756, sections 3 and 6.4), minor version 1 as in Squid, without authentication.

    Args:
        number: the TRANS-ID, which the response repeats.
        reply: ask for a response (RD).
    """
    uri = f"{target.scheme}://{target.host}{target.path}".encode("latin-1")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")
    specifier = b"".join(_length_prefixed(part) for part in (b"GET", uri, b"1.1", lines))
    # LENGTH, OPCODE and RESPONSE, RESERVED with RD and RR, TRANS-ID; then the reason of the CLR: 0, not given.
    data = struct.pack("!BBIH", _CLR << 4, 2 if reply else 0, number, 0) + specifier
    data = struct.pack("!H", len(data) + 2) + data
    authentication = struct.pack("!H", 2)
    return struct.pack("!HBB", len(data) + 6, 0, 1) + data + authentication


async def send_clear(address: str, targets: Sequence[Target]) -> None:
    """Send a CLR for each target to HOST:PORT by UDP, without waiting for a response: verification shows what it did.

    Raises:
        OSError: HOST cannot be resolved.
    """
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=(host.strip("[]"), int(port))
    )
    try:
        for message in map(clr_message, targets):
            # A longer one is left to PURGE, which the driver sends as well.
            if len(message) <= MAX_MESSAGE_BYTES:
                transport.sendto(message)
    finally:
        transport.close()


def _length_prefixed(text: bytes) -> bytes:
    return struct.pack("!H", len(text)) + text
