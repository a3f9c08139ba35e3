"""A store of little memory, as a fixture."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.store.connection import Store

SMALL_STORE_BYTES = 64 * 1024 * 1024


@pytest.fixture
async def small_store(tmp_path: Path) -> AsyncIterator[Store]:
    """A server with a maxmemory of SMALL_STORE_BYTES that evicts nothing."""
    path = tmp_path / "s"
    options = ("--maxmemory", str(SMALL_STORE_BYTES), "--maxmemory-policy", "noeviction")
    server = subprocess.Popen(
        [require("redis-server"), "--port", "0", "--unixsocket", path, "--dir", tmp_path, "--save", "", *options],
        stdout=subprocess.DEVNULL,
    )
    try:
        until(path.exists, "the server")
        store = await Store.connect(f"unix://{path}", timeout_ms=30_000)
        yield store
        await store.close()
    finally:
        server.terminate()
        server.wait(60)
