"""The client that an address asks for."""

import asyncio
import signal

import pytest
from tests.store.server import Server as OwnServer

from edgeward.store.clients import MAX_CONNECTIONS, open_client
from edgeward.store.cluster import Cluster
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.store.server import Server
from edgeward.store.store_address import parse_address


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://127.0.0.1:1/2", Server),
        ("redis+sentinel://127.0.0.1:1/edge", Server),
        ("redis+cluster://127.0.0.1:1", Cluster),
    ],
)
async def test_each_kind_of_store_has_its_client(url: str, kind: type) -> None:
    """A client is made without connecting, so a store that is down does not matter yet."""
    client = open_client(parse_address(url), timeout=1.0, connect_timeout=1.0)
    assert type(client) is kind
    await client.aclose()


COMMANDS = 3 * MAX_CONNECTIONS


async def many_at_once(store: Store) -> list[int]:
    """The answers of more commands than there may be connections."""
    key = store.key("{purges}", "count")
    answers = [store.redis.incr(key) for _ in range(COMMANDS)]
    return sorted(await asyncio.gather(*answers))


async def test_more_commands_than_connections(store: Store, small_store: Store) -> None:
    """On TCP and on a Unix socket they wait for a connection; there are no more than MAX_CONNECTIONS."""
    for each in (store, small_store):
        before = len(await each.redis.client_list())
        assert await many_at_once(each) == list(range(1, COMMANDS + 1))
        assert len(await each.redis.client_list()) - before <= MAX_CONNECTIONS


async def test_more_commands_than_connections_to_several_servers(spread: Store) -> None:
    """The same of a Sentinel set and a cluster."""
    assert await many_at_once(spread) == list(range(1, COMMANDS + 1))


async def test_a_connection_that_does_not_come(server: OwnServer) -> None:
    """Commands that wait for one in vain fail like any other on a store that is away, within the time of a command."""
    store = await Store.connect(server.url, timeout_ms=200)
    assert server.process
    server.process.send_signal(signal.SIGSTOP)
    answers = await asyncio.gather(*(store.redis.get("a") for _ in range(COMMANDS)), return_exceptions=True)
    assert all(isinstance(answer, STORE_AWAY) for answer in answers)
    server.process.send_signal(signal.SIGCONT)
    assert await store.redis.get("a") is None
    await store.close()
