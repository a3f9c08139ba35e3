"""Updates that wait for a second person."""

from pathlib import Path

from tests.support.services import running_services

from edgeward.doctor.finding import Health
from edgeward.doctor.held_updates import check_held_updates
from edgeward.lists.held_changes import HeldChange
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, Signal


async def test_what_waits_is_said(store: Store, tmp_path: Path) -> None:
    """How many, and with which commands they are decided; nothing once they are."""
    async with running_services(store, tmp_path) as services:
        assert await check_held_updates(services) == []
        change = HeldChange("a", {"mode": "enforce"}, "ana", 1.5)
        await services.held_changes.create(change, "{}")
        (finding,) = await check_held_updates(services)
        assert (finding.health, finding.about, finding.check) == (Health.WARN, "lists", "held")
        assert finding.detail == "1 update of the lists would block or purge too much, and waits for a second person"
        assert "edgeward approve ID" in finding.fix
        await services.held_changes.reject(change.id, "no")
        assert await check_held_updates(services) == []


async def test_suspended_entries_are_named(store: Store, tmp_path: Path) -> None:
    """With the commands that decide on them."""
    async with running_services(store, tmp_path) as services:
        await services.list_store.create_list(HashList("a"), "ana")
        entry = Entry("a", Signal("md5", "0" * 32))
        await services.list_store.add_entries([entry], "ana")
        await services.entry_modes.suspend(entry, 13, "edgeward", "")
        (finding,) = await check_held_updates(services)
        assert (finding.health, finding.check) == (Health.WARN, "suspended")
        assert (f"{entry.id} (a)" in finding.detail, "edgeward confirm ID" in finding.fix) == (True, True)
