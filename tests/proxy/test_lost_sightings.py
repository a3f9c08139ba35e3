"""Lost sightings, on a real Redis."""

import time
from pathlib import Path

import pytest
from tests.support.eventually import eventually
from tests.support.real_caches import target

from edgeward import metrics
from edgeward.lists.list_store import ListStore
from edgeward.proxy import lost_sightings as module
from edgeward.proxy.lost_hosts_file import LostHostsFile
from edgeward.proxy.lost_sightings import LostSightings
from edgeward.purging.orders import Orders
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.forgotten import EVERYWHERE
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import HashList, Scope, Target


async def test_counts_by_host(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are lost, a bounded number of hosts is kept; the others are everywhere. Each is counted once."""
    monkeypatch.setattr(module, "MAX_HOSTS", 2)
    sightings, orders = Sightings(store, SightingsSettings()), Orders(store)
    lost = LostSightings(sightings, orders, ListStore(store))
    before = metrics.registry.get_sample_value("edgeward_sightings_dropped_total") or 0
    hosts = ["a.test", "a.test", "b.test", "c.test", "d.test", "a.test"]
    for host in hosts:
        lost.add(Target("http", host, "/x?y"), 0)
    await lost.buffer.start()
    await lost.buffer.flush()
    expected = {Target("http", "a.test", "/"): 3, Target("http", "b.test", "/"): 1, EVERYWHERE: 2}
    assert await sightings.forgotten.lost() == expected
    lost.add(Target("http", "c.test", "/"), 0)
    await lost.buffer.close()
    assert (await sightings.forgotten.lost())[Target("http", "c.test", "/")] == 1
    assert metrics.registry.get_sample_value("edgeward_sightings_dropped_total") == before + 7
    assert await orders.recent() == []


async def test_a_worker_takes_over_what_a_dead_one_lost(store: Store, tmp_path: Path) -> None:
    """It writes the hosts, and has them purged: lists may have changed since. Then nothing is left on disk."""
    (tmp_path / "1-a").write_text('["http", "img.test"]')
    sightings, orders = Sightings(store, SightingsSettings()), Orders(store)
    lost = LostSightings(sightings, orders, ListStore(store), LostHostsFile(tmp_path))
    await lost.start()
    await lost.buffer.close()
    host = Target("http", "img.test", "/")
    assert await sightings.forgotten.lost() == {host: 1}
    assert [(order.scope, order.target) for order, _ in await orders.recent()] == [(Scope.PREFIX, host)]
    assert list(tmp_path.iterdir()) == []


async def test_what_was_judged_by_older_lists_is_purged_at_once(store: Store) -> None:
    """A listing since then has not found the lost target: its retromatching may be over."""
    sightings, orders, list_store = Sightings(store, SightingsSettings()), Orders(store), ListStore(store)
    lost = LostSightings(sightings, orders, list_store)
    version = await list_store.version()
    await list_store.create_list(HashList("bad"), "tester")
    lost.add(target("/1"), version)
    lost.add(target("/2"), version + 1)
    await lost.buffer.start()
    await eventually(orders.recent)
    await lost.buffer.close()
    ((order, _),) = await orders.recent()
    assert (order.scope, order.target, order.forgotten) == (Scope.PREFIX, Target("http", "img.test", "/"), 2)
    assert abs(order.started_at - time.time()) < 60


async def test_what_is_lost_during_a_write_is_written_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where several were lost just before it: nothing else must be lost for that."""
    sightings = Sightings(store, SightingsSettings())
    lost = LostSightings(sightings, Orders(store), ListStore(store))
    remember = sightings.forgotten.remember_lost

    async def remember_and_lose(hosts: dict[Target, int], *, recorded_again: bool) -> None:
        monkeypatch.setattr(sightings.forgotten, "remember_lost", remember)
        await remember(hosts, recorded_again=recorded_again)
        lost.add(Target("http", "late.test", "/"), 0)

    monkeypatch.setattr(sightings.forgotten, "remember_lost", remember_and_lose)
    for host in ("a.test", "b.test", "c.test"):
        lost.add(Target("http", host, "/"), 0)
    await lost.buffer.start()
    await lost.buffer.flush()
    await lost.buffer.close()
    assert (await sightings.forgotten.lost())[Target("http", "late.test", "/")] == 1
