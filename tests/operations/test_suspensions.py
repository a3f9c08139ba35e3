"""Entries that wait for a person."""

import pytest

from edgeward.errors import Conflict, NotFound
from edgeward.operations import entries, lists, suspensions
from edgeward.operations.entry_effect import Effect, effect_of
from edgeward.operations.services import Services
from edgeward.operations.still_blocked import by_signals
from edgeward.operations.waiting import wait_applied
from edgeward.types import Entry, HashList, Signal

MD5 = Signal("md5", "0" * 32)
ID = Entry("a", MD5).id


async def test_a_suspended_entry_is_told_from_others(services: Services) -> None:
    """It monitors, and is not named as what still blocks; until a person confirms it, once."""
    await lists.create(services, HashList("a"), "ana", "")
    await entries.add(services, "a", [MD5], "ana", "")
    with pytest.raises(Conflict):
        await suspensions.confirm(services, ID, "bo", "")
    change = await services.entry_modes.suspend(Entry("a", MD5), 13, "edgeward", "")
    assert change is not None
    await wait_applied(services.list_store, change.version)
    assert [each.entry.id for each in await suspensions.index(services)] == [ID]
    assert await effect_of(services, entries.find(services, ID)) is Effect.MONITORS
    assert not (await by_signals(services, [MD5])).blocking
    assert (await suspensions.confirm(services, ID, "bo", "")).change.active
    assert await effect_of(services, entries.find(services, ID)) is Effect.BLOCKS
    assert (await by_signals(services, [MD5])).blocking
    assert await suspensions.index(services) == []
    with pytest.raises(NotFound):
        await suspensions.confirm(services, "0" * 20, "bo", "")
