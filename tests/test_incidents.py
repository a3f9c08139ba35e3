"""Incidents in a real Redis."""

import time
from dataclasses import replace

from tests.support.real_caches import target

from edgeward.incidents import Incidents
from edgeward.store.connection import Store
from edgeward.types import Decision, Incident, Reason


async def test_come_back_newest_first(store: Store) -> None:
    """Incidents are read as they were added, with an id, newest first, no more than asked for."""
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
    """Finds the oldest incident of an entry, however many others there are; None if there is none."""
    incidents, now = Incidents(store), time.time()
    known = Incident(now, Decision.BLOCK, Reason.MATCH, target("/x"), "ab" * 32, "list", "other", "pdq", 0)
    of_entry = replace(known, entry_id="ab12")
    # A path that contains the entry's id does not make an incident one of that entry.
    await incidents.add([replace(known, target=target("/ab12"))] * 1500)
    await incidents.add([of_entry, replace(of_entry, at=now + 1)])
    found = await incidents.first("ab12", now)
    assert found
    assert (found.at, found.entry_id) == (now, "ab12")
    assert await incidents.first("none", now) is None
    assert await incidents.first("ab12", now + 3600) is None
