"""A store that a test may kill."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.parts import require
from tests.store.server import Server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A running redis-server of this test's own."""
    own = Server(tmp_path, require("redis-server"))
    await own.start()
    yield own
    own.kill()
