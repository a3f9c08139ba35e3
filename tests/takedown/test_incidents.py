"""Incidents in a real Redis."""

from dataclasses import replace

from tests.takedown.conftest import target

from edgeward.store.connection import Store
from edgeward.takedown.incidents import Incidents
from edgeward.types import Decision, Incident, Reason


async def test_come_back_newest_first(store: Store) -> None:
    """Incidents are what was added, with an id, newest first, no more than asked for."""
    incidents = Incidents(store)
    assert await incidents.recent() == []
    added = [
        Incident(float(n), Decision.BLOCK, Reason.MATCH, target("/\xe9"), "ab" * 32, "list", "entry", "pdq", n)
        for n in range(3)
    ]
    await incidents.add(added)
    found = await incidents.recent(2)
    assert [replace(one, id="") for one in found] == [added[2], added[1]]
    assert all(one.id for one in found)
