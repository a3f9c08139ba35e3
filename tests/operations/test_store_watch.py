"""The watch over the store."""

from collections.abc import AsyncIterator

import pytest
from tests.store.conftest import server as server
from tests.store.server import Server
from tests.support.eventually import eventually

from edgeward import metrics
from edgeward.lists.replication.membership import Membership
from edgeward.operations import store_watch
from edgeward.operations.store_watch import StoreWatch
from edgeward.store.connection import Store


@pytest.fixture
async def own(server: Server) -> AsyncIterator[Store]:
    connected = await Store.connect(server.url)
    yield connected
    await connected.close()


def gauge(name: str) -> float | None:
    return metrics.registry.get_sample_value(name)


async def test_silent_processes_are_counted(own: Store) -> None:
    """A metric says how many are not heard from; one that has ended does not count."""
    members, key = Membership(own), own.key("{blocklist}", "replicas")
    for name in ("live", "silent", "ended"):
        await members.heartbeat(name, 0, journal=f"of-{name}")
    await members.note_ended(["ended"])
    fields = (await own.redis.hget(key, "silent")).decode().split()
    await own.redis.hset(key, "silent", " ".join([*fields[:12], "1.0", fields[13]]))
    watch = StoreWatch(own)

    async def is_counted() -> bool:
        # The watches of other controllers in this process set the gauge too.
        await watch.look()
        return gauge("edgeward_silent_processes") == 1

    await eventually(is_counted)


async def test_eviction_and_a_full_store_are_noticed(own: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are metrics and reasons, and end when they are mended."""
    monkeypatch.setattr(store_watch, "WATCH_SECONDS", 0.05)
    watch = StoreWatch(own)
    await watch.start()
    await own.redis.config_set("maxmemory-policy", "allkeys-lru")
    watch._loop.wake()
    await eventually(lambda: watch.problems, "eviction is noticed")
    assert "allkeys-lru" in watch.problems[0].detail
    # The watches of other controllers in this process set the gauges too.
    await eventually(lambda: gauge("edgeward_store_evicts") == 1, "it is a metric")
    await own.redis.config_set("maxmemory-policy", "noeviction")
    await own.redis.config_set("maxmemory", "100kb")  # less than an empty server takes
    watch._loop.wake()
    await eventually(lambda: gauge("edgeward_store_refuses_writes") == 1, "a full store is noticed")
    await eventually(lambda: gauge("edgeward_store_evicts") == 0, "eviction has ended")
    await own.redis.config_set("maxmemory", "0")
    watch._loop.wake()
    await eventually(lambda: not watch.problems, "all is well")
    await eventually(lambda: gauge("edgeward_store_refuses_writes") == 0, "the metric says so")
    await watch.close()
