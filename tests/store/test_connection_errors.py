"""Why the store can't be reached: in the operating system's words, without redis-py's around them."""

import asyncio
from pathlib import Path

import pytest
from redis import exceptions
from tests.support.programs import free_port

from edgeward.errors import StoreUnavailable
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.store.connection_errors import NO_REDIS, NO_TLS, describe_error


async def test_each_way_to_connect(tmp_path: Path) -> None:
    """A refused connection, a socket that is not there, and a name that does not resolve. No number, no class."""
    for address, why in (
        (f"redis://127.0.0.1:{free_port()}/0", "connection refused"),
        (f"unix://{tmp_path}/store.sock", "no such file or directory"),
        ("redis://nosuch.invalid:6379/0", "[a-z ]+"),
    ):
        with pytest.raises(StoreUnavailable, match=rf"^store {address}: {why}\. Start it, or correct store\.url: "):
            await Store.connect(address)


@pytest.mark.parametrize(("scheme", "why"), [("redis", NO_REDIS), ("rediss", NO_TLS)])
async def test_another_server(scheme: str, why: str) -> None:
    """A web server, by a wrong port: that is said, and it is no defect of a process that meets it later."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    async with server:
        with pytest.raises(StoreUnavailable, match=rf"^store {address}: {why}\. Start it, or correct store\.url: "):
            await Store.connect(address)
        store = Store(address, "test", 500)
        with pytest.raises(STORE_AWAY):
            await store.redis.get("a")
        await store.close()


def test_what_the_server_says_stays() -> None:
    """An error without a cause in the operating system keeps its own words."""
    assert describe_error(exceptions.AuthenticationError("WRONGPASS invalid password")) == "WRONGPASS invalid password"
