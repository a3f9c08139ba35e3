"""The metric of held updates."""

from pathlib import Path

from tests.operations.guarded import guarded
from tests.support.seen_images import md5, see, seen_image

from edgeward import metrics
from edgeward.operations import held_updates, takedowns
from edgeward.operations.held_watch import HeldWatch
from edgeward.operations.takedowns import Requester, TakedownRequest
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList


def gauge() -> float | None:
    return metrics.registry.get_sample_value("edgeward_held_updates")


async def test_held_updates_are_counted(store: Store, tmp_path: Path) -> None:
    """Until they are decided. That one was held is counted for good."""
    async with guarded(store, tmp_path, {"targets": 0}) as services:
        await see(services, seen_image(1))
        before = metrics.registry.get_sample_value("edgeward_updates_held_total") or 0.0
        asked = TakedownRequest(signals=(md5(1),))
        takedown = (await takedowns.create(services, asked, Requester("ana", "api"))).status.takedown
        watch = HeldWatch(services)
        await watch.look()
        assert gauge() == 1.0
        await held_updates.reject(services, takedown.id, "bo", "")
        await watch.look()
        assert gauge() == 0.0
        assert metrics.registry.get_sample_value("edgeward_updates_held_total") == before + 1


async def test_suspended_entries_are_counted(store: Store, tmp_path: Path) -> None:
    """Until they are decided, or removed."""
    async with guarded(store, tmp_path, {}) as services:
        await services.list_store.create_list(HashList("a"), "ana")
        entry = Entry("a", md5(1))
        await services.list_store.add_entries([entry], "ana")
        await services.entry_modes.suspend(entry, 13, "edgeward", "")
        watch = HeldWatch(services)
        await watch.look()
        assert metrics.registry.get_sample_value("edgeward_monitored_entries") == 1.0
        await services.list_store.remove_entry("a", entry.id, "ana")
        await watch.look()
        assert metrics.registry.get_sample_value("edgeward_monitored_entries") == 0.0
