"""A worker's parts, put together."""

from pathlib import Path

import pytest
from tests.support.eventually import eventually
from tests.support.store_copies import bring_back, copy_of, pass_lease_time

from edgeward.errors import StoreUnavailable
from edgeward.proxy.runtime import Runtime, replica_name
from edgeward.settings.config import Config, HashingSettings, SightingsSettings, StoreSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store


def config(url: str, namespace: str, tmp_path: Path) -> Config:
    store = StoreSettings(url=url, namespace=namespace)
    return Config(state_dir=tmp_path, store=store, hashing=HashingSettings(processes=1))


async def test_ready_when_entered(store: Store, redis_url: str, tmp_path: Path) -> None:
    """Inside the context the lists are loaded; afterwards no hasher is left."""
    async with Runtime(config(redis_url, store.namespace, tmp_path)) as runtime:
        assert runtime.replica.ready
        assert not runtime.gate.draining


async def test_a_worker_says_that_sightings_are_lost(store: Store, redis_url: str, tmp_path: Path) -> None:
    """The store comes back with an older copy; no controller may run that could notice it."""
    forgotten = Sightings(store, SightingsSettings()).forgotten
    async with Runtime(config(redis_url, store.namespace, tmp_path)) as runtime:
        before = await copy_of(store)
        await pass_lease_time(store, 60)
        await runtime.replica.compare_with_store()
        await bring_back(store, before)

        async def lost() -> bool:
            return (await forgotten.totals()).store_lost

        await eventually(lost, "the loss is remembered")


async def test_store_away_is_named(tmp_path: Path) -> None:
    """A worker that never had lists does not start without the store."""
    with pytest.raises(StoreUnavailable, match="nowhere"):
        async with Runtime(config(f"unix://{tmp_path}/nowhere", "x", tmp_path)):
            pass


async def test_a_patient_worker_waits_for_the_store(tmp_path: Path) -> None:
    """A worker that the supervisor restarts while the store is away runs, but is not ready."""
    async with Runtime(config(f"unix://{tmp_path}/nowhere", "x", tmp_path), patient=True) as runtime:
        assert not runtime.replica.ready


def test_names_differ_between_processes() -> None:
    """The name holds host and process id."""
    assert replica_name().rpartition("/")[2].isdigit()
