"""A store that a test may kill."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.server import Server
from tests.support.programs import require


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A running redis-server of this test's own."""
    own = Server(tmp_path, require("redis-server"))
    await own.start()
    yield own
    own.kill()
