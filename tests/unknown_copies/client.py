"""Sends requests as bytes, and leaves where they say."""

import asyncio
import contextlib
import socket
import struct

from tests.unknown_copies.requests import Request

ANSWER_SECONDS = 4.0
"""After this time without an end of the answer the client leaves."""
_LEAVES_AFTER = {"sent": 0.0, "soon": 0.002, "later": 0.03}
_MAX_ANSWER = 1 << 22


async def send(address: tuple[str, int], request: Request) -> bytes:
    """The answer, as far as the client stayed for it."""
    try:
        reader, writer = await asyncio.open_connection(*address)
    except OSError:
        return b""
    answer = b""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await _exchange(reader, writer, request)
    if request.leaves:
        # A reset, as when a program ends: the other side cannot take it for a slow reader.
        sock = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return answer


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request) -> bytes:
    data = request.encode()
    writer.write(data[: len(data) // 2] if request.leaves == "half" else data)
    await writer.drain()
    if request.leaves == "half":
        return b""
    if request.leaves == "headers":
        return await reader.read(64)
    if request.leaves == "shut":
        writer.write_eof()
    if request.leaves in _LEAVES_AFTER:
        await asyncio.sleep(_LEAVES_AFTER[request.leaves])
        return b""
    return await reader.read(-1)
