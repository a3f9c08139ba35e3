"""Incidents through the API."""

from tests.support.edges import Edge, with_store

from edgeward.incidents import Incidents
from edgeward.store.connection import Store
from edgeward.types import Decision, Incident, Reason, Target


def test_incidents_come_newest_first(edge: Edge) -> None:
    """A block by a proxy is shown with its list and entry, so that a mistake can be undone."""
    target = Target("http", "photos.example", "/a.jpg")
    incidents = [
        Incident(at, Decision.BLOCK, Reason.MATCH, target, "ab" * 32, "a-list", f"entry{at}", "pdq", 4)
        for at in (1.0, 2.0, 3.0)
    ]

    async def write(store: Store) -> None:
        await Incidents(store).add(incidents)

    with_store(edge.config, write)
    found = edge.api.get("/incidents", limit=2).json["incidents"]
    assert [incident["entry"] for incident in found] == ["entry3.0", "entry2.0"]
    assert (found[0]["list"], found[0]["url"], found[0]["distance"]) == ("a-list", "http://photos.example/a.jpg", 4)
