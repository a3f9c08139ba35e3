"""Incidents through the API."""

from tests.control.edges import Edge, with_store

from edgeward.store.connection import Store
from edgeward.takedown.incidents import Incidents
from edgeward.types import Decision, Incident, Reason, Target


def test_incidents_are_told_newest_first(edge: Edge) -> None:
    """A block by a proxy is there for people to see, with what is needed to undo it."""
    target = Target("http", "photos.example", "/a.jpg")
    incidents = [
        Incident(at, Decision.BLOCK, Reason.MATCH, target, "ab" * 32, "a-list", f"entry{at}", "pdq", 4)
        for at in (1.0, 2.0, 3.0)
    ]

    async def write(store: Store) -> None:
        await Incidents(store).add(incidents)

    with_store(edge.config, write)
    told = edge.api.get("/incidents", limit=2).json["incidents"]
    assert [incident["entry"] for incident in told] == ["entry3.0", "entry2.0"]
    assert (told[0]["list"], told[0]["url"], told[0]["distance"]) == ("a-list", "http://photos.example/a.jpg", 4)
