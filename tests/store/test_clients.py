"""The client that an address asks for."""

import pytest

from edgeward.store.clients import open_client
from edgeward.store.cluster import Cluster
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
