"""The store's memory is kept below the limit for sightings."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.support.eventually import eventually
from tests.support.real_caches import image, target

from edgeward import metrics
from edgeward.settings.config import SightingsSettings
from edgeward.sightings import prune_worker as module
from edgeward.sightings import store_memory
from edgeward.sightings.prune_worker import PruneWorker
from edgeward.sightings.sightings import Sightings
from edgeward.sightings.store_memory import MemoryUse
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.types import Sighting

POPULAR = "/popular"


def seen(number: int) -> Sighting:
    return Sighting(replace(target(f"/{number}?{'x' * 400}"), host="flood.test"), image(str(number)), time.time(), 1)


@pytest.fixture
async def flooded(small_store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sightings]:
    """Sightings up to nearly the limit, which is a quarter of the small store; one target is popular."""
    monkeypatch.setattr(store_memory, "MAXMEMORY_SHARE", 0.25)
    monkeypatch.setattr(store_memory, "CHECK_SECONDS", -1.0)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.02)
    sightings = Sightings(small_store, SightingsSettings())
    for _ in range(2):
        await sightings.write([Sighting(target(POPULAR), image("popular"), time.time(), 1)])
    number = 0
    while (await sightings.memory.use()).share < 0.97:
        await sightings.write([seen(number + each) for each in range(200)])
        number += 200
    yield sightings


async def below(sightings: Sightings, share: float) -> bool:
    return (await sightings.memory.use()).share < share


async def test_prunes_when_memory_is_short(flooded: Sightings) -> None:
    """Until the use is well below the limit. What was requested again stays, and the rest is remembered as lost."""
    worker = PruneWorker(flooded)
    await worker.start()
    await eventually(lambda: below(flooded, module.PRUNE_FROM))
    await worker.close()
    assert [found.path for found, _ in await flooded.targets(image("popular").sha256)] == [POPULAR]
    assert {prefix.host for prefix in await flooded.forgotten.lost()} == {"flood.test"}
    assert (metrics.registry.get_sample_value("edgeward_sightings_memory_ratio") or 0) > 0
    assert await flooded.memory.has_room()


async def test_prunes_a_store_that_is_full(flooded: Sightings, small_store: Store) -> None:
    """It takes no writes, not even of what was forgotten: sightings make room for both."""
    used = (await small_store.info())["used_memory"]
    await small_store.redis.config_set("maxmemory", used - 2 * 1024 * 1024)
    with pytest.raises(STORE_AWAY):
        await small_store.redis.set("small", "1")
    worker = PruneWorker(flooded)
    await worker.start()

    async def takes_writes() -> bool:
        try:
            return bool(await small_store.redis.set("small", "1"))
        except STORE_AWAY:
            return False

    await eventually(takes_writes)
    await worker.close()
    assert (await flooded.forgotten.totals()).lost > 0


async def test_one_controller_prunes_at_a_time(flooded: Sightings, small_store: Store) -> None:
    """While another has the lease, nothing is pruned; when it has died, this one goes on, though the store's clock was
    set back since: then the lease would last longer than any."""
    key = small_store.key("{forgotten}", "pruner")
    await small_store.redis.set(key, "1")
    worker = PruneWorker(flooded)
    await worker._step()
    assert not await below(flooded, module.PRUNE_FROM)
    await small_store.redis.pexpire(key, module.LEASE_MS)
    assert not await worker._hold_lease()
    await small_store.redis.pexpire(key, 2 * module.LEASE_MS)
    await worker._step()
    assert (await flooded.forgotten.totals()).targets > 0
    assert not await small_store.redis.exists(key)


async def test_a_long_pass_keeps_its_lease(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is renewed with each step. One that was lost all the same ends the pass, and stays another's."""
    monkeypatch.setattr(module, "LEASE_MS", 600_000)
    monkeypatch.setattr(module, "IDLE_SECONDS", 0)
    sightings, key = Sightings(store, SightingsSettings()), store.key("{forgotten}", "pruner")

    async def use() -> MemoryUse:
        return MemoryUse(95, 100)

    monkeypatch.setattr(sightings.memory, "use", use)
    owners: list[bytes | None] = []
    renewed: list[bool] = []

    async def forget_share(share: float) -> AsyncIterator[int]:
        for number in range(5):
            owners.append(await store.redis.get(key))
            renewed.append(await store.redis.pttl(key) > module.LEASE_MS / 2)
            # As if the step took most of the lease.
            await store.redis.pexpire(key, module.LEASE_MS // 4)
            if number == 3:
                await store.redis.set(key, "another")
            yield 1

    monkeypatch.setattr(sightings.pruning, "forget_share", forget_share)
    await PruneWorker(sightings)._step()
    assert len(owners) == 4 and len(set(owners)) == 1 and owners[0] is not None
    assert renewed == [True] * 4
    assert await store.redis.get(key) == b"another"
