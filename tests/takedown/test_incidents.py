"""Incidents in a real Redis."""

import time
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


async def test_the_first_incident_of_an_entry_is_found(store: Store) -> None:
    """The oldest one that names the entry, however many others there are; none where there is none."""
    incidents, now = Incidents(store), time.time()
    known = Incident(now, Decision.BLOCK, Reason.MATCH, target("/x"), "ab" * 32, "list", "other", "pdq", 0)
    mine = replace(known, entry_id="mine")
    # A target's path that holds the id is no incident of it.
    await incidents.add([replace(known, target=target("/mine"))] * 1500)
    await incidents.add([mine, replace(mine, at=now + 1)])
    found = await incidents.first("mine", now)
    assert found
    assert (found.at, found.entry_id) == (now, "mine")
    assert await incidents.first("none", now) is None
    assert await incidents.first("mine", now + 3600) is None
