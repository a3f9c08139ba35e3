"""Why the store can't be reached: in the operating system's words, without redis-py's around them."""

from pathlib import Path

import pytest
from redis import exceptions
from tests.support.programs import free_port

from edgeward.errors import StoreUnavailable
from edgeward.store.connection import Store
from edgeward.store.connection_errors import describe_error


async def test_each_way_to_connect(tmp_path: Path) -> None:
    """A refused connection, a socket that is not there, and a name that does not resolve. No number, no class."""
    for address, why in (
        (f"redis://127.0.0.1:{free_port()}/0", "connection refused"),
        (f"unix://{tmp_path}/store.sock", "no such file or directory"),
        ("redis://nosuch.invalid:6379/0", "[a-z ]+"),
    ):
        with pytest.raises(StoreUnavailable, match=rf"^store {address}: {why}\. Start it, or correct store\.url: "):
            await Store.connect(address)


def test_what_the_server_says_stays() -> None:
    """An error without a cause in the operating system keeps its own words."""
    assert describe_error(exceptions.AuthenticationError("WRONGPASS invalid password")) == "WRONGPASS invalid password"
