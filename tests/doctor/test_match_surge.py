"""An entry that matches too much."""

import time

from edgeward.doctor import match_surge
from edgeward.doctor.finding import Health
from edgeward.doctor.match_surge import check_match_surge
from edgeward.incidents import Incidents
from edgeward.store.connection import Store
from edgeward.types import Decision, Incident, Reason, Target


def incident(entry_id: str, image: int, age: float = 0.0) -> Incident:
    target = Target("http", "h", f"/{image}")
    return Incident(
        at=time.time() - age,
        decision=Decision.BLOCK,
        reason=Reason.MATCH,
        target=target,
        sha256=f"{image:064x}",
        list="a",
        entry_id=entry_id,
        signal_type="pdq",
        distance=3,
    )


async def test_the_entry_is_named(store: Store) -> None:
    """One that matched many different images within ten minutes, and its list; with the commands that help."""
    incidents = Incidents(store)
    await incidents.add([incident("good", number) for number in range(5)])
    assert await check_match_surge(incidents) == []
    await incidents.add([incident("wide", 100 + number) for number in range(match_surge.MIN_IMAGES)])
    (finding,) = await check_match_surge(incidents)
    assert finding.health is Health.WARN
    assert "entry wide on the list 'a' matched 20 different images" in finding.detail
    assert "edgeward remove a wide" in finding.fix


async def test_one_picture_requested_often_is_no_surge(store: Store) -> None:
    """Nor are matches of long ago."""
    incidents = Incidents(store)
    await incidents.add([incident("popular", 1) for _ in range(100)])
    await incidents.add([incident("earlier", number, age=3600.0) for number in range(100)])
    assert await check_match_surge(incidents) == []
