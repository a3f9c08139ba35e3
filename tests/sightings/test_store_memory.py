"""The memory of a real Redis."""

import pytest
from tests.support.eventually import eventually

from edgeward.sightings import store_memory as module
from edgeward.sightings.store_memory import StoreMemory
from edgeward.store.connection import Store

MIB = 1024 * 1024


async def test_the_limit(small_store: Store, store: Store) -> None:
    """Three quarters of the server's maxmemory, or the setting if that is less; without both, half of the machine."""
    assert (await StoreMemory(small_store, None).use()).limit == 48 * MIB
    assert (await StoreMemory(small_store, 5 * MIB).use()).limit == 5 * MIB
    assert (await StoreMemory(small_store, 500 * MIB).use()).limit == 48 * MIB
    machine = (await store.info())["total_system_memory"]
    use = await StoreMemory(store, None).use()
    assert use.limit == machine // 2
    assert 0 < use.share < 1


async def test_has_room_until_the_limit(small_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The use is looked at again after some time, and after some bytes."""
    monkeypatch.setattr(module, "CHECK_SECONDS", 3600.0)
    memory = StoreMemory(small_store, 20 * MIB)
    assert await memory.has_room()
    await small_store.redis.set("big", bytes(24 * MIB))
    assert await memory.has_room(1000)
    assert not await memory.has_room(MIB)
    await small_store.redis.delete("big")
    assert not await memory.has_room()
    monkeypatch.setattr(module, "CHECK_SECONDS", -1.0)
    await eventually(memory.has_room)
